// Package simulation runs a cluster in one thread, in virtual time. Each node has
// the real placement.Router, rules.Conversation and relay.Hub; the store, the links
// and the code around these three (actors/locator, actors/conversation, the relay
// lanes) are models. Clients send, join, leave and come back at any node; saves fail,
// or commit without an answer; links are late; nodes come, leave, die, and stand
// still until others have taken over.
//
// Everything follows from a seed: the same seed gives the same run. The promises of
// the server are checked during the run and when the faults have stopped (check.go).
// The package is for its own tests and for `make simulate`.
//
// What it can find was tried by taking a rule out of the code. For each rule, this is
// the first seed that then fails, and the promise that it breaks:
//
//	a gained id does not wait for everyone           1  two nodes have a conversation
//	a moved id does not wait for its old owner       1  messages overtake each other
//	an id that comes back does not wait           5630  messages overtake each other
//	what is not a node's own is not sent back       17  commands stay unanswered
//	what waits is not sent back on a new view      133  messages overtake each other
//	nothing is told again when a node dies           4  commands stay unanswered
//	the store saves what is fenced                   1  a seq is given twice
//	a hand-off's time ends the next life          1424  a session hears nothing more
//	one that fails does not go on with its hand-off 64  ids that move are held for ever
//	one that fails does not ask who listens        120  a session hears nothing more
//	listeners are not announced to a new owner      31  a session hears nothing more
//	a node settles for more than it was asked     1738  messages overtake each other
//	a node settles before its actors are gone       14  two nodes have a conversation
//
// scale_test.go, for `make scale`, measures what clusters of many nodes cost: with
// nothing but routers, or nothing but nodes.Keepers, and without faults.
package simulation
