package actors_test

import (
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/corrillo/corrillo/actors"
	"github.com/corrillo/corrillo/actors/placement"
	"github.com/corrillo/corrillo/wire"
)

// userAt returns a user whose actor is on a node under a view.
func userAt(v placement.View, node, name string) string {
	for i := 0; ; i++ {
		if id := fmt.Sprint(name, i); v.Owner(0, id) == node {
			return id
		}
	}
}

// roomAt returns a conversation whose actor is on a node under a view.
func roomAt(v placement.View, node string) string {
	for i := 0; ; i++ {
		if id := fmt.Sprint("room", i); v.Owner(1, id) == node {
			return id
		}
	}
}

// status is what get_presence says of a user.
func (p *peer) status(user string) string {
	p.t.Helper()
	of, _ := p.ask("get_presence", object{"userIds": []string{user}})[user].(object)
	return fmt.Sprint(of["status"])
}

// sees waits until the last presence event of a user is of that status.
func (p *peer) sees(user, status string) {
	p.t.Helper()
	p.next(func(r received) bool {
		return r.Event == wire.EventPresence && r.Data["userId"] == user && r.Data["status"] == status
	})
}

// choke has the link from one node to another take nothing more until it is
// emptied.
func (f *fabric) choke(from, to string) (empty func()) {
	link := f.link(from, to)
	set := func(full bool) {
		link.mu.Lock()
		defer link.mu.Unlock()
		link.full = full
	}
	set(true)
	return func() { set(false) }
}

func TestCluster_WhoComesAndGoesBehindAFullLinkIsKnown(t *testing.T) {
	f, nodes := cluster(t, 2, actors.Options{PresenceGrace: 20 * time.Millisecond})
	room, dave := roomAt(nodes[0].sys.View(), "N2"), userAt(nodes[0].sys.View(), "N2", "dave")
	alice := identify(t, nodes[1].sys, "alice")
	alice.ask("join_conversation", room)
	if alice.status(dave) != "offline" {
		t.Fatal("he is there before he has come")
	}
	if _, err := nodes[0].sys.Presence(t.Context(), []string{dave}); err != nil { // there is a link now
		t.Fatal(err)
	}
	empty := f.choke("N1", "N2")
	p := identify(t, nodes[0].sys, dave)
	empty()
	waiting := func() int { return nodes[0].sys.ClusterStats().Out.Waiting }
	eventually(t, "the link", func() bool { return waiting() == 0 }, func() string { return "it is not empty" })
	if r := p.ask("join_conversation", room); r["status"] != "ok" {
		t.Fatal(r)
	}
	alice.sees(dave, "online")
	empty = f.choke("N1", "N2")
	p.session.Closed(p, wire.CloseClient)
	eventually(t, "what is told of the end", func() bool { return waiting() > 0 }, func() string { return "nothing waits" })
	empty()
	alice.sees(dave, "offline")
	if s := alice.status(dave); s != "offline" {
		t.Errorf("get_presence says %s", s)
	}
}

// Where the link to the user's node is full a heartbeat is answered all the same.
// That it was left out is counted and not logged: there is one for each connection
// and interval, and the next one says the same.
func TestCluster_HeartbeatsBehindAFullLinkAreCounted(t *testing.T) {
	const beats = 100
	var logged syncBuffer
	log := slog.New(slog.NewTextHandler(&logged, nil))
	f, nodes := cluster(t, 2, actors.Options{Log: log})
	dave := userAt(nodes[0].sys.View(), "N2", "dave")
	p := identify(t, nodes[0].sys, dave)
	if _, err := nodes[0].sys.Presence(t.Context(), []string{dave}); err != nil { // there is a link now
		t.Fatal(err)
	}
	empty := f.choke("N1", "N2")
	log.Info("here")
	for range beats {
		p.stays()
	}
	refused := func() int64 { return nodes[0].sys.ClusterStats().Out.Refused }
	eventually(t, "what is counted", func() bool { return refused() == beats }, func() string { return fmt.Sprint(refused()) })
	log.Info("there")
	empty()
	_, between, _ := strings.Cut(string(logged.bytes()), "msg=here")
	if between, _, _ = strings.Cut(between, "msg=there"); strings.Contains(between, "msg=") {
		t.Errorf("it is logged: %.500s", between)
	}
}

// The way from a client's node to that of its user may be longer than the one by
// way of the conversation.
func TestCluster_WhoJoinsBeforeTheUserKnowsIsTold(t *testing.T) {
	f, nodes := cluster(t, 3, actors.Options{PresenceGrace: 20 * time.Millisecond})
	v := nodes[0].sys.View()
	room, dave := roomAt(v, "N2"), userAt(v, "N3", "dave")
	alice := identify(t, nodes[1].sys, "alice")
	alice.ask("join_conversation", room)
	goOn := f.hold(nodes[0], nodes[2])
	p := identify(t, nodes[0].sys, dave)
	p.ask("join_conversation", room)
	alice.ask("get_history", object{"conversationId": room}) // the conversation has done what the join wants
	goOn()
	alice.sees(dave, "online")
	p.session.Closed(p, wire.CloseClient)
	alice.sees(dave, "offline")
}
