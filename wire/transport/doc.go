// Package transport holds every client socket: HTTP long-polling and
// WebSocket at /socket.io/, plain WebSocket at /ws, on one http.Handler. It
// moves bytes, keeps deadlines and bounds, and calls the pure protocol packages
// wire/engineio, wire/socketio, wire/plain and wire/transport/wsframe for
// everything that is a decision about the protocol. What the events mean is
// decided above, behind wire.Acceptor and wire.Session.
//
// The parts, from the outside in:
//
//	Server      routes, origins, limits, drain; one sweeper for all deadlines
//	conn        one client: its state, its outbound queue, its flusher
//	polling     what a conn has besides while it is not a WebSocket
//	candidate   a WebSocket that is being probed for a polling conn
//	socketioApp, plainApp, engineApp   the dialects on top of a conn
//	passage     a request that another node of the cluster answers
//	Reader      how bytes get from sockets to conns
package transport
