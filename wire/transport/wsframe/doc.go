// Package wsframe is the framing of the WebSocket protocol (RFC 6455), seen
// from the server: an incremental, bounded parser of what clients send, and
// the few lines that frame what they get. It knows no socket: bytes go in and
// messages come out, however the bytes were cut on their way.
//
// The handshake is not here; wire/transport does it.
package wsframe
