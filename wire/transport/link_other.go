//go:build !unix

package transport

import (
	"net"
	"syscall"
)

// rawOf returns nil: every write has a goroutine of its own.
func rawOf(net.Conn) syscall.RawConn { return nil }

// writeNow is never called.
func writeNow(uintptr, []byte) (int, error) { return 0, nil }
