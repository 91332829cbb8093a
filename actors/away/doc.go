// Package away carries connections of clients whose session lives on another
// node. A client that lost its connection comes back to whichever node the
// balancer picks. It gives its pid, which names its session and the session's node.
// The Carrier of the node with the socket and the Carrier of the node with the
// session then pass what the client sends and receives over the link between them.
//
//	node with the socket                         node with the session
//	transport -> Carrier.Open ---- ConnOpened --> Carrier.Accept -> resume
//	wire.Conn <- Carrier.Take <- ConnWelcomed --- conn.Welcome <- session
//	wire.Conn <- Carrier.Take <-- ConnPushed ---- conn.Push    <- session
//	here.Receive -------------- ConnReceived ---> Carrier.Take -> session
//
// When there is no such session, or no answer in time, the client gets a new
// session where it is. When a node leaves, the clients of its sessions are
// closed so that they come back, and its own clients count as gone.
//
// Nothing here does I/O, blocks or has a goroutine: messages leave by Options.Send,
// and those of other nodes come in by Take. When the link does not take a message,
// the connection that it belongs to is closed, so that of the messages that arrive
// no two have a gap between them.
package away
