// Package actors puts the actors of one node together. System makes them, opens
// sessions for the transports (wire.Acceptor), carries out the requests of back ends
// (wire.Injector), exchanges messages with other nodes, and stops everything in
// order.
//
// Each kind of actor has a folder of its own: session, user, conversation,
// persistence, relay. What a conversation decides is in rules, which knows no actor,
// no clock and no store. For several nodes, locator and placement decide where
// actors are, nodes keeps the membership, and outbox, envelope, whereabouts and away
// carry messages.
package actors
