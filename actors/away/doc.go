// Package away carries connections of clients whose session lives on another
// node. A client that lost its connection comes back wherever the balancer
// sends it, and names its session by the pid, which names the node: the node
// with the socket and the node with the session then each have a Carrier, and
// what the client says and is to get goes over the link between them.
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
// Nothing here does I/O, blocks or has a goroutine: the caller's Send is the
// way to other nodes, and Take is called with what comes from them. A message
// that the link does not take closes its connection: nothing is left out
// between two that arrive.
package away
