// Package outbox sends the messages of actors to other nodes. It encodes them as
// items of the link (actors/envelope), cuts up those that are too large for one
// item, and decides what becomes of a message when the link has no room: Try
// refuses it, Must keeps it and tries again, Relay leaves it out and says so.
package outbox
