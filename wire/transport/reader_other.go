//go:build !unix

package transport

import "net"

// read hands sink what nc receives until either ends.
func (r *portableReader) read(nc net.Conn, sink Sink) error { return readBlocking(nc, sink) }
