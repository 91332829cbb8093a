//go:build unix

package client

import (
	"errors"
	"os"
	"syscall"
)

// readBuffer makes a dialer's control function, which bounds what the kernel
// keeps of what has come. It must be before the handshake of TCP: the window
// that the other side is told follows from it, and what was promised and then
// is not kept has to be sent again.
func readBuffer(n int) func(network, address string, c syscall.RawConn) error {
	if n == 0 {
		return nil
	}
	return func(_, _ string, c syscall.RawConn) error {
		var set error
		err := c.Control(func(fd uintptr) {
			set = os.NewSyscallError("setsockopt", syscall.SetsockoptInt(int(fd), syscall.SOL_SOCKET, syscall.SO_RCVBUF, n))
		})
		return errors.Join(err, set)
	}
}
