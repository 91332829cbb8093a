package actors_test

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/corrillo/corrillo/actors"
	"github.com/corrillo/corrillo/actors/relay"
	"github.com/corrillo/corrillo/wire"
	"google.golang.org/protobuf/encoding/protowire"
)

func TestCluster_MessageReachesEveryoneOnce(t *testing.T) {
	_, nodes := cluster(t, 3, actors.Options{})
	people, writers := make([]*peer, 6), make([]*peer, 3)
	for i := range people {
		people[i] = identify(t, nodes[i%3].sys, fmt.Sprint("user", i))
	}
	for i := range writers {
		writers[i] = identify(t, nodes[i].sys, fmt.Sprint("writer", i))
	}
	for _, room := range []string{"a", "b", "c", "d", "e"} { // at least two of them live on different nodes
		for _, p := range people {
			if r := p.ask("join_conversation", room); r["status"] != "ok" || r["lastSeq"] != 0.0 {
				t.Fatalf("join: %v", r)
			}
		}
		for i := range 30 {
			r := writers[i%3].ask("send_message", object{"conversationId": room, "content": fmt.Sprint(i), "tempId": fmt.Sprint(room, i)})
			if r["status"] != "sent" || r["seq"] != float64(i+1) {
				t.Fatalf("%s %d: %v", room, i, r)
			}
		}
		for _, p := range people {
			for i := range 30 {
				if m := p.event("new_message").Data; m["seq"] != float64(i+1) || m["conversationId"] != room {
					t.Fatalf("message %d of %s: %v", i, room, m)
				}
			}
			p.ask("leave_conversation", room)
		}
	}
}

func TestCluster_DirectMessagesFindPeopleOnAllNodes(t *testing.T) {
	_, nodes := cluster(t, 3, actors.Options{})
	alice := identify(t, nodes[0].sys, "alice")
	others := []*peer{
		identify(t, nodes[1].sys, "bob"), identify(t, nodes[2].sys, "bob"), identify(t, nodes[0].sys, "bob"), identify(t, nodes[1].sys, "alice"),
	}
	for i := range 5 {
		alice.ask("send_message", object{"receiverId": "bob", "content": fmt.Sprint(i)})
		for _, p := range others {
			if m := p.event("new_message").Data; m["seq"] != float64(i+1) {
				t.Fatalf("message %d: %v", i, m)
			}
		}
	}
	late := identify(t, nodes[1].sys, "bob")
	alice.ask("send_message", object{"receiverId": "bob", "content": "now"})
	if m := late.event("new_message").Data; m["content"] != "now" {
		t.Errorf("who came late got %v", m)
	}
}

func TestCluster_PresenceIsOneTruth(t *testing.T) {
	f, nodes := cluster(t, 3, actors.Options{PresenceGrace: 20 * time.Millisecond})
	alice := identify(t, nodes[0].sys, "alice")
	alice.ask("join_conversation", "r")
	bob := identify(t, nodes[1].sys, "bob")
	bob.ask("join_conversation", "r")
	online := func(want bool) func(received) bool {
		return func(r received) bool {
			return r.Event == wire.EventPresence && r.Data["userId"] == "bob" && (r.Data["status"] == "online") == want
		}
	}
	alice.next(online(true))
	known := func(p *peer) bool {
		r := p.ask("get_presence", object{"userIds": []string{"bob"}})
		status, _ := r["bob"].(object)
		return status["status"] == "online"
	}
	carol := identify(t, nodes[2].sys, "carol")
	if !known(carol) {
		t.Error("bob is not online for carol, who is on another node")
	}
	second := identify(t, nodes[2].sys, "bob")
	known(second) // behind what his node tells of it
	bob.session.Closed(bob, wire.CloseClient)
	if !known(carol) {
		t.Error("bob is offline while a session of his is on another node")
	}
	second.ask("join_conversation", "r")
	known(second)    // and of that
	f.kill(nodes[2]) // with bob's last session
	f.view(nil)
	alice.next(online(false))
	if known(alice) {
		t.Error("bob is online, and his node is gone")
	}
}

func TestCluster_RevokeAndEmitReachAllNodes(t *testing.T) {
	_, nodes := cluster(t, 3, actors.Options{})
	var sessions []*peer
	for _, n := range nodes {
		sessions = append(sessions, identify(t, n.sys, "bob"))
	}
	for _, n := range nodes {
		if _, err := n.sys.Emit(t.Context(), wire.Emission{Event: "notice", Data: []byte(`{"x":1}`), UserIDs: []string{"bob"}}); err != nil {
			t.Fatal(err)
		}
		for _, p := range sessions {
			p.event("notice")
		}
	}
	if _, err := nodes[0].sys.Emit(t.Context(), wire.Emission{Event: "notice", Data: []byte(`{}`), UserIDs: []string{"nobody"}}); err != nil {
		t.Errorf("emitting to nobody: %v", err)
	}
	closed, err := nodes[1].sys.Revoke(t.Context(), "bob")
	if err != nil || closed != 3 {
		t.Errorf("%d closed, %v; want 3", closed, err)
	}
	for _, p := range sessions {
		p.event(wire.EventSessionRevoked)
		p.event("closed")
	}
}

