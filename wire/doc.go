// Package wire is the vocabulary that clients and Corrillo share: commands
// that clients send, events that they receive, stable error codes, and the
// seams between the sockets below and the actors above.
//
// It imports nothing else of Corrillo. Codecs live in wire/engineio,
// wire/socketio and wire/plain, sockets in wire/transport, HTTP from the back
// end in wire/webhook, tokens in wire/auth. docs/PROTOCOL.md is the published
// form of what is defined here.
package wire
