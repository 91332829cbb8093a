package actors_test

import (
	"bytes"
	"context"
	"log/slog"
	"sync"
	"testing"
	"time"

	"github.com/corrillo/corrillo/actors"
	"github.com/corrillo/corrillo/repo"
	"github.com/corrillo/corrillo/wire"
)

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
	alice := identify(t, sys, "alice")
	alice.ask("join_conversation", "r")
	heard := func(status string) {
		alice.next(func(r received) bool {
			return r.Event == "presence" && r.Data["userId"] == "bob" && r.Data["status"] == status
		})
	}
	var bob *peer
	for sys.Stats().Failures == 0 { // on a slow machine the grace time may be over before
		bob = identify(t, sys, "bob")
		bob.ask("join_conversation", "r")
		heard("online")
		bob.session.Closed(bob, wire.CloseTransport)
		sys.FailUser("bob")
		heard("offline")
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
