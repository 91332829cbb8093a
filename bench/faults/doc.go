// Package faults attacks the promise "acked is durable, once, in order, for
// ever; a gap is never silent": a fleet of clients that behave as those of
// @corrillo/client talks to the built server while a schedule of faults, which
// its seed repeats, strikes the server or the nodes of a cluster, the database,
// its disk, and the network on all sides. Every client writes down what happens to it, and bench/judge
// holds that against the table.
//
// `make faults` is the long run; the package's test runs a cut of it.
package faults
