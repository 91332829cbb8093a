// Package locator finds the actors of users and conversations by id: it
// spawns them on the first message, holds messages back while one passivates,
// and spawns it again when something was held. Nothing else in the code knows
// where an actor lives.
package locator
