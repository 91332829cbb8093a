// Package linkpb has what nodes say to each other on a link, as links.proto
// defines it. `make proto` makes the rest of it.
package linkpb
