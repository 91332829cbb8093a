package transport

import (
	"bufio"
	"errors"
	"io"
	"net"
	"sync"
	"sync/atomic"
	"time"
)

// passedSocket is the socket of a client that has become a WebSocket whose session is
// on another node: its bytes are copied to and from that node. The client must take
// each write within age. io.Copy, in either direction, uses its ReadFrom and WriteTo,
// which hold little memory while nothing comes.
type passedSocket struct {
	net.Conn
	age    time.Duration
	first  []byte       // bytes that came with the handshake; only the reader uses it
	came   atomic.Int64 // how many bytes were read
	probed atomic.Bool  // more than a probe was read and passed on
}

// probeBytes is the size of a client's probe: a masked frame of "2probe". What
// comes after it is the upgrade.
const probeBytes = 12

// newPassedSocket makes one of nc. The bytes that r has buffered come first.
func newPassedSocket(nc net.Conn, r *bufio.Reader, age time.Duration) *passedSocket {
	s := &passedSocket{Conn: nc, age: age}
	if n := r.Buffered(); n > 0 {
		held, _ := r.Peek(n) // exactly what is buffered
		s.first = append(s.first, held...)
	}
	return s
}

// probing reports whether a probe, or a part of it, has come and nothing else.
func (s *passedSocket) probing() bool { return s.came.Load() > 0 && !s.probed.Load() }

// Read implements net.Conn. When it is called, the bytes of the call before have been
// passed on.
func (s *passedSocket) Read(b []byte) (int, error) {
	if s.came.Load() > probeBytes && !s.probed.Load() {
		s.probed.Store(true)
	}
	n, err := s.read(b)
	s.came.Add(int64(n))
	return n, err
}

func (s *passedSocket) read(b []byte) (int, error) {
	if len(s.first) > 0 {
		n := copy(b, s.first)
		if s.first = s.first[n:]; len(s.first) == 0 {
			s.first = nil
		}
		return n, nil
	}
	return s.Conn.Read(b)
}

// Write implements net.Conn.
func (s *passedSocket) Write(b []byte) (int, error) {
	if err := s.SetWriteDeadline(time.Now().Add(s.age)); err != nil {
		return 0, err
	}
	return s.Conn.Write(b)
}

// ReadFrom implements io.ReaderFrom.
func (s *passedSocket) ReadFrom(r io.Reader) (int64, error) { return pour(s, r) }

// WriteTo implements io.WriterTo.
func (s *passedSocket) WriteTo(w io.Writer) (int64, error) { return pour(w, s) }

// The buffers of pour: one of leastPour while nothing comes, and one of mostPour for
// as long as there is more than fits into it.
const (
	leastPour = 2 << 10
	mostPour  = 16 << 10
)

var pourBuffers = sync.Pool{New: func() any { return new([mostPour]byte) }}

// pour copies until src ends, as io.Copy does.
func pour(dst io.Writer, src io.Reader) (total int64, err error) {
	least := make([]byte, leastPour)
	for {
		full, err := pass(dst, src, least, &total)
		if err == nil && full {
			most, _ := pourBuffers.Get().(*[mostPour]byte)
			for err == nil && full {
				full, err = pass(dst, src, most[:], &total)
			}
			pourBuffers.Put(most)
		}
		if errors.Is(err, io.EOF) {
			return total, nil
		}
		if err != nil {
			return total, err
		}
	}
}

// pass copies what one Read returns and adds its length to total. full says that buf
// was filled, so there may be more.
func pass(dst io.Writer, src io.Reader, buf []byte, total *int64) (full bool, err error) {
	n, err := src.Read(buf)
	if n > 0 {
		written, writeErr := dst.Write(buf[:n])
		if *total += int64(written); writeErr != nil {
			return false, writeErr
		}
	}
	return n == len(buf), err
}
