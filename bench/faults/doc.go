// Package faults attacks the promise "acked is durable, once, in order, for
// ever; a gap is never silent". A fleet of clients that behave as those of
// @corrillo/client talks to the built server, or to a cluster, while faults strike
// the server or its nodes, the database, its disk, and the network between all of
// them. A nemesis is one kind of fault; the schedule in which nemeses strike follows
// from a seed. Every client logs what happens to it, and bench/judge compares the
// log with the tables.
//
// `make faults` is the long run; the package's tests make short ones.
package faults
