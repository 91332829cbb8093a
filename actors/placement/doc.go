// Package placement says which node of a cluster a user or a conversation
// belongs to, and sees to it that in the ordinary course one node at a time
// has its actor. It is pure: no I/O, no clock, no goroutines.
package placement
