package actors_test

import (
	"fmt"
	"slices"
	"testing"

	"github.com/corrillo/corrillo/actors"
	"github.com/corrillo/corrillo/actors/envelope"
	"github.com/corrillo/corrillo/actors/message"
	"github.com/corrillo/corrillo/wire"
)

// known waits until every node knows who is where.
func known(t *testing.T, nodes []*member) {
	t.Helper()
	eventually(t, "the whereabouts", func() bool {
		for _, n := range nodes {
			if w := n.sys.ClusterStats().Whereabouts; w.Unknown > 0 || w.Kept > 0 {
				return false
			}
		}
		return true
	}, func() string { return fmt.Sprintf("%+v", nodes[0].sys.ClusterStats().Whereabouts) })
}

// ownedBy names someone whose direct conversation with bob belongs to a node.
func ownedBy(n *member) string {
	for i := 0; ; i++ {
		if name := fmt.Sprint("ann", i); n.sys.HasConversation(wire.DirectID(name, "bob")) {
			return name
		}
	}
}

// What is for two people goes to their nodes, not to all.
func TestCluster_DirectMessagesGoWhereThePeopleAre(t *testing.T) {
	f, nodes := cluster(t, 4, actors.Options{})
	name := ownedBy(nodes[0])
	alice, bob := identify(t, nodes[1].sys, name), identify(t, nodes[2].sys, "bob")
	known(t, nodes)
	alice.ask("send_message", object{"receiverId": "bob", "content": "first"})
	bob.event("new_message")
	known(t, nodes)
	items := 0
	f.mu.Lock()
	f.rewrite = func(item []byte) []byte {
		if m, err := envelope.Decode(item); err == nil {
			if r, ok := m.(*message.Relayed); ok && len(r.Deliver) > 0 {
				items++
			}
		}
		return item
	}
	f.mu.Unlock()
	for i := range 10 {
		alice.ask("send_message", object{"receiverId": "bob", "content": fmt.Sprint(i)})
		if m := bob.event("new_message").Data; m["content"] != fmt.Sprint(i) {
			t.Fatalf("message %d: %v", i, m)
		}
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if items != 20 { // alice's node gets the ack with it
		t.Errorf("10 messages went to other nodes %d times, want 20", items)
	}
}

// Whoever has identified hears what is sent from then on, however late the word
// of it is at the conversation's node.
func TestCluster_WhoHasJustComeHearsDirectMessages(t *testing.T) {
	f, nodes := cluster(t, 3, actors.Options{})
	name := ownedBy(nodes[0])
	alice := identify(t, nodes[1].sys, name)
	known(t, nodes)
	alice.ask("send_message", object{"receiverId": "bob", "content": "before"})
	known(t, nodes)

	release := f.hold(nodes[2], nodes[0])
	first, second := identify(t, nodes[2].sys, "bob"), identify(t, nodes[2].sys, "bob")
	for i := range 10 {
		alice.ask("send_message", object{"receiverId": "bob", "content": fmt.Sprint(i)})
	}
	first.silent("new_message")
	second.emit("send_message", object{"receiverId": name, "content": "mine"})
	release()
	for _, bob := range []*peer{first, second} {
		told := func() received {
			return bob.next(func(r received) bool { return r.Event == "new_message" || r.Event == "message_ack" })
		}
		for i := range 10 {
			if m := told(); m.Event != "new_message" || m.Data["content"] != fmt.Sprint(i) || m.Data["seq"] != float64(i+2) {
				t.Fatalf("message %d: %v", i, m)
			}
		}
		if m := told(); m.Data["seq"] != 12.0 {
			t.Errorf("behind them comes %v", m)
		}
	}
	known(t, nodes)
	first.silent("new_message")
	second.silent("new_message")
}

// What was sent while somebody was away is no hole for who comes after that.
func TestCluster_WhoComesBackDoesNotHearWhatWasSentMeanwhile(t *testing.T) {
	_, nodes := cluster(t, 3, actors.Options{})
	name := ownedBy(nodes[0])
	alice, bob := identify(t, nodes[1].sys, name), identify(t, nodes[2].sys, "bob")
	alice.ask("send_message", object{"receiverId": "bob", "content": "1"})
	bob.event("new_message")
	bob.session.Closed(bob, wire.CloseClient)
	eventually(t, "bob's end", func() bool { return nodes[2].sys.Stats().Hub.Users == 0 }, func() string { return "" })
	eventually(t, "the word of it", func() bool { return nodes[0].sys.ClusterStats().Whereabouts.Users == 1 },
		func() string { return fmt.Sprintf("%+v", nodes[0].sys.ClusterStats().Whereabouts) })
	known(t, nodes)
	for range 3 {
		alice.ask("send_message", object{"receiverId": "bob", "content": "meanwhile"})
	}
	known(t, nodes)
	bob = identify(t, nodes[2].sys, "bob")
	alice.ask("send_message", object{"receiverId": "bob", "content": "5"})
	if m := bob.event("new_message").Data; m["content"] != "5" {
		t.Errorf("bob hears %v, want what was sent since he is back", m)
	}
	if n := nodes[2].sys.Stats().Hub.HolesFilled; n != 0 {
		t.Errorf("%d messages were fetched", n)
	}
}

// A node that does not answer gets what it may need, when too much waits for it.
func TestCluster_WhatIsForPeopleDoesNotPileUp(t *testing.T) {
	const most = 4096
	f, nodes := cluster(t, 2, actors.Options{})
	bob := ""
	for i := 0; bob == ""; i++ {
		if name := fmt.Sprint("bob", i); nodes[0].sys.HasUser(name) {
			bob = name
		}
	}
	identify(t, nodes[0].sys, bob) // so that there is somebody to emit to
	known(t, nodes)
	release := f.hold(nodes[1], nodes[0])
	peer := identify(t, nodes[1].sys, bob)
	for i := range most + 10 {
		if _, err := nodes[0].sys.Emit(t.Context(), wire.Emission{Event: "notice", Data: fmt.Appendf(nil, `{"n":%d}`, i), UserIDs: []string{bob}}); err != nil {
			t.Fatal(err)
		}
	}
	for i := range most + 10 {
		if m := peer.event("notice").Data; m["n"] != float64(i) {
			t.Fatalf("notice %d is %v", i, m)
		}
	}
	if w := nodes[0].sys.ClusterStats().Whereabouts; w.Overflows != 1 || w.Unknown != 1 || w.Kept > 0 {
		t.Errorf("got %+v, want one node that is told all", w)
	}
	release()
	known(t, nodes)
}

// A node of the version before, which does not know the question, gets all.
func TestCluster_DirectMessagesReachAnOlderNode(t *testing.T) {
	f := newFabric(t, actors.Options{Store: openStore(t)})
	f.rewrite = func(item []byte) []byte {
		switch m, err := envelope.Decode(item); m.(type) {
		case *message.WhereaboutsAsked, *message.Whereabouts, *message.WhereaboutsAnswered:
			return slices.Concat(item[:2], []byte{0xba, 0x3e, 0}) // message 999
		default:
			if err != nil {
				t.Error(err)
			}
			return item
		}
	}
	nodes := []*member{f.add(), f.add(), f.add()}
	f.view(nil)
	name := ownedBy(nodes[0])
	alice, bob := identify(t, nodes[1].sys, name), identify(t, nodes[2].sys, "bob")
	for i := range 3 {
		alice.ask("send_message", object{"receiverId": "bob", "content": fmt.Sprint(i)})
		if m := bob.event("new_message").Data; m["content"] != fmt.Sprint(i) {
			t.Fatalf("message %d: %v", i, m)
		}
	}
	for _, n := range nodes {
		if st := n.sys.ClusterStats(); st.Whereabouts.Unknown != 2 || st.Whereabouts.Kept != 0 || st.Strays != 2 {
			t.Errorf("%s: %+v", n.id, st)
		}
	}
}
