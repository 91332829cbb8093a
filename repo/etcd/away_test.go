package etcd_test

import (
	"context"
	"errors"
	"io"
	"net"
	"sync"
	"testing"
	"time"

	"github.com/corrillo/corrillo/repo"
	"github.com/corrillo/corrillo/repo/repotest"
)

// relay stands before a server: it ends the connections that come as long as the
// server is away.
type relay struct {
	net.Listener
	to    string
	tried chan struct{} // one for each that was ended

	mu   sync.Mutex
	away bool
}

func startRelay(t *testing.T, to string) *relay {
	t.Helper()
	l, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	r := &relay{Listener: l, to: to, tried: make(chan struct{}, 1000), away: true}
	var running sync.WaitGroup
	running.Go(func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			running.Go(func() { r.serve(t, conn) })
		}
	})
	t.Cleanup(func() {
		_ = l.Close()
		running.Wait()
	})
	return r
}

func (r *relay) serve(t *testing.T, conn net.Conn) {
	defer func() { _ = conn.Close() }()
	r.mu.Lock()
	away := r.away
	r.mu.Unlock()
	if away {
		r.tried <- struct{}{}
		return
	}
	server, err := (&net.Dialer{}).DialContext(t.Context(), "tcp", r.to)
	if err != nil {
		t.Error(err)
		return
	}
	defer func() { _ = server.Close() }()
	go func() {
		_, _ = io.Copy(server, conn)
		_ = server.Close()
	}()
	_, _ = io.Copy(conn, server)
}

func (r *relay) back() {
	r.mu.Lock()
	r.away = false
	r.mu.Unlock()
}

// However long etcd was away, and however often it was tried for, a process is
// back within two seconds: leases that were not renewed in time are over.
func TestRegistry_BackSoonAfterALongTime(t *testing.T) {
	t.Parallel()
	server := repotest.StartEtcd(t)
	front := startRelay(t, server.Addr())
	r := open(t, "http://"+front.Addr().String(), "")
	read := func(within time.Duration) error {
		ctx, cancel := context.WithTimeout(t.Context(), within)
		defer cancel()
		_, err := r.Read(ctx)
		return err
	}
	if err := read(100 * time.Millisecond); !errors.Is(err, repo.ErrUnavailable) {
		t.Fatal(err)
	}
	const tries = 10 // by gRPC's own pauses they take two minutes
	limit := time.After(time.Minute)
	for n := range tries {
		select {
		case <-front.tried:
		case <-limit:
			t.Fatalf("etcd was tried for %d times in a minute", n)
		}
	}
	front.back()
	if err := read(20 * time.Second); err != nil { // ten times what a machine needs that has time
		t.Fatalf("not back: %v", err)
	}
}
