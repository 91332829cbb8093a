//go:build unix && !linux

package transport

import "syscall"

// readable reports whether a read of the descriptor would return at once, be
// it with an error.
func readable(fd uintptr) bool {
	var b [1]byte
	_, _, err := syscall.Recvfrom(int(fd), b[:], syscall.MSG_PEEK)
	return err != syscall.EAGAIN
}