// Who has been answered can be revoked, also when the user's node has not heard of
// the session yet.
func TestCluster_RevokeOvertakesTheSession(t *testing.T) {
	f, nodes := cluster(t, 3, actors.Options{})
	owner := slices.IndexFunc(nodes, func(n *member) bool { return n.sys.HasUser("bob") })
	f.settle()
	at, asked := nodes[(owner+1)%3], nodes[(owner+2)%3]
	defer f.hold(at, nodes[owner])()
	bob := identify(t, at.sys, "bob")
	if _, err := asked.sys.Revoke(t.Context(), "bob"); err != nil {
		t.Fatal(err)
	}
	bob.event(wire.EventSessionRevoked)
	bob.event("closed")
}

func TestCluster_ConnectionsOfAUserAreCountedOnAllNodes(t *testing.T) {
	_, nodes := cluster(t, 3, actors.Options{Recovery: relay.Options{PerUser: 2}})
	var sessions []*peer
	for _, n := range nodes {
		sessions = append(sessions, identify(t, n.sys, "bob"))
	}
	// The one that the owner of the user hears of last is one too many.
	closed := func(p *peer) bool {
		p.mu.Lock()
		defer p.mu.Unlock()
		return slices.ContainsFunc(p.events, func(r received) bool {
			return r.Event == "closed" && r.Data["reason"] == string(wire.CloseRateLimited)
		})
	}
	eventually(t, "the connections of a user", func() bool { return slices.ContainsFunc(sessions, closed) }, func() string { return "none is closed" })
	left := slices.DeleteFunc(sessions, closed)
	if len(left) != 2 {
		t.Fatalf("%d connections are left, want 2", len(left))
	}
	for _, p := range left {
		if r := p.ask("heartbeat", object{}); r["serverTime"] == nil {
			t.Errorf("heartbeat: %v", r)
		}
		p.silent("closed")
	}
}

// A user's actor that has failed counts the connections on other nodes again.
func TestCluster_UsersPanicForgetsNobodyElsewhere(t *testing.T) {
	_, nodes := cluster(t, 3, actors.Options{Recovery: relay.Options{PerUser: 1}})
	owner := slices.IndexFunc(nodes, func(n *member) bool { return n.sys.HasUser("bob") })
	first := identify(t, nodes[(owner+1)%3].sys, "bob")
	eventually(t, "the user's actor", func() bool {
		known, err := nodes[owner].sys.Presence(t.Context(), []string{"bob"})
		return err == nil && known["bob"].Online
	}, func() string { return "bob is away" })
	nodes[owner].sys.FailUser("bob")
	eventually(t, "the failure", func() bool { return nodes[owner].sys.Stats().Failures == 1 }, func() string { return "there is none" })

	eventually(t, "one connection too many", func() bool {
		sys := nodes[(owner+2)%3].sys
		more := identify(t, sys, "bob")
		// It comes behind all that the user's actor has to say of the connection.
		if _, err := sys.Emit(t.Context(), wire.Emission{Event: "notice", Data: []byte(`{}`), UserIDs: []string{"bob"}}); err != nil {
			t.Fatal(err)
		}
		if more.next(func(r received) bool { return r.Event == "closed" || r.Event == "notice" }).Event == "closed" {
			return true
		}
		more.session.Closed(more, wire.CloseClient)
		sys.ExpireDetached()
		return false
	}, func() string { return "none is closed" })
	first.silent("closed")
}

// A node of the version before answers what it does not know yet.
func TestCluster_NewCommandIsRefusedByAnOlderNode(t *testing.T) {
	f, nodes := cluster(t, 3, actors.Options{})
	owner := slices.IndexFunc(nodes, func(n *member) bool { return n.sys.HasConversation("r") })
	alice := identify(t, nodes[(owner+1)%3].sys, "alice")
	const join, unknown = 5, 999
	f.mu.Lock()
	f.rewrite = func(item []byte) []byte {
		var out []byte
		for len(item) > 0 {
			number, kind, n := protowire.ConsumeField(item)
			_, _, tag := protowire.ConsumeTag(item)
			if number == join {
				out = append(protowire.AppendTag(out, unknown, kind), item[tag:n]...)
			} else {
				out = append(out, item[:n]...)
			}
			item = item[n:]
		}
		return out
	}
	f.mu.Unlock()
	if got := code(alice.ask("join_conversation", "r")); got != "unavailable" {
		t.Errorf("the answer to what the owner does not know is %v, want unavailable", got)
	}
	f.mu.Lock()
	f.rewrite = nil
	f.mu.Unlock()
	if r := alice.ask("join_conversation", "r"); code(r) != nil {
		t.Errorf("joining afterwards: %v", r)
	}
}

