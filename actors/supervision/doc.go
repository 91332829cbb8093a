// Package supervision wraps what Corrillo uses of protoactor-go: the actor
// system with our logger, a mailbox that shrinks, a supervisor that restarts
// with backoff, and the one place where a panic of an actor is logged.
package supervision
