package actors_test

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/corrillo/corrillo/actors"
	"github.com/corrillo/corrillo/repo"
)

// stuck is a store whose pages do not come before release is closed.
type stuck struct {
	*faulty
	asked   chan struct{}
	once    sync.Once
	release chan struct{}
}

func (s *stuck) Messages(ctx context.Context, q repo.MessageQuery) ([]repo.Message, bool, error) {
	s.once.Do(func() { close(s.asked) })
	<-s.release
	return s.Store.Messages(ctx, q)
}

// failing is a store that refuses a number of pages.
type failing struct {
	*faulty
	left atomic.Int32
}

func (s *failing) Messages(ctx context.Context, q repo.MessageQuery) ([]repo.Message, bool, error) {
	if s.left.Add(-1) >= 0 {
		return nil, false, fmt.Errorf("test: %w", repo.ErrUnavailable)
	}
	return s.Store.Messages(ctx, q)
}

// A store that is away for a while costs nobody the connection.
func TestSystem_AHoleOutlastsManyFailures(t *testing.T) {
	store := &failing{faulty: &faulty{Store: openStore(t)}}
	sys := start(t, actors.Options{Store: store, SaveTimeout: time.Second})
	alice, bob := identify(t, sys, "alice"), identify(t, sys, "bob")
	bob.ask("join_conversation", "r")
	alice.insist("send_message", object{"conversationId": "r", "content": "1", "tempId": "one"})
	store.left.Store(15)
	store.lie.Store(true)
	alice.ask("send_message", object{"conversationId": "r", "content": "2", "tempId": "two"})
	store.lie.Store(false)
	alice.insist("send_message", object{"conversationId": "r", "content": "3", "tempId": "three"})
	for i := 1; i <= 3; i++ {
		if m := bob.next(func(r received) bool { return r.Event == "new_message" || r.Event == "closed" }); m.Data["seq"] != float64(i) {
			t.Fatalf("message %d: %v", i, m)
		}
	}
}

// Who is refused hears it at once, also while what others wait for is being
// fetched from a store that stands still.
func TestSystem_RefusalsDoNotWaitForAHole(t *testing.T) {
	store := &stuck{faulty: &faulty{Store: openStore(t)}, asked: make(chan struct{}), release: make(chan struct{})}
	sys := start(t, actors.Options{Store: store, SaveTimeout: time.Second})
	alice, bob := identify(t, sys, "alice"), identify(t, sys, "bob")
	bob.ask("join_conversation", "r")
	alice.insist("send_message", object{"conversationId": "r", "content": "1", "tempId": "one"})
	store.lie.Store(true)
	alice.ask("send_message", object{"conversationId": "r", "content": "2", "tempId": "two"})
	<-store.asked // for the message that was committed all the same
	store.lie.Store(false)
	store.away.Store(true)
	late := time.AfterFunc(time.Minute, func() { close(store.release) })
	r := alice.ask("send_message", object{"conversationId": "r", "content": "3", "tempId": "three"})
	if code(r) != "unavailable" {
		t.Errorf("the store is away: %v", r)
	}
	if !late.Stop() {
		t.Fatal("the refusal waited for the hole")
	}
	store.away.Store(false)
	close(store.release)
	if r := alice.insist("send_message", object{"conversationId": "r", "content": "3", "tempId": "three"}); r["seq"] != 3.0 {
		t.Errorf("sent again: %v", r)
	}
	for i := 1; i <= 3; i++ {
		if m := bob.event("new_message").Data; m["seq"] != float64(i) {
			t.Fatalf("message %d: %v", i, m)
		}
	}
}
