// Package bench holds Corrillo to its promises and its figures from outside:
// load comes over sockets, the verdict from logs of what every client saw and
// from the rows in the table.
//
// client frames WebSocket by hand in both dialects, judge decides whether a
// run kept the rules of delivery, rows reads the message table, server runs
// the built binary as a process that may be killed, scenario puts them
// together, load is the command. The tests here run each scenario briefly;
// with -full they are the ones that docs/BENCHMARKS.md reports.
package bench
