package actors_test

import (
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/corrillo/corrillo/actors"
	"github.com/corrillo/corrillo/actors/placement"
	"github.com/corrillo/corrillo/wire"
)

// userMoving returns a user who goes from one node of a cluster to a new one.
func userMoving(v placement.View, from, to, name string) string {
	next := placement.NewView(v.Generation+1, append(v.Nodes[:len(v.Nodes):len(v.Nodes)], placement.Node{ID: to, Address: to}))
	for i := 0; ; i++ {
		if id := fmt.Sprint(name, i); v.Owner(0, id) == from && next.Owner(0, id) == to {
			return id
		}
	}
}

// staysOnline fails when the client was told that somebody is offline, before the
// answer to a question that goes by way of a conversation.
func (p *peer) staysOnline(room string) {
	p.t.Helper()
	last := p.emit("get_history", object{"conversationId": room})
	p.next(func(r received) bool {
		if r.Event == wire.EventPresence && r.Data["status"] != "online" {
			p.t.Errorf("told: %s", r.Raw)
		}
		return r.Event == "ack" && r.Ack == last
	})
}

// A user belongs to a node that has heard of none of their sessions yet: the node
// where one is connected is asked.
func TestCluster_WhoHasJustMovedIsOnline(t *testing.T) {
	f, nodes := cluster(t, 3, actors.Options{PresenceGrace: time.Hour})
	v := nodes[0].sys.View()
	dave, erin := userMoving(v, "N2", "N4", "dave"), userMoving(v, "N2", "N4", "erin")
	bob := identify(t, nodes[2].sys, "bob")
	p, q := identify(t, nodes[0].sys, dave), identify(t, nodes[0].sys, erin)
	q.session.Closed(q, wire.CloseClient)
	eventually(t, "erin", func() bool { return nodes[0].sys.Stats().Hub.Users == 1 }, func() string { return "is still there" })
	eventually(t, "N3", func() bool { // it has been told of dave alone
		w := nodes[2].sys.ClusterStats().Whereabouts
		return w.Unknown == 0 && w.Users == 1
	}, func() string { return "does not know where he is" })
	f.add()
	resume := f.stall("N1", "N4")
	f.view(nil)
	if s := bob.status(dave); s != "online" {
		t.Errorf("who is connected is %s", s)
	}
	if s := bob.status(erin); s != "offline" {
		t.Errorf("who is not connected is %s", s)
	}
	p.session.Closed(p, wire.CloseTransport)
	if s := bob.status(dave); s != "online" {
		t.Errorf("who was connected a moment ago is %s", s)
	}
	resume()
	f.settle()
}

// Who comes back within the grace time was online all the while, also when the user
// has gone to another node meanwhile. Who does not is offline.
func TestCluster_WhoMovesBetweenTwoConnectionsStaysOnline(t *testing.T) {
	for _, how := range []wire.CloseReason{wire.CloseTransport, wire.CloseClient} {
		for _, back := range []bool{true, false} {
			t.Run(fmt.Sprintf("%s, back %v", how, back), func(t *testing.T) {
				o := actors.Options{PresenceGrace: 20 * time.Millisecond}
				if back {
					o.PresenceGrace = time.Hour
				}
				f, nodes := cluster(t, 3, o)
				v := nodes[0].sys.View()
				room, dave := roomAt(v, "N1"), userMoving(v, "N2", "N4", "dave")
				bob, p := identify(t, nodes[2].sys, "bob"), identify(t, nodes[0].sys, dave)
				bob.ask("join_conversation", room)
				p.ask("join_conversation", room)
				bob.sees(dave, "online")
				p.session.Closed(p, how)
				f.add()
				f.view(nil)
				f.settle()
				if !back {
					bob.withdrawn(dave)
					return
				}
				p = identify(t, nodes[1].sys, dave)
				p.ask("join_conversation", room)
				bob.staysOnline(room)
				if s := bob.status(dave); s != "online" {
					t.Errorf("get_presence says %s", s)
				}
			})
		}
	}
}

