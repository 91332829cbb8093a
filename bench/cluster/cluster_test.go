package cluster

import (
	"errors"
	"net"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/corrillo/corrillo/bench/server"
)

// shares listens at a port of 127.0.0.1 as one who shares it, as HAProxy does by
// itself.
func shares(t *testing.T, port string) error {
	config := net.ListenConfig{Control: func(_, _ string, c syscall.RawConn) (err error) {
		return errors.Join(c.Control(func(fd uintptr) {
			err = syscall.SetsockoptInt(int(fd), syscall.SOL_SOCKET, unix.SO_REUSEPORT, 1) //nolint:gosec // a small number
		}), err)
	}}
	l, err := config.Listen(t.Context(), "tcp", net.JoinHostPort("127.0.0.1", port))
	if err != nil {
		return err
	}
	return l.Close()
}

// A node behind HAProxy is started again when its process ends, which is told,
// and not when it was told to end.
func TestCluster_KeepsNodesRunning(t *testing.T) {
	binary, err := server.Build(t.Context(), t.TempDir(), false)
	if err != nil {
		t.Fatal(err)
	}
	c, err := Start(t.Context(), Options{Binary: binary, Dir: t.TempDir(), Nodes: 1, Args: []string{"--drain-period=1s"}, Env: []string{"WEBHOOK_SECRET=hook"}})
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := c.Close(); err != nil {
			t.Error(err)
		}
	}()
	n := c.Nodes()[0]
	if c.Spare() != nil || n.Faults() != "" || n.Lost() != 0 {
		t.Errorf("spare %v, faults %q, %d lost", c.Spare(), n.Faults(), n.Lost())
	}
	answers := func(want bool) {
		t.Helper()
		if err := asksReady(t.Context(), c.URL()); (err == nil) != want {
			t.Errorf("through HAProxy: %v", err)
		}
	}
	answers(true)
	if strings.Contains(n.Output(), "WEBHOOK_SECRET") || !strings.Contains(c.Another(), " WEBHOOK_SECRET='hook' ") {
		t.Errorf("the nodes have not all got the environment: %s\n%s", n.Output(), c.Another())
	}
	_, port, err := net.SplitHostPort(c.Addr())
	if err != nil {
		t.Fatal(err)
	}
	if err := shares(t, port); !errors.Is(err, syscall.EADDRINUSE) {
		t.Errorf("HAProxy shares its port: %v", err)
	}

	n.mu.Lock()
	p := n.run
	n.mu.Unlock()
	if err := n.Signal(syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	<-p.Exited
	if err := c.Ready(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := awaitReady(t.Context(), c.URL()); err != nil {
		t.Fatal(err)
	}
	if got := c.Faults(); !strings.Contains(got, "node1 ended by itself: signal: killed") {
		t.Errorf("faults %q", got)
	}

	if err := n.Stop(); err != nil {
		t.Error(err)
	}
	answers(false)
	if err := c.Ready(t.Context()); err != nil || n.Running() {
		t.Errorf("a node that was told to end runs: %t, %v", n.Running(), err)
	}
	if err := n.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := c.Stop(); err != nil {
		t.Error(err)
	}
}
