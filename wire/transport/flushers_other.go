//go:build !unix

package transport

import (
	"net"
	"syscall"
)

// rawOf returns nil: every connection is flushed by a goroutine of its own.
func rawOf(net.Conn) syscall.RawConn { return nil }

// try is never called.
func (w *writer) try(uintptr) bool { return true }
