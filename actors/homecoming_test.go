package actors_test

import (
	"fmt"
	"testing"

	"github.com/corrillo/corrillo/actors"
	"github.com/corrillo/corrillo/actors/placement"
)

// A conversation that fails while it hands off goes all the same, also when it
// belongs to its node again by then: what moves waits for that on all nodes.
func TestCluster_ConversationThatFailsWhileItGoesAndHasComeHome(t *testing.T) {
	store := &faulty{Store: openStore(t)}
	f, nodes := cluster(t, 2, actors.Options{Store: store})
	before := nodes[0].sys.View()
	after := placement.NewView(2, append(before.Nodes[:2:2], placement.Node{ID: "N3", Address: "N3"}))
	room := ""
	for i := 0; before.Owner(1, room) != "N1" || after.Owner(1, room) != "N3"; i++ {
		room = fmt.Sprint("room", i)
	}
	alice, bob := identify(t, nodes[0].sys, "alice"), identify(t, nodes[1].sys, "bob")
	bob.ask("join_conversation", room)
	hold := make(chan struct{})
	store.hold.Store(&hold)
	alice.emit("send_message", object{"conversationId": room, "content": "1"})
	eventually(t, "saving", func() bool { return store.saving(room) }, func() string { return "not begun" })

	n3 := f.add()
	f.view(nil) // it has to go, and waits for the store
	n3.state = placement.Leaving
	f.view(nil)
	if !nodes[0].sys.FailOwnConversation(room) {
		t.Log("it has waited for the store too long") // and has gone: a slow machine
	}
	close(hold)
	f.settle()
	if r := alice.ask("send_message", object{"conversationId": room, "content": "2"}); r["status"] != "sent" {
		t.Fatalf("send: %v", r)
	}
	for bob.event("new_message").Data["content"] != "2" {
	}
}
