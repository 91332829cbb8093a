package actors_test

import (
	"context"
	"encoding/json"
	"errors"
	"testing"
	"time"

	"github.com/corrillo/corrillo/actors"
	"github.com/corrillo/corrillo/actors/rules"
	"github.com/corrillo/corrillo/wire"
)

func inject(t *testing.T, sys *actors.System, m wire.InjectedMessage) wire.Posted {
	t.Helper()
	p, err := sys.PostMessage(t.Context(), m)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func hasCode(t *testing.T, err error, want wire.Code) {
	t.Helper()
	e, ok := errors.AsType[*wire.Error](err)
	if !ok || e.Code != want {
		t.Errorf("got %v, want %s", err, want)
	}
}

func TestSystem_BackEndPostsOnce(t *testing.T) {
	sys := start(t, actors.Options{})
	bob := identify(t, sys, "bob")
	bob.ask("join_conversation", "r")
	m := wire.InjectedMessage{ID: "order-17", SenderID: "shop", Mirrored: true, SendMessage: wire.SendMessage{
		Address: wire.Address{ConversationID: "r"}, Content: "sent", Type: "text"}}
	first := inject(t, sys, m)
	if first.MessageID != "order-17" || first.Seq != 1 || first.Delivered != 1 {
		t.Errorf("posted %+v", first)
	}
	if again := inject(t, sys, m); again.MessageID != first.MessageID || again.Seq != 1 {
		t.Errorf("posted again: %+v", again)
	}
	m.Content = "something else"
	_, err := sys.PostMessage(t.Context(), m)
	hasCode(t, err, wire.CodeConflict)
	if got := bob.event("new_message").Data; got["id"] != "order-17" || got["senderId"] != "shop" {
		t.Errorf("message: %v", got)
	}
	bob.silent("new_message")
}

func TestSystem_BackEndWritesToAllDevicesOfBoth(t *testing.T) {
	sys := start(t, actors.Options{})
	alice, bob := identify(t, sys, "alice"), identify(t, sys, "bob")
	p := inject(t, sys, wire.InjectedMessage{SenderID: "alice", SendMessage: wire.SendMessage{
		Address: wire.Address{ReceiverID: "bob"}, Content: "x", Type: "text"}})
	if p.ConversationID != wire.DirectID("alice", "bob") || p.Delivered != 2 {
		t.Errorf("posted %+v", p)
	}
	alice.event("new_message")
	bob.event("new_message")
}

func TestSystem_ModeratorsChangeShowsAtOnce(t *testing.T) {
	sys := start(t, actors.Options{})
	bob := identify(t, sys, "bob")
	bob.ask("join_conversation", "r")
	id, _ := bob.ask("send_message", object{"conversationId": "r", "content": "rude"})["messageId"].(string)
	if _, err := sys.UpdateMessage(t.Context(), id, "polite"); err != nil {
		t.Fatal(err)
	}
	if m := bob.event("message_updated").Data; m["content"] != "polite" || m["rev"] != 1.0 {
		t.Errorf("updated: %v", m)
	}
	if _, err := sys.DeleteMessage(t.Context(), id); err != nil {
		t.Fatal(err)
	}
	if m := bob.event("message_deleted").Data; m["messageId"] != id || m["rev"] != 2.0 {
		t.Errorf("deleted: %v", m)
	}
	_, err := sys.DeleteMessage(t.Context(), "no such message")
	hasCode(t, err, wire.CodeNotFound)
}

func TestSystem_RemovedUserLeavesTheRoomAtOnce(t *testing.T) {
	sys := start(t, actors.Options{Rules: rules.Options{Membership: rules.MembershipMembers}})
	bob := identify(t, sys, "bob")
	if r := bob.ask("join_conversation", "r"); r["status"] != "error" || code(r) != "forbidden" {
		t.Errorf("a stranger's join: %v", r)
	}
	change := func(c wire.MembershipChange) {
		t.Helper()
		c.ConversationID = "r"
		if err := sys.ChangeMembership(t.Context(), c); err != nil {
			t.Fatal(err)
		}
	}
	change(wire.MembershipChange{Add: []string{"bob"}})
	if r := bob.ask("join_conversation", "r"); r["status"] != "ok" {
		t.Errorf("a member's join: %v", r)
	}
	change(wire.MembershipChange{Remove: []string{"bob"}})
	inject(t, sys, wire.InjectedMessage{SenderID: "system", SendMessage: wire.SendMessage{
		Address: wire.Address{ConversationID: "r"}, Content: "secret", Type: "text"}})
	for name, payload := range map[string]object{
		"send_message":      {"conversationId": "r", "content": "x"},
		"join_conversation": {"conversationId": "r"},
		"get_history":       {"conversationId": "r"},
		"typing":            {"conversationId": "r"},
		"mark_read":         {"conversationId": "r", "seq": 1},
	} {
		if r := bob.ask(name, payload); code(r) != "forbidden" {
			t.Errorf("%s of a removed user: %v", name, r)
		}
	}
	bob.silent("new_message")
}

func TestSystem_Emit(t *testing.T) {
	sys := start(t, actors.Options{})
	bob, carol := identify(t, sys, "bob"), identify(t, sys, "carol")
	bob.ask("join_conversation", "r")
	emit := func(e wire.Emission, want int) {
		t.Helper()
		e.Event, e.Data = "invoice", json.RawMessage(`{"n":1}`)
		if n, err := sys.Emit(t.Context(), e); err != nil || n != want {
			t.Errorf("delivered %d (%v), want %d", n, err, want)
		}
	}
	emit(wire.Emission{UserIDs: []string{"carol", "nobody"}}, 1)
	carol.event("invoice")
	emit(wire.Emission{ConversationID: "r"}, 1)
	bob.event("invoice")
	carol.silent("invoice")
}

func TestSystem_Revoke(t *testing.T) {
	sys := start(t, actors.Options{})
	bob := identify(t, sys, "bob")
	identify(t, sys, "bob")
	n, err := sys.Revoke(t.Context(), "bob")
	if err != nil || n != 2 {
		t.Errorf("closed %d (%v), want 2", n, err)
	}
	bob.event("session_revoked")
	if r := bob.event("closed").Data; r["reason"] != string(wire.CloseRevoked) {
		t.Errorf("closed with %v", r)
	}
	for sys.Stats().Hub.Sessions > 0 {
		time.Sleep(time.Millisecond)
	}
	if p := connect(t, sys, wire.Hello{PID: bob.hello.PID}); p.hello.Recovered {
		t.Error("a revoked session was recovered")
	}
}

// watchBob has alice see bob come, where his absence shows after that time.
func watchBob(t *testing.T, grace time.Duration) (sys *actors.System, alice, bob *peer) {
	t.Helper()
	sys = start(t, actors.Options{PresenceGrace: grace, Rules: rules.Options{Coalesce: time.Millisecond}})
	alice, bob = identify(t, sys, "alice"), identify(t, sys, "bob")
	alice.ask("join_conversation", "r")
	bob.ask("join_conversation", "r")
	if p := alice.next(func(r received) bool { return r.Event == "presence" && r.Data["userId"] == "bob" }).Data; p["status"] != "online" {
		t.Errorf("presence: %v", p)
	}
	return sys, alice, bob
}

// A reload is no flicker.
func TestSystem_PresenceHasAGraceTime(t *testing.T) {
	sys, alice, bob := watchBob(t, time.Hour)
	bob.session.Closed(bob, wire.CloseTransport)
	connect(t, sys, wire.Hello{PID: bob.hello.PID})
	if r := alice.ask("get_presence", object{"userIds": []string{"bob", "stranger"}}); r["bob"].(object)["status"] != "online" || r["stranger"].(object)["status"] != "offline" {
		t.Errorf("presence: %v", r)
	}
	alice.silent("presence")
}

func TestSystem_PresenceEndsWithTheGraceTime(t *testing.T) {
	_, alice, bob := watchBob(t, 20*time.Millisecond)
	bob.session.Closed(bob, wire.CloseClient)
	if p := alice.event("presence").Data; p["userId"] != "bob" || p["status"] != "offline" || p["lastSeen"] == nil {
		t.Errorf("presence: %v", p)
	}
}

// tokens believes every token that is a user's id; "old-" tokens expire soon.
type tokens struct{ expires time.Time }

func (v tokens) Verify(_ context.Context, token string) (wire.Identity, error) {
	if token == "bad" {
		return wire.Identity{}, wire.Errorf(wire.CodeUnauthorized, "bad token")
	}
	id := wire.Identity{UserID: token, Username: "Name of " + token}
	if token == "old" {
		id.UserID, id.Expires = "alice", v.expires
	}
	return id, nil
}

func TestSystem_Tokens(t *testing.T) {
	sys := start(t, actors.Options{Verifier: tokens{}})
	if _, e := sys.Open(&peer{t: t, more: make(chan struct{}, 1)}, wire.Hello{Token: "bad"}); e == nil || e.Code != wire.CodeUnauthorized {
		t.Errorf("a bad token at connect: %v", e)
	}
	p := connect(t, sys, wire.Hello{Token: "alice"})
	if r := p.ask("send_message", object{"conversationId": "r", "content": "x"}); r["status"] != "sent" {
		t.Errorf("identified by the token at connect: %v", r)
	}
	if r := p.ask("identify", object{"userId": "bob"}); code(r) != "forbidden" {
		t.Errorf("identify as someone else: %v", r)
	}
	if r := p.ask("identify", object{"userId": "bob", "token": "alice"}); code(r) != "forbidden" {
		t.Errorf("identify as someone else with one's own token: %v", r)
	}
	bare := connect(t, sys, wire.Hello{})
	if r := bare.ask("identify", object{"userId": "bob"}); code(r) != "unauthorized" {
		t.Errorf("identify without a token: %v", r)
	}
	if r := bare.ask("identify", object{"userId": "bob", "token": "bob"}); r["status"] != "ok" {
		t.Errorf("identify: %v", r)
	}
}

func TestSystem_ExpiredTokenHasAGraceTime(t *testing.T) {
	for grace := 10 * time.Millisecond; !renewedInTime(t, grace); grace *= 2 { // a slow machine is too late
		if grace > time.Minute {
			t.Fatal("there is no grace time")
		}
	}
}

// renewedInTime has two tokens expire, of which one is renewed. It reports whether
// that was within the grace time.
func renewedInTime(t *testing.T, grace time.Duration) bool {
	t.Helper()
	sys := start(t, actors.Options{Verifier: tokens{expires: time.Now().Add(10 * time.Millisecond)}, TokenGrace: grace})
	p, renewed := connect(t, sys, wire.Hello{Token: "old"}), connect(t, sys, wire.Hello{Token: "old"})
	for _, c := range []*peer{p, renewed} {
		if e := c.event("error").Data; e["code"] != "token_expired" {
			t.Errorf("error: %v", e)
		}
	}
	id := renewed.emit("identify", object{"userId": "alice", "token": "alice"})
	if r := renewed.next(func(r received) bool { return r.Event == "ack" && r.Ack == id || r.Event == "closed" }); r.Event == "closed" {
		return false
	} else if r.Data["status"] != "ok" {
		t.Errorf("a new token in time: %v", r.Data)
	}
	if r := p.event("closed").Data; r["reason"] != string(wire.CloseUnauthorized) {
		t.Errorf("closed with %v", r)
	}
	renewed.silent("closed")
	return true
}

func TestSystem_WhoDoesNotIdentifyIsClosed(t *testing.T) {
	idle := connect(t, start(t, actors.Options{IdentifyWithin: 10 * time.Millisecond}), wire.Hello{})
	if r := idle.event("closed").Data; r["reason"] != string(wire.CloseNotIdentified) {
		t.Errorf("closed with %v", r)
	}
}

func TestSystem_SessionLimits(t *testing.T) {
	sys := start(t, actors.Options{JoinedMax: 2, EventsPerSecond: 0.001, EventsBurst: 5})
	p := identify(t, sys, "alice")
	p.ask("join_conversation", "a")
	p.ask("join_conversation", "b")
	if r := p.ask("join_conversation", "c"); code(r) != "rate_limited" {
		t.Errorf("a join over the bound: %v", r)
	}
	p.ask("heartbeat", nil)
	if r := p.ask("send_message", object{"conversationId": "a", "content": "x", "tempId": "t"}); code(r) != "rate_limited" || r["tempId"] != "t" {
		t.Errorf("an event over the rate: %v", r)
	}
}

func TestSystem_EarlyEventsAreBounded(t *testing.T) {
	sys := start(t, actors.Options{})
	p := connect(t, sys, wire.Hello{})
	var last uint64
	for range 65 {
		last = p.emit("join_conversation", "r")
	}
	if r := p.next(func(r received) bool { return r.Event == "ack" }); r.Ack != last || code(r.Data) != "not_identified" {
		t.Errorf("the first answer is %+v, want a refusal of the 65th event", r)
	}
}

func TestSystem_NewIdentityLeavesWhatTheOldOneJoined(t *testing.T) {
	sys := start(t, actors.Options{})
	p, alice2 := identify(t, sys, "alice"), identify(t, sys, "alice")
	p.ask("join_conversation", "r")
	p.ask("identify", object{"userId": "bob"})
	alice2.ask("send_message", object{"conversationId": "r", "content": "not for bob"})
	alice2.ask("send_message", object{"receiverId": "carol", "content": "nor this"})
	if r := p.ask("send_message", object{"conversationId": "s", "content": "x", "senderId": "alice"}); code(r) != "forbidden" {
		t.Errorf("speaking as alice: %v", r)
	}
	p.silent("new_message")
}

func TestSystem_ConversationsOfAUser(t *testing.T) {
	sys := start(t, actors.Options{})
	alice, bob := identify(t, sys, "alice"), identify(t, sys, "bob")
	alice.ask("send_message", object{"receiverId": "bob", "content": "1"})
	id, _ := alice.ask("send_message", object{"receiverId": "bob", "content": "2"})["messageId"].(string)
	list := bob.ask("get_conversations", nil)["conversations"].([]any)
	if len(list) != 1 {
		t.Fatalf("conversations: %v", list)
	}
	c := list[0].(object)
	if c["receiverId"] != "alice" || c["directId"] != wire.DirectID("alice", "bob") || c["unread"] != 2.0 || c["lastMessage"].(object)["content"] != "2" {
		t.Errorf("summary: %v", c)
	}
	if r := bob.ask("read_message", id); r["readSeq"] != 2.0 {
		t.Errorf("read by id alone: %v", r)
	}
	if r := alice.event("message_read").Data; r["userId"] != "bob" || r["messageId"] != id || r["seq"] != 2.0 {
		t.Errorf("message_read: %v", r)
	}
	if r := bob.ask("get_conversations", object{"cursor": "made up"}); code(r) != "invalid_payload" {
		t.Errorf("a made-up cursor: %v", r)
	}
}
