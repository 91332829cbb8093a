//go:build unix

package transport

import (
	"io"
	"net"
	"syscall"
)

// readiness reads one socket: its method try is called when there may be
// input, and takes a buffer only then.
type readiness struct {
	reader *portableReader
	buf    *[readSize]byte
	n      int
	err    error
}

// read hands sink what nc receives until either ends.
func (r *portableReader) read(nc net.Conn, sink Sink) error {
	sc, ok := nc.(syscall.Conn)
	if !ok {
		return readBlocking(nc, sink)
	}
	raw, err := sc.SyscallConn()
	if err != nil {
		return err
	}
	state := &readiness{reader: r}
	try := state.try
	for {
		if err := raw.Read(try); err != nil {
			return err
		}
		if state.err != nil {
			return state.err
		}
		err := sink.Input(state.buf[:state.n])
		r.buffers.Put(state.buf)
		state.buf = nil
		if err != nil {
			return err
		}
	}
}

// try reads once; false: nothing there, wait.
func (s *readiness) try(fd uintptr) bool {
	buf, _ := s.reader.buffers.Get().(*[readSize]byte)
	for {
		n, err := syscall.Read(int(fd), buf[:]) //nolint:gosec // a descriptor fits
		switch {
		case err == syscall.EINTR:
			continue
		case err == syscall.EAGAIN:
			s.reader.buffers.Put(buf)
			return false
		case err != nil:
			s.err = err
		case n == 0:
			s.err = io.EOF
		default:
			s.buf, s.n = buf, n
			return true
		}
		s.reader.buffers.Put(buf)
		return true
	}
}
