// Package plain is the dialect of /ws: one JSON object in each WebSocket text
// frame. It is for programs that have a WebSocket and no Socket.IO client.
//
//	client: {"event":"send_message","data":{...},"id":7}
//	server: {"ack":7,"data":{...}}
//	server: {"event":"new_message","data":{...},"offset":"..."}
//
// id asks for an ack; offset is there when the event can be recovered. The
// first frame of the server is the event `welcome` {sid, pid, recovered}; a
// client that comes back gives pid and the last offset in the query, as
// /ws?pid=..&offset=... The package is pure.
package plain
