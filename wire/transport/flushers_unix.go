//go:build unix

package transport

import (
	"net"
	"syscall"
)

// rawOf is the way to write to the socket without waiting; nil: there is none.
func rawOf(link net.Conn) syscall.RawConn {
	sc, ok := link.(syscall.Conn)
	if !ok {
		return nil
	}
	raw, err := sc.SyscallConn()
	if err != nil {
		return nil // it is closed, as a write will say
	}
	return raw
}

// try writes once and never waits: a socket that takes nothing more is told
// from one that failed by err.
func (w *writer) try(fd uintptr) bool {
	for {
		n, err := syscall.Write(int(fd), w.out)
		if err == syscall.EINTR {
			continue
		}
		if w.n = max(n, 0); err != syscall.EAGAIN {
			w.err = err
		}
		return true
	}
}
