package client

import (
	"errors"
	"fmt"
	"io"
	"os"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// Socket is one connection of a Loop.
type Socket struct {
	// Tag is what Dial was given.
	Tag int

	loop   *Loop
	fd     int
	number int32
	state  socketState
	full   bool   // waits until it can write
	rest   []byte // the part of a frame that has come
	out    []byte // not written yet
}

type socketState uint8

const (
	opening socketState = iota
	open
	closed
)

// Send queues a text message.
func (s *Socket) Send(msg []byte) { s.frame(opText, msg) }

func (s *Socket) frame(opcode byte, payload []byte) {
	if s.state != open {
		return
	}
	if s.out == nil {
		s.out = s.loop.buffer()
	}
	s.loop.mask = s.loop.mask*1664525 + 1013904223
	s.out = appendFrame(s.out, opcode, s.loop.mask, payload)
}

// Flush writes what was sent; what the kernel does not take now goes out from
// within Poll.
func (s *Socket) Flush() {
	if len(s.out) == 0 || s.full || s.state == closed {
		return
	}
	n, err := write(s.fd, s.out)
	s.loop.stats.Writes++
	switch {
	case err == nil && n == len(s.out):
		s.loop.free = append(s.loop.free, s.out[:0])
		s.out = nil
		return
	case err == nil:
		s.out = append(s.out[:0], s.out[n:]...)
	case !errors.Is(err, unix.EAGAIN):
		s.fail(os.NewSyscallError("write", err))
		return
	}
	s.full = true
}

// Close ends the connection without a close frame.
func (s *Socket) Close() {
	if s.state == closed {
		return
	}
	s.state = closed
	s.loop.sockets[s.number] = nil
	s.rest, s.out = nil, nil
	_ = unix.Close(s.fd) // there is nobody to tell
}

func (s *Socket) fail(err error) {
	if s.state == closed {
		return
	}
	s.Close()
	s.loop.handler.Lost(s, err)
}

// readable reads all that has come and handles it. With ending the other side has
// closed, so that the end is to be read as well.
func (s *Socket) readable(ending bool) {
	for more := true; more && s.state != closed; {
		more = s.readOnce() || ending
	}
	s.Flush()
}

// readOnce reports whether there may be more to read.
func (s *Socket) readOnce() bool {
	l := s.loop
	kept := copy(l.in, s.rest)
	n, err := read(s.fd, l.in[kept:])
	switch {
	case errors.Is(err, unix.EAGAIN):
		return false
	case err != nil:
		s.fail(os.NewSyscallError("read", err))
		return false
	case n == 0:
		s.fail(io.EOF)
		return false
	}
	l.now = time.Since(l.begun)
	l.stats.Reads++
	b := l.in[:kept+n]
	used, err := s.take(b)
	switch {
	case err != nil:
		s.fail(err)
	case s.state == closed:
	case used == len(b):
		s.rest = s.rest[:0]
	case len(b)-used > loopBuffer/2:
		s.fail(fmt.Errorf("a frame of more than %d bytes", loopBuffer/2))
	default:
		s.rest = append(s.rest[:0], b[used:]...)
	}
	return kept+n == len(l.in)
}

// take handles the frames in b and returns how much of it they were.
func (s *Socket) take(b []byte) (used int, err error) {
	if s.state == opening {
		if used, err = upgraded(b, s.loop.accept); used == 0 {
			return 0, err
		}
		s.state = open
		s.loop.handler.Open(s)
	}
	for s.state == open {
		f, size, _, err := parseFrame(b[used:])
		if size == 0 {
			return used, err
		}
		used += size
		s.loop.stats.Frames++
		if f.opcode == opText {
			s.loop.handler.Message(s, f.payload)
		} else if err := s.control(f); err != nil {
			return used, err
		}
	}
	return used, nil
}

func (s *Socket) control(f frame) error {
	switch f.opcode {
	case opPing:
		s.frame(opPong, f.payload)
		return nil
	case opPong:
		return nil
	case opClose:
		return fmt.Errorf("%w (%s)", ErrClosed, closeText(f.payload))
	}
	return fmt.Errorf("a frame of opcode %d", f.opcode)
}

// read and write go past the scheduler: these sockets never block.
func read(fd int, b []byte) (int, error) {
	n, _, errno := unix.RawSyscall6(unix.SYS_RECVFROM, uintptr(fd), uintptr(unsafe.Pointer(&b[0])), uintptr(len(b)), unix.MSG_DONTWAIT, 0, 0)
	if errno != 0 {
		return 0, errno
	}
	return int(n), nil
}

func write(fd int, b []byte) (int, error) {
	n, _, errno := unix.RawSyscall6(unix.SYS_SENDTO, uintptr(fd), uintptr(unsafe.Pointer(&b[0])), uintptr(len(b)), unix.MSG_DONTWAIT|unix.MSG_NOSIGNAL, 0, 0)
	if errno != 0 {
		return 0, errno
	}
	return int(n), nil
}
