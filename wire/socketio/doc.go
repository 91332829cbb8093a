// Package socketio is revision 5 of the Socket.IO protocol, seen from the
// server: the packet codec with its binary attachments, and the state of one
// connection (which namespaces it has joined, which packet waits for its
// attachments). It lies on top of Engine.IO messages and is as pure as
// wire/engineio: no socket, no clock. The source is the protocol document of
// socketio/socket.io-protocol.
//
// Bytes inside JSON. Within Corrillo binary data stands in JSON as
// {"$binary":"<base64>"}. Decoding puts the attachments of a packet there,
// encoding takes them out again, so that everything between the two handles
// plain JSON only.
package socketio
