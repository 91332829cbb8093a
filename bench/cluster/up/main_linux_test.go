package main

import (
	"fmt"
	"net"
	"os"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"
)

// A port that another has, even one who would share it as HAProxy does, is told
// of before anything is built or started.
func TestRun_RefusesAPortThatIsTaken(t *testing.T) {
	scratch := t.TempDir()
	t.Setenv("TMPDIR", scratch)
	sharing := net.ListenConfig{Control: func(_, _ string, c syscall.RawConn) error {
		return c.Control(func(fd uintptr) {
			if err := unix.SetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_REUSEPORT, 1); err != nil { //nolint:gosec // a small number
				t.Error(err)
			}
		})
	}}
	l, err := sharing.Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = l.Close() }()
	port := l.Addr().(*net.TCPAddr).Port
	err = (&command{Nodes: 1, Port: port}).Run(t.Context())
	if err == nil || !strings.Contains(err.Error(), fmt.Sprintf("port %d is taken", port)) || !strings.Contains(err.Error(), "--port") {
		t.Errorf("%v", err)
	}
	if left, err := os.ReadDir(scratch); err != nil || len(left) > 0 {
		t.Errorf("it has begun: %v, %v", left, err)
	}
}
