package actors_test

import (
	"fmt"
	"testing"

	"github.com/corrillo/corrillo/actors"
	"github.com/corrillo/corrillo/actors/placement"
	"github.com/corrillo/corrillo/wire"
)

// A direct conversation that moves tells its people from two nodes. What the
// first has said comes first, also when its link is the slower one.
func TestCluster_ADirectConversationMovesAndTheOldOwnersLinkIsSlow(t *testing.T) {
	f, nodes := cluster(t, 2, actors.Options{})
	before := nodes[0].sys.View()
	after := placement.NewView(2, append(before.Nodes[:2:2], placement.Node{ID: "N3", Address: "N3"}))
	other := ""
	owner := func(v *placement.View) string { return v.Owner(1, wire.DirectID("alice", other)) }
	for i := 0; owner(&before) != "N1" || owner(&after) != "N3"; i++ {
		other = fmt.Sprint("bob", i)
	}
	room := roomThat(func(id string) bool { return before.Owner(1, id) == "N2" && after.Owner(1, id) == "N3" })
	alice, bob := identify(t, nodes[0].sys, "alice"), identify(t, nodes[1].sys, other)
	f.settle()
	release := f.hold(nodes[0], nodes[1])
	send := func(content string) {
		t.Helper()
		if r := alice.ask("send_message", object{"receiverId": other, "content": content}); r["status"] != "sent" {
			t.Fatalf("send: %v", r)
		}
	}
	send("1")
	send("2")
	n3 := f.add()
	f.view(nil)
	send("3") // on N3, which has been told that N1 has let go
	// N2 has heard of it when N3 has answered what came later.
	if r := bob.ask("get_history", object{"conversationId": room}); r["messages"] == nil {
		t.Fatalf("history: %v", r)
	}
	release()
	for i := 1; i <= 3; i++ {
		if m := bob.event("new_message").Data; m["content"] != fmt.Sprint(i) || m["seq"] != float64(i) {
			t.Fatalf("message %d: %v", i, m)
		}
	}
	if !n3.sys.HasConversation(wire.DirectID("alice", other)) {
		t.Error("it has not moved")
	}
}
