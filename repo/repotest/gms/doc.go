// Package gms holds repo/mysql against a second engine that speaks MySQL's
// protocol, go-mysql-server with its tables in memory, by the same suite. It
// is a module of its own: the engine is large, and nothing of it is in the
// product. `make gms` runs it.
package gms
