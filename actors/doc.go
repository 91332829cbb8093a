// Package actors holds the actors of one node together: System makes them,
// opens sessions for the transports (wire.Acceptor), takes what the back end
// posts (wire.Injector), and stops everything in order.
//
// The shells live in one folder each - session, user, conversation,
// persistence, relay, locator - and what a conversation decides in rules,
// which knows no actor, no clock and no store.
package actors
