package transport

import (
	"context"
	"errors"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/corrillo/corrillo/wire"
)

func TestDrain(t *testing.T) {
	w := newWorld()
	s := mustServe(t, Options{Acceptor: w})
	var clients []*client
	for range 5 {
		clients = append(clients, dialChat(t, s.addr))
	}
	drained := make(chan error, 1)
	go func() { drained <- s.Drain(t.Context(), 20) }()
	var answered sync.WaitGroup
	for _, c := range clients {
		answered.Go(func() {
			if got := c.read(); got != "close 1012 draining" {
				t.Error(got)
			}
			_ = c.nc.Close()
		})
	}
	answered.Wait()
	if err := <-drained; err != nil {
		t.Fatal(err)
	}
	for range clients {
		mustOpen(t, w).awaitClosed(t, wire.CloseDraining)
	}
	status, body, h := request(t, "GET", "http://"+s.addr+enginePoll, "")
	if status != 503 || !strings.HasPrefix(body, `{"code":"draining"`) || h.Get("Retry-After") == "" {
		t.Fatal(status, body)
	}
}

// afterwards is the outcome of a Drain that runs beside the test.
func afterwards(t *testing.T, s *server) <-chan error {
	t.Helper()
	drained := make(chan error, 1)
	go func() { drained <- s.Drain(t.Context(), 0) }()
	eventually(t, "it drains", s.draining.Load)
	return drained
}

// mustPoll is a session that polls, with nothing to be fetched.
func mustPoll(t *testing.T, s *server, w *world) (*pollClient, *session) {
	t.Helper()
	p := startPolling(t, s.addr)
	p.wantPost("40", 200, "ok")
	p.wantGet(200, `40{"sid":"sid","pid":"pid"}`)
	return p, mustOpen(t, w)
}

// A client that polls is told with its next poll, which it sends a round trip
// after the last one was answered. Who does not is gone, and is not waited for.
func TestDrain_NextPoll(t *testing.T) {
	w := newWorld()
	s := mustServe(t, Options{Acceptor: w, CloseTimeout: time.Hour})
	_, gone := mustPoll(t, s, w)
	p, there := mustPoll(t, s, w)
	there.conn.Push(wire.NewFrame("last", []byte(`{}`)))
	begun := time.Now()
	drained := afterwards(t, s)
	there.awaitClosed(t, wire.CloseDraining)
	p.wantGet(200, `42["last",{}]`)
	p.wantGet(200, "1")
	if err := <-drained; err != nil {
		t.Fatal(err)
	}
	gone.awaitClosed(t, wire.CloseDraining)
	if took := time.Since(begun); took > patience/2 {
		t.Errorf("it took %v", took)
	}
	p.wantGet(400, `{"code":1,"message":"Session ID unknown"}`)
}

// Whoever has not polled for long is not waited for at all.
func TestDrain_GoneBefore(t *testing.T) {
	w := newWorld()
	s := mustServe(t, Options{Acceptor: w, CloseTimeout: time.Hour})
	p, session := mustPoll(t, s, w)
	c := s.sessions.get(p.sid)
	c.mu.Lock()
	c.poll.answered -= nextPoll
	c.mu.Unlock()
	if err := s.Drain(t.Context(), 0); err != nil {
		t.Fatal(err)
	}
	session.awaitClosed(t, wire.CloseDraining)
}

// Between probe and upgrade the stock client has paused its polling. If its
// WebSocket were cut off there it would ask for nothing more until its session
// times out, so it is told over the WebSocket, once that is its transport.
func TestDrain_DuringUpgrade(t *testing.T) {
	probed := func(o Options) (*server, *session, *client) {
		w := newWorld()
		o.Acceptor = w
		s := mustServe(t, o)
		p, session := mustPoll(t, s, w)
		ago := s.sessions.get(p.sid)
		ago.mu.Lock()
		ago.poll.answered -= nextPoll
		ago.mu.Unlock()
		c := dialUpgrade(t, s.addr, p)
		c.write(text("2probe"))
		c.want("3probe")
		return s, session, c
	}
	t.Run("it comes to its end", func(t *testing.T) {
		s, session, c := probed(Options{CloseTimeout: time.Hour})
		drained := afterwards(t, s)
		session.awaitClosed(t, wire.CloseDraining)
		select {
		case err := <-drained:
			t.Fatalf("it did not wait for the upgrade: %v", err)
		case <-time.After(200 * time.Millisecond): // some beats of Drain
		}
		c.write(text("5"))
		c.want("close 1012 draining")
		c.write(frame(0x88, "\x03\xe8"))
		if err := <-drained; err != nil {
			t.Fatal(err)
		}
	})
	t.Run("it stands still", func(t *testing.T) {
		s, _, c := probed(Options{CloseTimeout: 100 * time.Millisecond})
		if err := s.Drain(t.Context(), 0); err != nil {
			t.Fatal(err)
		}
		c.want("end")
	})
	t.Run("the WebSocket is lost", func(t *testing.T) {
		s, session, c := probed(Options{CloseTimeout: time.Hour})
		drained := afterwards(t, s)
		session.awaitClosed(t, wire.CloseDraining)
		_ = c.nc.Close()
		if err := <-drained; err != nil {
			t.Fatal(err)
		}
	})
}

// A client with a pending poll is told at once, also in the middle of an upgrade.
func TestDrain_PendingPollDuringUpgrade(t *testing.T) {
	w := newWorld()
	s := mustServe(t, Options{Acceptor: w, CloseTimeout: time.Hour})
	p, _ := mustPoll(t, s, w)
	c := dialUpgrade(t, s.addr, p)
	c.write(text("2probe"))
	c.want("3probe")
	conn := s.sessions.get(p.sid)
	conn.mu.Lock()
	conn.poll.releaseAt = never // the noop that would release the poll is late
	conn.mu.Unlock()
	got := make(chan string, 1)
	go func() {
		_, body, _, err := tryRequest(t.Context(), "GET", p.url, "")
		if err != nil {
			body = err.Error()
		}
		got <- body
	}()
	eventually(t, "the poll is pending", func() bool {
		conn.mu.Lock()
		defer conn.mu.Unlock()
		return conn.poll.pending
	})
	if err := s.Drain(t.Context(), 0); err != nil {
		t.Fatal(err)
	}
	if body := <-got; body != "1" {
		t.Errorf("the poll is answered with %q", body)
	}
	c.want("end")
}

// When its time is over, Drain leaves nothing that Close would wait for.
func TestDrain_GivesUpWithItsContext(t *testing.T) {
	w := newWorld()
	s := mustServe(t, Options{Acceptor: w, CloseTimeout: time.Hour})
	startPolling(t, s.addr) // does not poll
	silent := dialChat(t, s.addr)
	p, _ := mustPoll(t, s, w)
	c := dialUpgrade(t, s.addr, p)
	c.write(text("2probe"))
	c.want("3probe")
	ctx, cancel := context.WithTimeout(t.Context(), time.Millisecond)
	defer cancel()
	if err := s.Drain(ctx, 0); !errors.Is(err, context.DeadlineExceeded) {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	for silent.read() != "end" { // whose goodbye it did not wait for
	}
	c.want("end")
}
