// Command report makes the tables of docs/BENCHMARKS.md and the charts beside
// it from what bench/run has measured. The same results give the same bytes,
// and a test holds what is committed to that.
//
// figures says what is shown of a report, stats what many runs come to, tables
// and charts what that looks like, document puts it in its place.
package main
