//go:build unix

package transport

import (
	"net"
	"syscall"
)

// rawOf is the way to write to the socket without waiting; nil: there is none.
func rawOf(nc net.Conn) syscall.RawConn {
	sc, ok := nc.(syscall.Conn)
	if !ok {
		return nil
	}
	raw, err := sc.SyscallConn()
	if err != nil {
		return nil // it is closed, as a write will say
	}
	return raw
}

// writeNow writes once and never waits: a socket that takes nothing more is
// told from one that failed by err.
func writeNow(fd uintptr, p []byte) (int, error) {
	for {
		n, err := syscall.Write(int(fd), p)
		switch err {
		case nil:
			return n, nil
		case syscall.EINTR:
		case syscall.EAGAIN:
			return 0, nil
		default:
			return 0, err
		}
	}
}
