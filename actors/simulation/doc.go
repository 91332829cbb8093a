// Package simulation plays a cluster in one thread: several nodes, each with
// the real placement.Router, rules.Conversation and relay.Hub, around a model
// of the store, of the links and of the shells between them (actors/locator,
// actors/conversation, the relay lanes). Clients send, join, leave and come
// back anywhere; saves fail or commit without an answer; links are late; nodes
// come, leave, stand still until others have taken over, and die.
//
// There is a virtual clock, one queue of events and one seed: a seed is a
// schedule, and plays the same again. What the server promises is checked as
// it runs and when the faults have stopped (check.go). The package is for its
// own tests and for `make simulate`.
//
// What it finds was seen by breaking things; the first seed that fails then:
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
// What clusters of many nodes cost is measured beside it (scale_test.go, for
// `make scale`): the routers alone, the keepers alone, without faults.
package simulation
