package actors_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/corrillo/corrillo/actors"
	"github.com/corrillo/corrillo/actors/placement"
	"github.com/corrillo/corrillo/wire"
)

// settle returns when nothing moves between the nodes any more.
func (f *fabric) settle() {
	f.t.Helper()
	end := time.Now().Add(10 * time.Second)
	for _, m := range f.live() {
		for {
			r := m.sys.Routing()
			if r.Unsettled+r.Leaving+r.HeldIDs == 0 {
				break
			}
			if time.Now().After(end) {
				f.t.Fatalf("%s does not settle: %+v", m.id, r)
			}
			time.Sleep(time.Millisecond)
		}
	}
}

// A join that waits for messages which are being fetched is known to the actor
// that has let it in. When the conversation goes to another node and comes back
// meanwhile, its new actor has to hear of it, though its node is the same.
func TestCluster_WhoJoinsWhileAConversationGoesAndComesBackHearsIt(t *testing.T) {
	store := &stuck{faulty: &faulty{Store: openStore(t)}, asked: make(chan struct{}), release: make(chan struct{})}
	f, nodes := cluster(t, 3, actors.Options{Store: store})
	before := nodes[0].sys.View()
	after := placement.NewView(2, append(before.Nodes[:3:3], placement.Node{ID: "N4", Address: "N4"}))
	room := ""
	for i := 0; before.Owner(1, room) != "N1" || after.Owner(1, room) != "N4"; i++ {
		room = fmt.Sprint("room", i)
	}
	alice, bob, carol := identify(t, nodes[0].sys, "alice"), identify(t, nodes[1].sys, "bob"), identify(t, nodes[1].sys, "carol")
	bob.ask("join_conversation", room)
	alice.ask("send_message", object{"conversationId": room, "content": "1"})
	bob.event("new_message")
	store.lie.Store(true) // so that N2 has to fetch what N1 does not know to be saved
	alice.ask("send_message", object{"conversationId": room, "content": "2"})
	store.lie.Store(false)
	alice.ask("send_message", object{"conversationId": room, "content": "3"})
	<-store.asked
	join := carol.emit("join_conversation", room)
	if r := carol.ask("edit_message", object{"conversationId": room, "messageId": "none", "content": "?"}); code(r) == nil {
		t.Fatalf("an edit of nothing: %v", r) // its refusal comes behind the join, and does not wait
	}

	n4 := f.add()
	f.view(nil)
	f.settle()
	n4.state = placement.Leaving
	f.view(nil)
	f.settle()
	close(store.release)
	if r := carol.next(func(r received) bool { return r.Event == "ack" && r.Ack == join }).Data; r["status"] != "ok" {
		t.Fatalf("join: %v", r)
	}
	bob.ask("leave_conversation", room) // N2 is told of the conversation because of carol only
	if r := alice.ask("send_message", object{"conversationId": room, "content": "4"}); r["status"] != "sent" {
		t.Fatalf("send: %v", r)
	}
	for carol.event("new_message").Data["content"] != "4" {
	}
}

// Who has joined and left again while messages were being fetched, and the
// conversation has gone to another node meanwhile, does not keep it awake there.
func TestCluster_WhoJoinsAndLeavesWhileAConversationMovesIsForgotten(t *testing.T) {
	store := &stuck{faulty: &faulty{Store: openStore(t)}, asked: make(chan struct{}), release: make(chan struct{})}
	f, nodes := cluster(t, 3, actors.Options{Store: store, IdleAfter: 10 * time.Millisecond, PresenceGrace: time.Millisecond})
	before := nodes[0].sys.View()
	after := placement.NewView(2, append(before.Nodes[:3:3], placement.Node{ID: "N4", Address: "N4"}))
	room := ""
	for i := 0; before.Owner(1, room) != "N1" || after.Owner(1, room) != "N4"; i++ {
		room = fmt.Sprint("room", i)
	}
	alice, bob, carol := identify(t, nodes[0].sys, "alice"), identify(t, nodes[1].sys, "bob"), identify(t, nodes[1].sys, "carol")
	bob.ask("join_conversation", room)
	alice.ask("send_message", object{"conversationId": room, "content": "1"})
	bob.event("new_message")
	store.lie.Store(true) // so that N2 has to fetch what N1 does not know to be saved
	alice.ask("send_message", object{"conversationId": room, "content": "2"})
	store.lie.Store(false)
	alice.ask("send_message", object{"conversationId": room, "content": "3"})
	<-store.asked
	carol.emit("join_conversation", room)
	leave := carol.emit("leave_conversation", room)
	if r := carol.ask("edit_message", object{"conversationId": room, "messageId": "none", "content": "?"}); code(r) == nil {
		t.Fatalf("an edit of nothing: %v", r) // its refusal comes behind both, and does not wait
	}

	n4 := f.add()
	f.view(nil)
	f.settle()
	close(store.release)
	carol.next(func(r received) bool { return r.Event == "ack" && r.Ack == leave })
	for _, p := range []*peer{alice, bob, carol} {
		p.session.Closed(p, wire.CloseClient)
	}
	eventually(t, "the conversation", func() bool { return n4.sys.Stats().Locator.Conversations == 0 }, func() string { return "it stays awake with nobody in it" })
	if n4.sys.Stats().Locator.ConversationsSpawned == 0 {
		t.Error("N4 has not had the conversation")
	}
}
