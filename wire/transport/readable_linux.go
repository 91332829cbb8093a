package transport

import (
	"syscall"
	"unsafe"
)

// readable reports whether a read of the descriptor would return at once, be
// it with an error. It never blocks, and its stack is next to nothing.
func readable(fd uintptr) bool {
	var b byte
	//nolint:gosec // the byte lives until the call returns
	_, _, errno := syscall.RawSyscall6(syscall.SYS_RECVFROM, fd, uintptr(unsafe.Pointer(&b)), 1,
		syscall.MSG_PEEK|syscall.MSG_DONTWAIT, 0, 0)
	return errno != syscall.EAGAIN
}
