package actors_test

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
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
	alice.ask("send_message", object{"conversationId": "r", "content": "1"})
	store.lie.Store(true)
	lost := alice.ask("send_message", object{"conversationId": "r", "content": "2", "tempId": "two"})
	if lost["status"] != "failed" || code(lost) != "unavailable" {
		t.Fatalf("a save of unknown outcome was answered with %v", lost)
	}
	store.lie.Store(false)
	alice.ask("send_message", object{"conversationId": "r", "content": "3"})
	for i := 1; i <= 3; i++ {
		m := bob.event("new_message").Data
		if m["seq"] != float64(i) || m["content"] != fmt.Sprint(i) {
			t.Fatalf("message %d: %v", i, m)
		}
	}
	again := alice.ask("send_message", object{"conversationId": "r", "content": "2", "tempId": "two"})
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
		r := alice.ask("send_message", object{"conversationId": "r", "content": "x", "tempId": fmt.Sprint(i)})
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

func TestSystem_ConversationsPanicIsAnsweredAndMended(t *testing.T) {
	var log syncBuffer
	store := &faulty{Store: openStore(t)}
	sys := start(t, actors.Options{Store: store, Log: slog.New(slog.NewTextHandler(&log, nil))})
	alice, bob := identify(t, sys, "alice"), identify(t, sys, "bob")
	bob.ask("join_conversation", "r")
	alice.ask("send_message", object{"conversationId": "r", "content": "1"})
	hold := make(chan struct{})
	store.hold.Store(&hold)
	id := alice.emit("send_message", object{"conversationId": "r", "content": "2", "tempId": "two"})
	for !store.saving("r") {
		time.Sleep(time.Millisecond)
	}
	if err := sys.FailConversation("r"); err != nil {
		t.Fatal(err)
	}
	r := alice.next(func(r received) bool { return r.Event == "ack" && r.Ack == id }).Data
	if r["status"] != "failed" || code(r) != "internal" {
		t.Errorf("what waited when the conversation failed was answered with %v", r)
	}
	store.hold.Store(nil)
	close(hold)
	again := alice.ask("send_message", object{"conversationId": "r", "content": "2", "tempId": "two"})
	if again["status"] != "sent" || again["seq"] != 2.0 {
		t.Errorf("sent again: %v", again)
	}
	for i := 1; i <= 2; i++ { // bob still listens: who has joined was not forgotten
		if m := bob.event("new_message").Data; m["seq"] != float64(i) {
			t.Fatalf("message %d: %v", i, m)
		}
	}
	if n := bytes.Count(log.bytes(), []byte("actor panicked")); n != 1 {
		t.Errorf("the panic was logged %d times, want once", n)
	}
	if !bytes.Contains(log.bytes(), []byte("rules.(*Conversation)")) {
		t.Error("the log does not show the stack")
	}
}

type panicking struct{}

func (panicking) Verify(context.Context, string) (wire.Identity, error) { panic("as asked") }

