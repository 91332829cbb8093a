// Package client is a lean chat client: WebSocket framed by hand over a TCP
// connection, /ws or Socket.IO on top. It is made to hold thousands of
// connections in one process and to cost little per message, not to be
// complete: no fragments, no extensions, no binary packets.
package client
