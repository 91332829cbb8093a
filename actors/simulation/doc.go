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
package simulation
