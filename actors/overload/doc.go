// Package overload is one number for how full a node is, and what it leaves
// undone for it: first typing and presence, then new joins, then what is sent.
// The System measures a few times a second; whoever is about to do some work
// asks, which is one atomic load.
package overload
