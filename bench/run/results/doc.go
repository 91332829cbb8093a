// Package results is what a comparison has measured, as it is kept in a file:
// every run of every server with all that the scenario reported, beside the
// machine and the versions it was measured with. Nothing is averaged here;
// package report makes tables and charts of it.
package results
