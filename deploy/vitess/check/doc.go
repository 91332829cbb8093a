// Package check holds deploy/vitess against every statement of repo/mysql, with
// Vitess's own planner and no server. It is a module of its own: Vitess is
// large, and nothing of it is in the product. `make vitess` runs it.
package check
