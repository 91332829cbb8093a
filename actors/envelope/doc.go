// Package envelope encodes and decodes the messages that go from node to node.
// The unit on the link is an item: one message of package message and, if it is
// for an actor, the actor's kind and id. The format is Protocol Buffers as
// envelope.proto publishes it, written and read by hand: each message has one
// function (a method of pass) that names its fields once, for both directions,
// and tests hold these functions to the schema.
//
// Two adjacent versions understand each other: an unknown field is skipped, an
// unknown message is ErrUnknown. A field never changes its meaning.
//
// A new field takes a number in envelope.proto and a line in its message's
// function; a new message takes a number in item.go as well.
//
// Messages that never leave a node, such as a conversation's own timers or the
// answers of its store, are not here.
package envelope
