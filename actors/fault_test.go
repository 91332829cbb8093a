package actors_test

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/corrillo/corrillo/actors"
	"github.com/corrillo/corrillo/actors/rules"
	"github.com/corrillo/corrillo/repo"
	"github.com/corrillo/corrillo/wire"
)

// faulty is a real store that can be made to fail in ways that a real
// database cannot be told to on command.
type faulty struct {
	repo.Store
	// lie makes Save commit and then say that the outcome is unknown.
	lie atomic.Bool
	// away makes every call say that the store is away.
	away atomic.Bool
	// hold, when set, is received from before every Save.
	hold atomic.Pointer[chan struct{}]
	// late, when set, is received from after every Save with a message in it.
	late atomic.Pointer[chan struct{}]

	mu       sync.Mutex
	inFlight map[string]int
	twice    bool // a conversation had two groups in flight
}

func (f *faulty) Activate(ctx context.Context, id string) (repo.Activation, error) {
	if f.away.Load() {
		return repo.Activation{}, fmt.Errorf("test: %w", repo.ErrUnavailable)
	}
	return f.Store.Activate(ctx, id)
}

func (f *faulty) Save(ctx context.Context, groups []repo.Group) []repo.GroupResult {
	f.count(groups, 1)
	defer f.count(groups, -1)
	if c := f.hold.Load(); c != nil {
		<-*c
	}
	if f.away.Load() {
		return unavailable(len(groups))
	}
	results := f.Store.Save(ctx, groups)
	if c := f.late.Load(); c != nil && slices.ContainsFunc(groups, func(g repo.Group) bool { return len(g.Messages) > 0 }) {
		<-*c
	}
	if f.lie.Load() {
		return unavailable(len(groups))
	}
	return results
}

func unavailable(n int) []repo.GroupResult {
	results := make([]repo.GroupResult, n)
	for i := range results {
		results[i].Err = fmt.Errorf("test: %w", repo.ErrUnavailable)
	}
	return results
}

func (f *faulty) count(groups []repo.Group, n int) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.inFlight == nil {
		f.inFlight = map[string]int{}
	}
	for i := range groups {
		id := groups[i].ConversationID
		f.inFlight[id] += n
		f.twice = f.twice || f.inFlight[id] > 1
	}
}

// saving reports whether a group of the conversation is in flight.
func (f *faulty) saving(id string) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.inFlight[id] > 0
}

func code(reply object) any {
	e, _ := reply["error"].(object)
	return e["code"]
}

func TestSystem_OneGroupInFlightPerConversation(t *testing.T) {
	store := &faulty{Store: openStore(t)}
	hold := make(chan struct{})
	store.hold.Store(&hold)
	sys := start(t, actors.Options{Store: store, WriterLanes: 4})
	alice := identify(t, sys, "alice")
	const n = 40
	for i := range n {
		alice.emit("send_message", object{"conversationId": "r", "content": fmt.Sprint(i)})
		alice.emit("send_message", object{"conversationId": "other", "content": fmt.Sprint(i)})
	}
	close(hold)
	for range 2 * n {
		if ack := alice.event("message_ack").Data; ack["status"] != "sent" {
			t.Fatalf("ack: %v", ack)
		}
	}
	store.mu.Lock()
	defer store.mu.Unlock()
	if store.twice {
		t.Error("a conversation had two groups in flight at once")
	}
}

func TestSystem_CommittedButUnknownIsDeliveredInOrder(t *testing.T) {
	store := &faulty{Store: openStore(t)}
	sys := start(t, actors.Options{Store: store, SaveTimeout: time.Second})
	alice, bob := identify(t, sys, "alice"), identify(t, sys, "bob")
	bob.ask("join_conversation", "r")
	alice.insist("send_message", object{"conversationId": "r", "content": "1", "tempId": "one"})
	store.lie.Store(true)
	lost := alice.ask("send_message", object{"conversationId": "r", "content": "2", "tempId": "two"})
	if lost["status"] != "failed" || code(lost) != "unavailable" {
		t.Fatalf("a save of unknown outcome was answered with %v", lost)
	}
	store.lie.Store(false)
	alice.insist("send_message", object{"conversationId": "r", "content": "3", "tempId": "three"})
	for i := 1; i <= 3; i++ {
		m := bob.event("new_message").Data
		if m["seq"] != float64(i) || m["content"] != fmt.Sprint(i) {
			t.Fatalf("message %d: %v", i, m)
		}
	}
	again := alice.insist("send_message", object{"conversationId": "r", "content": "2", "tempId": "two"})
	if again["status"] != "sent" || again["seq"] != 2.0 {
		t.Errorf("sent again: %v", again)
	}
	bob.silent("new_message")
}

