// Package message holds the commands and events that actors send each other.
// Commands are imperative, events are past participles. Everything here could
// cross to another node: ids, not pointers, say where things live.
//
// A message is not changed after it was sent; what it refers to belongs to
// the receiver.
package message
