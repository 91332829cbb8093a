package transport

import (
	"net"
	"net/http"

	"github.com/gobwas/ws"
)

// sendBuffer is the kernel's share of what waits for a slow client. The rest
// waits in the queue, where it is counted.
const sendBuffer = 64 << 10

// upgrade answers a WebSocket handshake (RFC 6455 section 4.2) and takes the
// socket out of net/http's hands. first is what had been read past the
// request; the buffers themselves are let go. sink is to be told of the socket.
// On an error the answer has been given.
func (s *Server) upgrade(w http.ResponseWriter, r *http.Request, sink Sink) (link Link, first []byte, err error) {
	u := ws.HTTPUpgrader{Timeout: s.opts.HandshakeTimeout}
	nc, rw, _, err := u.Upgrade(r, w)
	if err != nil {
		s.stats.refused("handshake")
		if nc != nil {
			_ = nc.Close() // the refusal has been written
		}
		return nil, nil, err
	}
	if n := rw.Reader.Buffered(); n > 0 {
		held, _ := rw.Reader.Peek(n) // exactly what is buffered
		first = append(first, held...)
	}
	if tcp, ok := socketOf(nc).(*net.TCPConn); ok {
		_ = tcp.SetWriteBuffer(sendBuffer) // a wish, not a need
	}
	return s.reader.Take(nc, sink), first, nil
}
