package actors_test

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/corrillo/corrillo/actors"
	"github.com/corrillo/corrillo/actors/envelope"
	"github.com/corrillo/corrillo/actors/message"
	"github.com/corrillo/corrillo/actors/placement"
	"github.com/corrillo/corrillo/wire"
)

// behindAHole is a cluster of three, and a node that has not come yet, N4, which a
// conversation of N1's belongs to then. N2, where bob has joined it and carol is,
// fetches a message of it and waits for the store until release.
type behindAHole struct {
	f                 *fabric
	room              string
	alice, bob, carol *peer
	release           chan struct{}
}

func waitBehindAHole(t *testing.T, o actors.Options) *behindAHole {
	t.Helper()
	store := &stuck{faulty: &faulty{Store: openStore(t)}, asked: make(chan struct{}), release: make(chan struct{})}
	o.Store = store
	f, nodes := cluster(t, 3, o)
	before := nodes[0].sys.View()
	after := placement.NewView(2, append(before.Nodes[:3:3], placement.Node{ID: "N4", Address: "N4"}))
	h := &behindAHole{f: f, release: store.release}
	for i := 0; before.Owner(1, h.room) != "N1" || after.Owner(1, h.room) != "N4"; i++ {
		h.room = fmt.Sprint("room", i)
	}
	h.alice, h.bob, h.carol = identify(t, nodes[0].sys, "alice"), identify(t, nodes[1].sys, "bob"), identify(t, nodes[1].sys, "carol")
	h.bob.ask("join_conversation", h.room)
	h.alice.ask("send_message", object{"conversationId": h.room, "content": "1"})
	h.bob.event("new_message")
	store.lie.Store(true) // so that N2 has to fetch what N1 does not know to be saved
	h.alice.ask("send_message", object{"conversationId": h.room, "content": "2"})
	store.lie.Store(false)
	h.alice.ask("send_message", object{"conversationId": h.room, "content": "3"})
	<-store.asked
	return h
}

// done returns when N1 has done what carol has asked for: the refusal of an edit
// comes behind that, and does not wait.
func (h *behindAHole) done(t *testing.T) {
	t.Helper()
	if r := h.carol.ask("edit_message", object{"conversationId": h.room, "messageId": "none", "content": "?"}); code(r) == nil {
		t.Fatalf("an edit of nothing: %v", r)
	}
}

// A join that waits for messages which are being fetched is known to the actor
// that has let it in. When the conversation goes to another node and comes back
// meanwhile, its new actor has to hear of it, though its node is the same.
func TestCluster_WhoJoinsWhileAConversationGoesAndComesBackHearsIt(t *testing.T) {
	h := waitBehindAHole(t, actors.Options{})
	f, room, alice, bob, carol := h.f, h.room, h.alice, h.bob, h.carol
	join := carol.emit("join_conversation", room)
	h.done(t)

	n4 := f.add()
	f.view(nil)
	f.settle()
	n4.state = placement.Leaving
	f.view(nil)
	f.settle()
	close(h.release)
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

// Who leaves while the new owner of a conversation is being told that he has
// joined at the word of the one before does not keep it awake.
func TestCluster_WhoLeavesWhileAConversationHearsOfTheJoinIsForgotten(t *testing.T) {
	h := waitBehindAHole(t, actors.Options{IdleAfter: 10 * time.Millisecond, PresenceGrace: time.Millisecond})
	f, room, alice, bob, carol := h.f, h.room, h.alice, h.bob, h.carol
	join := carol.emit("join_conversation", room)
	h.done(t)

	n4 := f.add()
	f.view(nil)
	f.settle()
	f.mu.Lock()
	n2 := f.nodes["N2"]
	f.mu.Unlock()
	release := f.hold(n4, n2)
	leave := carol.emit("leave_conversation", room)
	f.waiting(n4, n2, func(items [][]byte) bool {
		return slices.ContainsFunc(items, func(item []byte) bool {
			m, _ := envelope.Decode(item)
			relayed, is := m.(*message.Relayed)
			return is && len(relayed.Leave) > 0
		})
	})
	close(h.release)
	carol.next(func(r received) bool { return r.Event == "ack" && r.Ack == join })
	release()
	carol.next(func(r received) bool { return r.Event == "ack" && r.Ack == leave })
	for _, p := range []*peer{alice, bob, carol} {
		p.session.Closed(p, wire.CloseClient)
	}
	eventually(t, "the conversation", func() bool { return n4.sys.Stats().Locator.Conversations == 0 }, func() string { return "it stays awake with nobody in it" })
	if n4.sys.Stats().Locator.ConversationsSpawned == 0 {
		t.Error("N4 has not had the conversation")
	}
}

// Who has joined and left again while messages were being fetched, and the
// conversation has gone to another node meanwhile, does not keep it awake there.
func TestCluster_WhoJoinsAndLeavesWhileAConversationMovesIsForgotten(t *testing.T) {
	h := waitBehindAHole(t, actors.Options{IdleAfter: 10 * time.Millisecond, PresenceGrace: time.Millisecond})
	f, room, alice, bob, carol := h.f, h.room, h.alice, h.bob, h.carol
	carol.emit("join_conversation", room)
	leave := carol.emit("leave_conversation", room)
	h.done(t)

	n4 := f.add()
	f.view(nil)
	f.settle()
	close(h.release)
	carol.next(func(r received) bool { return r.Event == "ack" && r.Ack == leave })
	for _, p := range []*peer{alice, bob, carol} {
		p.session.Closed(p, wire.CloseClient)
	}
	eventually(t, "the conversation", func() bool { return n4.sys.Stats().Locator.Conversations == 0 }, func() string { return "it stays awake with nobody in it" })
	if n4.sys.Stats().Locator.ConversationsSpawned == 0 {
		t.Error("N4 has not had the conversation")
	}
}
