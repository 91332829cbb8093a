package supervision_test

import (
	"bytes"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/asynkron/protoactor-go/actor"
	"go.uber.org/goleak"

	"github.com/corrillo/corrillo/actors/supervision"
)

// fragile panics on the message "panic" and reports everything else.
type fragile struct {
	log      *slog.Logger
	failures *supervision.Failures
	out      chan<- string
}

func (f *fragile) Receive(ctx actor.Context) {
	msg := ctx.Message()
	defer supervision.Guard(f.log, f.failures, "fragile", "x", msg)
	switch m := msg.(type) {
	case string:
		if m == "panic" {
			panic("as asked")
		}
		f.out <- m
	case *actor.Started:
		f.out <- "started"
	case *actor.Restarting:
		f.out <- "restarting"
	case *actor.Stopped:
		f.out <- "stopped"
	}
}

type syncBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (s *syncBuffer) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.Write(p)
}

func (s *syncBuffer) String() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.String()
}

func spawn(s actor.SupervisorStrategy) (root *actor.RootContext, pid *actor.PID, out chan string, log *syncBuffer, failures *supervision.Failures) {
	out, log, failures = make(chan string, 100), &syncBuffer{}, &supervision.Failures{}
	root = supervision.NewSystem().Root
	l := slog.New(slog.NewTextHandler(log, nil))
	pid = root.Spawn(actor.PropsFromProducer(func() actor.Actor {
		return &fragile{log: l, failures: failures, out: out}
	}, actor.WithMailbox(supervision.Mailbox), actor.WithGuardian(s)))
	return root, pid, out, log, failures
}

func expect(t *testing.T, out <-chan string, want ...string) {
	t.Helper()
	for _, w := range want {
		select {
		case got := <-out:
			if got != w {
				t.Fatalf("got %q, want %q", got, w)
			}
		case <-t.Context().Done():
			t.Fatalf("%q did not come", w)
		}
	}
}

func TestRestarting_KeepsTheMailboxAndNeverGivesUp(t *testing.T) {
	root, pid, out, log, failures := spawn(supervision.Restarting())
	expect(t, out, "started")
	for _, m := range []string{"a", "panic", "b", "panic", "c", "panic", "d"} {
		root.Send(pid, m)
	}
	expect(t, out, "a", "restarting", "started", "b", "restarting", "started", "c", "restarting", "started", "d")
	if n := failures.Count(); n != 3 {
		t.Errorf("%d failures counted, want 3", n)
	}
	if n := strings.Count(log.String(), "actor panicked"); n != 3 {
		t.Errorf("a panic is logged once each: %d lines for 3\n%s", n, log)
	}
	if !strings.Contains(log.String(), "supervision_test.go") {
		t.Error("the log does not show where the panic came from")
	}
}

func TestStopping_StopsForGood(t *testing.T) {
	root, pid, out, _, _ := spawn(supervision.Stopping())
	expect(t, out, "started")
	root.Send(pid, "panic")
	expect(t, out, "stopped")
}

// What is told to an actor that is gone leaves no goroutine behind.
func TestNewSystem_ForgetsDeadLetters(t *testing.T) {
	before := goleak.IgnoreCurrent()
	root, pid, out, _, _ := spawn(supervision.Stopping())
	expect(t, out, "started")
	if err := root.StopFuture(pid).Wait(); err != nil {
		t.Fatal(err)
	}
	root.Send(pid, "too late")
	if err := goleak.Find(before); err != nil {
		t.Error(err)
	}
}

func TestBackoff(t *testing.T) {
	for n, want := range map[int]time.Duration{
		0: 0, 1: 50 * time.Millisecond, 2: 100 * time.Millisecond, 5: 800 * time.Millisecond, 8: 6400 * time.Millisecond, 9: 10 * time.Second, 1000: 10 * time.Second,
	} {
		if got := supervision.Backoff(n); got != want {
			t.Errorf("Backoff(%d) = %v, want %v", n, got, want)
		}
	}
}

func TestMailbox_KeepsOrderOfEachSender(t *testing.T) {
	const senders, each = 4, 20_000
	type numbered struct{ sender, n int }
	done := make(chan string, senders)
	var last [senders]int
	root := supervision.NewSystem().Root
	pid := root.Spawn(actor.PropsFromFunc(func(ctx actor.Context) {
		m, ok := ctx.Message().(numbered)
		if !ok {
			return
		}
		if m.n != last[m.sender]+1 {
			done <- "out of order"
		}
		if last[m.sender] = m.n; m.n == each {
			done <- "done"
		}
	}, actor.WithMailbox(supervision.Mailbox)))
	for s := range senders {
		go func() {
			for n := range each {
				root.Send(pid, numbered{s, n + 1})
			}
		}()
	}
	for range senders {
		expect(t, done, "done")
	}
}