// Who came while the conversation did not know all of its listeners is told to
// those a moment later, not when everybody offline is known to be so.
func TestCluster_WhoSeemsOfflineIsToldSoon(t *testing.T) {
	f, nodes := cluster(t, 3, actors.Options{PresenceGrace: time.Hour})
	room := movingFrom(nodes[0], &placement.Node{ID: "N4", Address: "N4"})
	alice, bob, erin := identify(t, nodes[0].sys, "alice"), identify(t, nodes[1].sys, "bob"), identify(t, nodes[2].sys, "erin")
	alice.ask("join_conversation", room)
	bob.ask("join_conversation", room)
	resume := f.stall("N1", "N2")
	f.add()
	f.view(nil)
	erin.ask("join_conversation", room)
	alice.sees("erin", "online")
	resume()
	bob.sees("erin", "online")
}

// watch asks a node how users are, again and again, and fails when one is not
// online, until the function that it returns is called.
func watch(t *testing.T, at *member, users []string) (stop func()) {
	ended := make(chan struct{})
	var watching sync.WaitGroup
	watching.Go(func() {
		for {
			select {
			case <-ended:
				return
			case <-time.After(2 * time.Millisecond):
			}
			known, err := at.sys.Presence(t.Context(), users)
			if err != nil {
				continue // a node has died, and is a member yet
			}
			for _, user := range users {
				if !known[user].Online {
					t.Errorf("get_presence says that %s is offline, under view %d", user, at.sys.View().Generation)
				}
			}
		}
	})
	return func() {
		close(ended)
		watching.Wait()
	}
}

// calm returns when nothing has been on its way between nodes for a moment.
func (f *fabric) calm() {
	f.t.Helper()
	for quiet := 0; quiet < 5; quiet++ {
		time.Sleep(2 * time.Millisecond)
		f.mu.Lock()
		for _, p := range f.pipes {
			p.mu.Lock()
			if len(p.queue) > 0 {
				quiet = 0
			}
			p.mu.Unlock()
		}
		f.mu.Unlock()
	}
}

// While nodes come, leave and die, nobody who is connected is shown as offline, by
// event or by get_presence.
func TestCluster_NobodyFlickersWhileNodesComeAndGo(t *testing.T) {
	f, nodes := cluster(t, 3, actors.Options{PresenceGrace: 2 * time.Second})
	f.mu.Lock()
	f.jitter = 3 * time.Millisecond
	f.mu.Unlock()
	room := roomAt(nodes[0].sys.View(), "N2")
	watcher := identify(t, nodes[1].sys, "watcher")
	watcher.ask("join_conversation", room)
	come := func(at *member, user string) *peer {
		p := identify(t, at.sys, user)
		p.emit("join_conversation", room)
		return p
	}
	users, there := make([]string, 20), make([]*peer, 20)
	for i := range users {
		users[i] = fmt.Sprint("user", i)
		there[i] = come(nodes[0], users[i])
		if i%2 == 0 { // half of them on two devices
			come(nodes[2], users[i])
		}
		watcher.sees(users[i], "online")
	}
	stop := watch(t, nodes[1], users)
	change := func() { f.view(nil); f.settle(); f.calm() }
	n4 := f.add() // one comes
	change()
	nodes[0].state = placement.Leaving // one leaves in order
	change()
	for i, p := range there {
		p.session.Closed(p, wire.CloseTransport)
		come(n4, users[i])
	}
	f.calm() // that they are back is known
	f.kill(nodes[0])
	change()
	f.kill(nodes[2]) // one dies
	change()
	f.kill(n4) // another one, whose clients are back before that is known
	for _, user := range users {
		come(nodes[1], user)
	}
	f.add()
	change()
	stop()
	watcher.staysOnline(room)
}
