// Package relay is the fan-out of one node: which session listens to which
// conversation and which user, the replay log behind connection state
// recovery, and the lanes that keep a conversation's events in order.
//
// The Hub does everything that must be atomic under one lock: it gives a
// frame its offset, writes it to the replay log and pushes it into each
// session's outbound queue. So the order of offsets is the order in which
// every session gets its frames, and "all after offset n" is exactly what a
// client has missed. A push costs some ten nanoseconds; sockets are written
// elsewhere.
//
// The lanes (a few actors, by hash of the conversation's id) check that a
// conversation's messages pass without a hole and fetch from the store what
// is missing.
package relay
