// Package engineio is revision 4 of the Engine.IO protocol, seen from the
// server: packets and polling payloads, the handshake and what may be wrong
// with a request, the heartbeat, and the way from polling to WebSocket.
//
// Everything here is pure: bytes and the current time go in, values come out.
// Sockets, timers and HTTP are wire/transport's. The source is the protocol
// document of socketio/engine.io-protocol; the numbers and texts of refusals
// are those of the reference server.
package engineio
