// Package envelope makes bytes of the messages that cross from node to node,
// and messages of those bytes. The format is Protocol Buffers as
// envelope.proto publishes it, written and read by hand: each message has one
// function that names its fields once for both directions, and tests hold
// them to the schema.
//
// Two adjacent versions understand each other: a field that is not known is
// skipped, a message that is not known is ErrUnknown. What a field once meant
// it means for ever.
//
// A new field takes a number in envelope.proto and a line in its message's
// function; a new message, besides, its number in item.go.
//
// Only what may leave a node is here. A conversation's own timers, answers of
// its store and the like are not.
package envelope