func TestSystem_StoreAwayGivesUnavailableAndComesBack(t *testing.T) {
	store := &faulty{Store: openStore(t)}
	sys := start(t, actors.Options{Store: store, SaveTimeout: 200 * time.Millisecond})
	alice := identify(t, sys, "alice")
	store.away.Store(true)
	for i := range 3 {
		r := alice.ask("send_message", object{"conversationId": "r", "content": "x", "tempId": fmt.Sprint(i)})
		if r["status"] != "failed" || code(r) != "unavailable" {
			t.Fatalf("with the store away: %v", r)
		}
	}
	store.away.Store(false)
	for i := range 3 {
		r := alice.insist("send_message", object{"conversationId": "r", "content": "x", "tempId": fmt.Sprint(i)})
		if r["status"] != "sent" || r["seq"] != float64(i+1) {
			t.Fatalf("with the store back: %v", r)
		}
	}
}

func TestSystem_GatedJoinMissesNothing(t *testing.T) {
	sys := start(t, actors.Options{})
	alice := identify(t, sys, "alice")
	const before, total = 20, 120
	for i := range before {
		alice.ask("send_message", object{"conversationId": "r", "content": fmt.Sprint(i + 1)})
	}
	bob := identify(t, sys, "bob")
	bob.ask("join_conversation", "r") // so that the next join needs no new row
	var sender sync.WaitGroup
	sender.Go(func() {
		for i := before; i < total; i++ {
			alice.emit("send_message", object{"conversationId": "r", "content": fmt.Sprint(i + 1)})
		}
	})
	carol := identify(t, sys, "carol")
	id := carol.emit("join_conversation", object{"conversationId": "r", "afterSeq": 5})
	reply := carol.next(func(r received) bool {
		if r.Event == "new_message" {
			t.Errorf("a live message before the join's reply: %s", r.Raw)
		}
		return r.Event == "ack" && r.Ack == id
	}).Data
	seq := 5.0
	for _, m := range reply["missed"].([]any) {
		if seq++; m.(object)["seq"] != seq {
			t.Fatalf("missed page has seq %v, want %v", m.(object)["seq"], seq)
		}
	}
	sender.Wait()
	for seq < total {
		if seq++; carol.event("new_message").Data["seq"] != seq {
			t.Fatalf("live messages do not continue the page at %v", seq)
		}
	}
	carol.silent("new_message")
}

func TestSystem_PassivationLosesNoMessage(t *testing.T) {
	sys := start(t, actors.Options{IdleAfter: time.Microsecond, Rules: rules.Options{Coalesce: time.Millisecond}})
	alice := identify(t, sys, "alice")
	sent := 0
	for range 20 {
		// Ten messages that race with being asked to passivate, then a rest.
		for range 10 {
			sent++
			r := alice.ask("send_message", object{"conversationId": "r", "content": fmt.Sprint(sent)})
			if r["status"] != "sent" || r["seq"] != float64(sent) {
				t.Fatalf("message %d: %v", sent, r)
			}
		}
		for sys.Stats().Locator.Conversations > 0 {
			time.Sleep(time.Millisecond)
		}
	}
	if n := sys.Stats().Locator.ConversationsSpawned; n < 20 {
		t.Errorf("the conversation was spawned %d times: nothing passivated, the test shows nothing", n)
	}
}

func TestSystem_UnknownActorMessagesAreCounted(t *testing.T) {
	sys := start(t, actors.Options{})
	alice := identify(t, sys, "alice")
	alice.ask("join_conversation", "r")
	sys.Confuse("r", "alice")
	if r := alice.ask("send_message", object{"conversationId": "r", "content": "x"}); r["status"] != "sent" {
		t.Errorf("after unknown messages: %v", r)
	}
	for sys.Stats().Unknown < 4 {
		time.Sleep(time.Millisecond)
	}
	if n := sys.Stats().Failures; n != 0 {
		t.Errorf("%d actors failed", n)
	}
}

func TestSystem_DrainRefusesAndSavesTheRest(t *testing.T) {
	store := openStore(t)
	sys := start(t, actors.Options{Store: store})
	alice := identify(t, sys, "alice")
	const n = 30
	for i := range n {
		alice.emit("send_message", object{"conversationId": "r", "content": fmt.Sprint(i)})
	}
	alice.ask("heartbeat", nil) // all of them have left the session
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	if err := sys.Drain(ctx); err != nil {
		t.Fatal(err)
	}
	page, _, err := store.Messages(ctx, repo.MessageQuery{ConversationID: "r", Limit: 200})
	if err != nil || len(page) != n {
		t.Errorf("%d rows (%v), want %d", len(page), err, n)
	}
	if r := alice.ask("send_message", object{"conversationId": "r", "content": "late"}); code(r) != "draining" {
		t.Errorf("a send while draining: %v", r)
	}
	if _, e := sys.Open(&peer{t: t}, wire.Hello{}); e == nil || e.Code != wire.CodeDraining {
		t.Errorf("a connection while draining: %v", e)
	}
}

func TestSystem_CallsWhileDrainingAreRefused(t *testing.T) {
	sys := start(t, actors.Options{})
	if err := sys.Drain(t.Context()); err != nil {
		t.Fatal(err)
	}
	_, err := sys.Emit(t.Context(), wire.Emission{Event: "x", ConversationID: "r"})
	hasCode(t, err, wire.CodeDraining)
	_, err = sys.Revoke(t.Context(), "bob")
	hasCode(t, err, wire.CodeDraining)
}
