// Package judge decides whether a run kept the rules of delivery
// (docs/PROTOCOL.md): it takes what every client saw and what stands in the
// table, and returns each broken rule. It is pure: no clock, no socket, no
// database.
package judge
