//go:build !unix

package transport

import "net"

// start hands over first and begins to read.
func (r *portableReader) start(nc net.Conn, first []byte, sink Sink) {
	if len(first) > 0 {
		if err := sink.Input(first); err != nil {
			r.end(sink, err)
			return
		}
	}
	r.end(sink, readBlocking(nc, sink))
}
