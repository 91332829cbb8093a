// Package persistence holds the writer lanes: the only actors that write
// messages. A lane merges the groups of many conversations into one
// transaction. Batching is natural: while one flush is under way the next
// batch grows, and it goes when the flush has come back; there is no timer.
//
// A lane never blocks in Receive. The flush runs beside it and reports the
// outcome to the conversations.
package persistence
