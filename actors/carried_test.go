package actors_test

import (
	"testing"

	"github.com/corrillo/corrillo/actors"
	"github.com/corrillo/corrillo/wire"
)

// A client that was recovered at another node than its session's is sent away when
// that node dies: it would hear nothing any more, and nobody would tell it.
func TestCluster_CarriedClientIsSentAwayWhenItsSessionsNodeDies(t *testing.T) {
	f, nodes := cluster(t, 3, actors.Options{})
	alice := identify(t, nodes[0].sys, "alice")
	alice.ask("join_conversation", "r")
	alice.session.Closed(alice, wire.CloseTransport)
	hello := alice.recovery()
	hello.HasOffset = false // it has received no event
	carried := connect(t, nodes[1].sys, hello)
	if r := carried.ask("send_message", object{"conversationId": "r", "content": "1"}); r["status"] != "sent" {
		t.Fatalf("sending from elsewhere: %v", r)
	}
	f.kill(nodes[0])
	f.view(nil)
	carried.event("closed")
	back := connect(t, nodes[1].sys, carried.recovery())
	if back.hello.Recovered {
		t.Error("the session of a dead node was recovered")
	}
	back.ask("identify", object{"userId": "alice"})
	if r := back.ask("join_conversation", object{"conversationId": "r", "afterSeq": 0}); len(r["missed"].([]any)) != 1 {
		t.Errorf("it has missed %v", r["missed"])
	}
}

// A node that drains takes no session back for a client that it has just sent to
// another node: that client is to stay there.
func TestCluster_DrainingNodeTakesNoSessionBack(t *testing.T) {
	_, nodes := cluster(t, 2, actors.Options{})
	alice := identify(t, nodes[0].sys, "alice")
	alice.session.Closed(alice, wire.CloseTransport)
	hello := alice.recovery()
	hello.HasOffset = false // it has received no event
	carried := connect(t, nodes[1].sys, hello)
	carried.ask("get_history", object{"conversationId": "r"}) // it is answered when it is known whose session that is
	if !carried.hello.Recovered {
		t.Error("a session that waits is not recovered")
	}
	carried.session.Closed(carried, wire.CloseTransport)
	if err := nodes[0].sys.Drain(t.Context()); err != nil {
		t.Fatal(err)
	}
	back := connect(t, nodes[1].sys, hello)
	back.ask("get_history", object{"conversationId": "r"})
	if back.hello.Recovered {
		t.Error("a node that drains has taken a session back")
	}
}
