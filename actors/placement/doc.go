// Package placement says which node of a cluster a user or a conversation
// belongs to, and moves it from node to node so that, unless something fails,
// its actor runs on one node at a time. View holds the members and hashes ids to
// them; Router is the protocol by which nodes hand ids over; Cut chooses who must
// leave when nodes cannot reach each other.
//
// It is pure: no I/O, no clock, no goroutines. actors/locator is its caller. That
// two nodes never both write one conversation, whatever fails, is not decided
// here but by the fence in the database.
package placement
