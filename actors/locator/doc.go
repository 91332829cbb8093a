// Package locator finds the actors of users and conversations by id: it
// spawns them on the first message, holds messages back while one passivates
// (stops because it is idle), and spawns it again when something was held. On a
// cluster it sends messages on to the node that owns the id, and carries out what
// a placement.Router decides when ids move. Nothing else in the code knows where
// an actor lives.
package locator