func TestSystem_SessionsPanicClosesItsTransport(t *testing.T) {
	sys := start(t, actors.Options{Verifier: panicking{}})
	p := connect(t, sys, wire.Hello{})
	p.emit("identify", object{"userId": "alice", "token": "x"})
	if r := p.event("closed").Data; r["reason"] != string(wire.CloseInternal) {
		t.Errorf("closed with %v", r)
	}
	if n := sys.Stats().Failures; n != 1 {
		t.Errorf("%d failures counted, want 1", n)
	}
	for sys.Stats().Hub.Sessions != 0 {
		time.Sleep(time.Millisecond)
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

type syncBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (s *syncBuffer) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.Write(p)
}

func (s *syncBuffer) bytes() []byte {
	s.mu.Lock()
	defer s.mu.Unlock()
	return bytes.Clone(s.b.Bytes())
}

// The failure of a user's actor must not leave the user online for ever.
func TestSystem_UsersPanicLeavesNobodyOnline(t *testing.T) {
	sys := start(t, actors.Options{PresenceGrace: 20 * time.Millisecond})
	alice, bob := identify(t, sys, "alice"), identify(t, sys, "bob")
	alice.ask("join_conversation", "r")
	bob.ask("join_conversation", "r")
	heard := func(status string) {
		alice.next(func(r received) bool {
			return r.Event == "presence" && r.Data["userId"] == "bob" && r.Data["status"] == status
		})
	}
	heard("online")
	bob.session.Closed(bob, wire.CloseTransport)
	if !sys.FailUser("bob") {
		t.Fatal("there is no actor")
	}
	heard("offline")
	if sys.Stats().Failures != 1 {
		t.Error("nothing failed: the test shows nothing")
	}
	alice.session.Closed(alice, wire.CloseClient)
	sys.FailUser("alice") // with nobody left, or about to go
	back := connect(t, sys, wire.Hello{PID: bob.hello.PID})
	back.session.Closed(back, wire.CloseClient)
	for sys.Stats().Locator.Users != 0 {
		time.Sleep(time.Millisecond)
	}
}

// What was in flight when a conversation failed may be committed. Those who
// listen hear of it even if nobody sends it again.
func TestSystem_WhatAFailedConversationHadInFlightIsDelivered(t *testing.T) {
	store := &faulty{Store: openStore(t)}
	sys := start(t, actors.Options{Store: store})
	alice, bob := identify(t, sys, "alice"), identify(t, sys, "bob")
	bob.ask("join_conversation", "r")
	for room, to := range map[string]object{"r": {"conversationId": "r"}, wire.DirectID("alice", "bob"): {"receiverId": "bob"}} {
		send := func(content string) uint64 {
			to["content"] = content
			return alice.emit("send_message", to)
		}
		send("1")
		bob.event("new_message")
		late := make(chan struct{})
		store.late.Store(&late)
		id := send("2")
		for committed := 0; committed < 2; time.Sleep(time.Millisecond) {
			page, _, err := store.Messages(t.Context(), repo.MessageQuery{ConversationID: room, Limit: 9})
			if committed = len(page); err != nil {
				t.Fatal(err)
			}
		}
		if err := sys.FailConversation(room); err != nil {
			t.Fatal(err)
		}
		alice.next(func(r received) bool { return r.Event == "ack" && r.Ack == id })
		close(late)
		store.late.Store(nil)
		if m := bob.event("new_message").Data; m["content"] != "2" || m["seq"] != 2.0 {
			t.Errorf("message: %v", m)
		}
	}
}

// A failure while those who wait are answered must not keep the conversation
// from its restart.
func TestSystem_ConversationFailsTwice(t *testing.T) {
	store := &faulty{Store: openStore(t)}
	sys := start(t, actors.Options{Store: store})
	alice := identify(t, sys, "alice")
	store.away.Store(true) // so that commands wait
	alice.emit("send_message", object{"conversationId": "r", "content": "1"})
	if err := sys.FailConversationTwice("r"); err != nil {
		t.Fatal(err)
	}
	for sys.Stats().Failures < 2 {
		time.Sleep(time.Millisecond)
	}
	store.away.Store(false)
	if r := alice.ask("send_message", object{"conversationId": "r", "content": "2"}); r["status"] != "sent" {
		t.Errorf("after two failures: %v", r)
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

// panics is a store that panics when it is read.
type panics struct{ repo.Store }

func (panics) LastSeen(context.Context, []string) (map[string]time.Time, error) { panic("as asked") }
func (panics) TouchUsers(context.Context, map[string]time.Time) error           { panic("as asked") }
func (panics) FindMessage(context.Context, string) (repo.Message, error)        { panic("as asked") }

func TestSystem_StoresPanicIsAnswered(t *testing.T) {
	sys := start(t, actors.Options{Store: panics{openStore(t)}, PresenceGrace: time.Millisecond, IdleAfter: 10 * time.Millisecond})
	alice, bob := identify(t, sys, "alice"), identify(t, sys, "bob")
	alice.ask("join_conversation", "r")
	bob.ask("join_conversation", "r")
	alice.event("presence")                   // bob is known to be online
	bob.session.Closed(bob, wire.CloseClient) // and when that was is to be written
	for event, payload := range map[string]object{
		"get_presence": {"userIds": []string{"carol"}},
		"read_message": {"messageId": "m"},
	} {
		if r := alice.ask(event, payload); code(r) != "internal" {
			t.Errorf("%s: %v", event, r)
		}
	}
	for sys.Stats().Failures < 3 {
		time.Sleep(time.Millisecond)
	}
}