// A client that comes back at another node than the one with its session gets
// what it has missed from there.
func TestCluster_SessionIsRecoveredAtAnotherNode(t *testing.T) {
	_, nodes := cluster(t, 3, actors.Options{})
	alice := identify(t, nodes[0].sys, "alice")
	alice.ask("join_conversation", "r")
	bob := identify(t, nodes[1].sys, "bob")
	bob.ask("send_message", object{"conversationId": "r", "content": "1"})
	alice.event("new_message")
	alice.session.Closed(alice, wire.CloseTransport)
	bob.ask("send_message", object{"conversationId": "r", "content": "2"})

	back := connect(t, nodes[2].sys, alice.recovery())
	if m := back.event("new_message").Data; m["content"] != "2" {
		t.Errorf("missed: %v", m)
	}
	if !back.hello.Recovered || back.hello.PID != alice.hello.PID || back.hello.SID != alice.hello.SID {
		t.Errorf("welcome %+v, want the session of %+v", back.hello, alice.hello)
	}
	if r := back.ask("send_message", object{"conversationId": "r", "content": "3"}); r["status"] != "sent" || r["seq"] != 3.0 {
		t.Errorf("sending: %v", r)
	}
	unknown := alice.recovery()
	unknown.PID = "N1.zz.AAAAAAAAAAAAAAAAAAAAAA"
	lost := connect(t, nodes[1].sys, unknown)
	if r := lost.ask("identify", object{"userId": "eve"}); r["status"] != "ok" || lost.hello.Recovered {
		t.Errorf("a session that nobody has: %v, %+v", r, lost.hello)
	}
}

// What a node had been told and has not answered when it died is answered by
// those who take over.
func TestCluster_WhatADeadNodeHasNotAnsweredIsAnswered(t *testing.T) {
	f, nodes := cluster(t, 3, actors.Options{})
	alice, bob := identify(t, nodes[0].sys, "alice"), identify(t, nodes[1].sys, "bob")
	const rooms = 12
	for i := range rooms {
		bob.ask("join_conversation", fmt.Sprint("room", i))
	}
	for i := range rooms {
		alice.ask("send_message", object{"conversationId": fmt.Sprint("room", i), "content": "1"})
	}
	for range rooms {
		bob.event("new_message")
	}
	f.kill(nodes[2])
	ids := map[uint64]bool{}
	for i := range rooms {
		ids[alice.emit("send_message", object{"conversationId": fmt.Sprint("room", i), "content": "2"})] = true
	}
	f.view(nil)
	for len(ids) > 0 {
		r := alice.next(func(r received) bool { return r.Event == "ack" })
		if !ids[r.Ack] || r.Data["status"] != "sent" || r.Data["seq"] != 2.0 {
			t.Fatalf("answer %d: %v", r.Ack, r.Data)
		}
		delete(ids, r.Ack)
	}
	for range rooms {
		if m := bob.event("new_message").Data; m["seq"] != 2.0 {
			t.Errorf("bob hears %v", m)
		}
	}
}

// A link that takes nothing more blocks nobody; those behind it lose their
// connections, not a message.
func TestCluster_AFullLinkLosesConnectionsNotMessages(t *testing.T) {
	f, nodes := cluster(t, 2, actors.Options{})
	alice, bob := identify(t, nodes[0].sys, "alice"), identify(t, nodes[1].sys, "bob")
	room := ""
	for i := 0; room == ""; i++ { // one that the first node owns
		v := nodes[0].sys.View()
		if id := fmt.Sprint("room", i); v.Owner(1, id) == nodes[0].id {
			room = id
		}
	}
	alice.ask("join_conversation", room)
	bob.ask("join_conversation", room)
	link := f.link(nodes[0].id, nodes[1].id)
	link.mu.Lock()
	link.full = true
	link.mu.Unlock()
	for i := range 20 {
		if r := alice.ask("send_message", object{"conversationId": room, "content": fmt.Sprint(i)}); r["status"] != "sent" {
			t.Fatalf("sending behind a full link: %v", r)
		}
	}
	link.mu.Lock()
	link.full = false
	link.mu.Unlock()
	bob.event("closed")
	back := identify(t, nodes[1].sys, "bob")
	if r := back.ask("join_conversation", object{"conversationId": room, "afterSeq": 0}); len(r["missed"].([]any)) != 20 {
		t.Errorf("it has missed %v", r["missed"])
	}
}
