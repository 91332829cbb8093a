package actors_test

import (
	"testing"
	"time"

	"github.com/corrillo/corrillo/actors"
)

// The first message of a direct conversation is heard like every later one when it
// was committed and nobody could say so: its people have joined nothing, and a
// repeat of it is only answered.
func TestSystem_FirstDirectMessageOfUnknownOutcomeIsHeard(t *testing.T) {
	store := &faulty{Store: openStore(t)}
	sys := start(t, actors.Options{Store: store, SaveTimeout: time.Second})
	firstDirectInDoubt(t, store, identify(t, sys, "alice"), identify(t, sys, "bob"))
}

func TestCluster_FirstDirectMessageOfUnknownOutcomeIsHeard(t *testing.T) {
	store := &faulty{Store: openStore(t)}
	_, nodes := cluster(t, 3, actors.Options{Store: store, SaveTimeout: time.Second})
	name := ownedBy(nodes[0])
	alice, bob := identify(t, nodes[1].sys, name), identify(t, nodes[2].sys, "bob")
	known(t, nodes)
	firstDirectInDoubt(t, store, alice, bob)
}

func firstDirectInDoubt(t *testing.T, store *faulty, alice, bob *peer) {
	t.Helper()
	post := object{"receiverId": "bob", "content": "1", "tempId": "one"}
	store.lie.Store(true)
	if r := alice.ask("send_message", post); code(r) != "unavailable" {
		t.Fatalf("a save of unknown outcome was answered with %v", r)
	}
	store.lie.Store(false)
	if r := alice.insist("send_message", post); r["status"] != "sent" || r["seq"] != 1.0 {
		t.Fatalf("sent again: %v", r)
	}
	alice.insist("send_message", object{"receiverId": "bob", "content": "2", "tempId": "two"})
	for seq := 1.0; seq <= 2; seq++ {
		if m := bob.event("new_message").Data; m["seq"] != seq {
			t.Fatalf("bob hears %v, want seq %v", m, seq)
		}
	}
	bob.silent("new_message")
}
