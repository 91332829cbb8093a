//go:build unix

package transport

import (
	"net"
	"syscall"
)

// socket is one socket of the portable reader.
//
// A stack that has grown with the handling of input shrinks to 4 KB at best,
// while waiting fits into the 2 KB that a goroutine begins with. So the
// goroutine that waits calls nothing deep; when there is input it handles it
// and leaves the waiting to a fresh one.
type socket struct {
	reader *portableReader
	nc     net.Conn
	raw    syscall.RawConn
	sink   Sink
	ready  func(fd uintptr) bool // the method try, made once
	woken  bool
}

// start hands over first and begins to read.
func (r *portableReader) start(nc net.Conn, first []byte, sink Sink) {
	if len(first) > 0 {
		if err := sink.Input(first); err != nil {
			r.end(sink, err)
			return
		}
	}
	sc, ok := nc.(syscall.Conn)
	if !ok {
		r.end(sink, readBlocking(nc, sink))
		return
	}
	raw, err := sc.SyscallConn()
	if err != nil {
		r.end(sink, err)
		return
	}
	s := &socket{reader: r, nc: nc, raw: raw, sink: sink}
	s.ready = s.try
	go s.await()
}

// await returns when the socket has been read once, by itself or by the
// goroutine that goes on.
func (s *socket) await() {
	s.woken = false
	if err := s.raw.Read(s.ready); err != nil {
		s.reader.end(s.sink, err)
		return
	}
	s.work()
}

// try reports whether there is something to read. The poller tells of changes
// only, so the first call has to look; the second one has been told.
func (s *socket) try(fd uintptr) bool {
	if s.woken {
		return true
	}
	s.woken = true
	return readable(fd)
}

// work reads what is there.
func (s *socket) work() {
	buf, _ := s.reader.buffers.Get().(*[readSize]byte)
	n, err := s.nc.Read(buf[:])
	if n > 0 {
		if inputErr := s.sink.Input(buf[:n]); inputErr != nil {
			err = inputErr
		}
	}
	s.reader.buffers.Put(buf)
	if err != nil {
		s.reader.end(s.sink, err)
		return
	}
	go s.await()
}
