package actors_test

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/corrillo/corrillo/actors"
	"github.com/corrillo/corrillo/actors/envelope"
	"github.com/corrillo/corrillo/actors/message"
	"github.com/corrillo/corrillo/actors/placement"
	"github.com/corrillo/corrillo/repo"
	"github.com/corrillo/corrillo/wire"
)

// slow keeps what has become of a change to itself.
type slow struct {
	repo.Store
	committed, tell chan struct{}
}

func (s *slow) Save(ctx context.Context, groups []repo.Group) []repo.GroupResult {
	results := s.Store.Save(ctx, groups)
	if slices.ContainsFunc(groups, func(g repo.Group) bool { return len(g.Changes) > 0 }) {
		select {
		case s.committed <- struct{}{}:
		default:
		}
		<-s.tell
	}
	return results
}

// The owner of a conversation dies with a change committed and not told. The
// next one tells all nodes with listeners, without anything that follows.
func TestCluster_ChangeOfADyingNodeIsHeard(t *testing.T) {
	store := &slow{Store: openStore(t), committed: make(chan struct{}, 1), tell: make(chan struct{})}
	f, nodes := cluster(t, 3, actors.Options{Store: store})
	room := movingFrom(nodes[0], nil)
	to := object{"conversationId": room}
	alice, bob, carol := identify(t, nodes[0].sys, "alice"), identify(t, nodes[1].sys, "bob"), identify(t, nodes[2].sys, "carol")
	bob.ask("join_conversation", room)
	carol.ask("join_conversation", room)
	ids, other := alice.post(to, 1), carol.post(to, 1)

	alice.emit("edit_message", object{"messageId": ids[0], "conversationId": room, "content": "edited"})
	<-store.committed // and not told
	f.kill(nodes[0])
	close(store.tell)
	f.view(nil)
	bob.hears(1)
	carol.hears(1)
	carol.edit(to, other[0], "edited")
	bob.hears(2)
	carol.hears(2)
	bob.heardNoMore(carol, to)
}

// movingFrom gives a conversation that a node has under its view, and that goes
// to the next node when there is one: with that, or whoever gets it.
func movingFrom(from *member, next *placement.Node) string {
	v := from.sys.View()
	after := v
	if next != nil {
		after = placement.NewView(v.Generation+1, append(slices.Clone(v.Nodes), *next))
	}
	for i := 0; ; i++ {
		id := fmt.Sprint("room", i)
		if v.Owner(1, id) == from.id && (next == nil || after.Owner(1, id) == next.ID) {
			return id
		}
	}
}

// A conversation has gone to a node that begins before it knows of the listeners
// of another one. What it tells until then they hear once it does.
func TestCluster_ChangesToldBeforeANodeIsKnownToListenAreHeard(t *testing.T) {
	f, nodes := cluster(t, 3, actors.Options{})
	room := movingFrom(nodes[0], &placement.Node{ID: "N4", Address: "N4"})
	to := object{"conversationId": room}
	alice, bob, carol := identify(t, nodes[0].sys, "alice"), identify(t, nodes[1].sys, "bob"), identify(t, nodes[2].sys, "carol")
	bob.ask("join_conversation", room)
	ids, other := alice.post(to, 1), carol.post(to, 1)
	bob.event("new_message")
	bob.event("new_message")

	resume := f.hold(nodes[0], nodes[1])
	alice.edit(to, ids[0], "first")
	f.add()
	f.view(nil)
	carol.edit(to, other[0], "second")
	resume()
	bob.hears(1, 2)
	bob.heardNoMore(carol, to)
}

// Nodes come and go while people edit, over links that take their time.
func TestCluster_ChangesAreHeardOnceWhileNodesComeAndGo(t *testing.T) {
	f, nodes := cluster(t, 3, actors.Options{})
	f.mu.Lock()
	f.jitter = 3 * time.Millisecond
	f.mu.Unlock()
	const rooms, turns = 12, 6
	alice, bob := identify(t, nodes[0].sys, "alice"), identify(t, nodes[1].sys, "bob")
	ids := map[string]any{}
	for i := range rooms {
		room := fmt.Sprint("room", i)
		bob.ask("join_conversation", room)
		ids[room] = alice.post(object{"conversationId": room}, 1)[0]
	}
	var moving sync.WaitGroup
	var over atomic.Bool
	moving.Go(func() {
		defer over.Store(true)
		for range turns {
			m := f.add()
			f.view(nil)
			f.mu.Lock()
			m.state = placement.Leaving
			f.mu.Unlock()
			f.view(nil)
			ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
			if err := m.sys.HandedOff(ctx); err != nil {
				t.Error(err)
			}
			cancel()
		}
	})
	last := map[string]int{}
	for !over.Load() {
		asked := map[uint64]string{}
		for room, id := range ids {
			asked[alice.emit("edit_message", object{"messageId": id, "conversationId": room, "content": "again"})] = room
		}
		for range ids {
			r := alice.event("ack")
			if m, ok := r.Data["message"].(object); ok {
				last[asked[r.Ack]] = int(m["rev"].(float64))
			}
		}
	}
	moving.Wait()
	heard := map[string]int{}
	for behind := len(last); behind > 0; {
		e := bob.event(wire.EventMessageUpdated).Data
		room, rev := e["conversationId"].(string), int(e["rev"].(float64))
		if rev <= heard[room] {
			t.Fatalf("%s: rev %d after %d", room, rev, heard[room])
		}
		if heard[room] = rev; rev == last[room] {
			behind--
		}
	}
	bob.silent("closed")
}

// Nodes of the version before say nothing of how many changes there are. Theirs
// are heard as they come, and once, and what comes when all are new is heard too.
func TestCluster_ChangesAmongNodesOfTheVersionBeforeAreHeard(t *testing.T) {
	f, nodes := cluster(t, 3, actors.Options{})
	f.mu.Lock()
	f.rewrite = func(item []byte) []byte {
		m, err := envelope.Decode(item)
		if err != nil {
			return item
		}
		switch m := m.(type) {
		case *message.Relayed:
			m.NextRev, m.FromRev = 0, 0
			for i := range m.Deliver {
				m.Deliver[i].Rev = 0
			}
		case *message.GateOpened:
			m.ThroughRev = 0
		default:
			return item
		}
		old, err := envelope.Append(nil, m)
		if err != nil {
			t.Error(err)
		}
		return old
	}
	f.mu.Unlock()
	room := movingFrom(nodes[0], nil)
	to := object{"conversationId": room}
	alice, bob := identify(t, nodes[0].sys, "alice"), identify(t, nodes[1].sys, "bob")
	bob.ask("join_conversation", room)
	ids := alice.post(to, 2)
	alice.edit(to, ids[0], "1")
	alice.edit(to, ids[1], "2")
	bob.hears(1, 2)
	again := identify(t, nodes[1].sys, "bob")
	if r := again.ask("join_conversation", object{"conversationId": room, "afterSeq": 0, "afterRev": 0}); len(r["changed"].([]any)) != 2 {
		t.Errorf("joining: %v", r)
	}
	f.mu.Lock()
	f.rewrite = nil
	f.mu.Unlock()
	alice.edit(to, ids[0], "3")
	bob.hears(3)
	again.hears(3)
	alice.edit(to, ids[0], "4")
	bob.hears(4)
	again.hears(4)
	bob.heardNoMore(alice, to)
	again.heardNoMore(alice, to)
}
