package actors_test

import (
	"fmt"
	"testing"

	"github.com/corrillo/corrillo/actors"
)

// Whoever becomes someone else has left everything: what was being joined then is
// not joined, though the session is the first one's again when its turn comes. What
// was being said is said.
func TestSystem_WhoIsBackAsTheFirstHasNotJoinedWhatTheFirstWasJoining(t *testing.T) {
	sys := start(t, actors.Options{})
	carol := identify(t, sys, "carol")
	carol.ask("join_conversation", "r")
	for _, again := range []bool{false, true} {
		p := identify(t, sys, "bob")
		release := sys.HoldLane("r")
		join := p.emit("join_conversation", object{"conversationId": "r"})
		p.emit("send_message", object{"conversationId": "r", "content": "hello", "tempId": fmt.Sprint(again)})
		p.emit("identify", object{"userId": "cy"})
		p.ask("identify", object{"userId": "bob"})
		if again {
			p.emit("join_conversation", object{"conversationId": "r"})
		}
		release()
		if r := p.next(func(r received) bool { return r.Event == "ack" && r.Ack == join }).Data; code(r) != "forbidden" {
			t.Errorf("the first one's join: %v", r)
		}
		said := carol.next(func(r received) bool { return r.Event == "new_message" && r.Data["content"] == "hello" }).Data
		if said["senderId"] != "bob" {
			t.Errorf("what he has said: %v", said)
		}
		p.ask("get_history", object{"conversationId": "r"}) // what was on its way has come
		carol.ask("send_message", object{"conversationId": "r", "content": "x"})
		heard, last := false, p.emit("get_history", object{"conversationId": "r"})
		p.next(func(r received) bool {
			heard = heard || r.Event == "new_message"
			return r.Event == "ack" && r.Ack == last
		})
		if heard != again {
			t.Errorf("with a join of his own: %v; he hears the room: %v", again, heard)
		}
	}
}

// A join of the old identity that comes to nothing must not take the new
// one's with it.
func TestSystem_NewIdentityJoinsWhatTheOldOneIsJoining(t *testing.T) {
	sys := start(t, actors.Options{})
	carol := identify(t, sys, "carol")
	for i := range 40 {
		p := identify(t, sys, "alice")
		room := fmt.Sprint("r", i)
		p.emit("join_conversation", room)
		p.emit("identify", object{"userId": "bob"})
		if r := p.ask("join_conversation", room); r["status"] != "ok" {
			t.Fatalf("the new identity's join: %v", r)
		}
		p.ask("typing", object{"conversationId": room}) // what was on its way has come
		carol.ask("send_message", object{"conversationId": room, "content": "x"})
		p.event("new_message")
	}
}
