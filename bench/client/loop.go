package client

// Handler is told what happens on a Loop's connections, from within Poll or
// Dial. What it sends to the socket that it is called for goes out when it
// returns; to another socket, with that one's Flush.
type Handler interface {
	// Open tells that the WebSocket handshake is done.
	Open(s *Socket)
	// Message is one text message, valid until it returns.
	Message(s *Socket, msg []byte)
	// Lost is the end of a connection that nobody here has closed.
	Lost(s *Socket, err error)
}

// Stats count what a Loop has done.
type Stats struct {
	Reads  int64
	Frames int64
	Writes int64
}
