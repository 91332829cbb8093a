package actors_test

import (
	"context"
	"errors"
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

// change is the next edit or deletion that a peer hears.
func (p *peer) change() (rev int, what string) {
	p.t.Helper()
	e := p.next(func(r received) bool {
		return r.Event == wire.EventMessageUpdated || r.Event == wire.EventMessageDeleted
	})
	content, _ := e.Data["content"].(string)
	return int(e.Data["rev"].(float64)), content
}

// hears fails unless these are the next changes, in this order.
func (p *peer) hears(revs ...int) {
	p.t.Helper()
	for _, want := range revs {
		if rev, what := p.change(); rev != want {
			p.t.Fatalf("heard rev %d (%q), want %d of %v", rev, what, want, revs)
		}
	}
}

// heardNoMore fails when a change follows what is heard before a message that is
// sent now.
func (p *peer) heardNoMore(sender *peer, to object) {
	p.t.Helper()
	m := object{"content": "the last"}
	for k, v := range to {
		m[k] = v
	}
	sender.ask("send_message", m)
	for {
		e := p.next(func(r received) bool {
			return r.Event == wire.EventMessageUpdated || r.Event == wire.EventMessageDeleted || r.Event == wire.EventNewMessage
		})
		if e.Event != wire.EventNewMessage {
			p.t.Fatalf("heard once more: %s %s", e.Event, e.Raw)
		}
		if e.Data["content"] == "the last" {
			return
		}
	}
}

// post sends messages and returns their ids.
func (p *peer) post(to object, n int) (ids []any) {
	p.t.Helper()
	for i := range n {
		m := object{"content": fmt.Sprint(i)}
		for k, v := range to {
			m[k] = v
		}
		r := p.ask("send_message", m)
		if r["status"] != "sent" {
			p.t.Fatalf("sending: %v", r)
		}
		ids = append(ids, r["messageId"])
	}
	return ids
}

func (p *peer) edit(to object, id any, content string) object {
	p.t.Helper()
	m := object{"messageId": id, "content": content}
	for k, v := range to {
		m[k] = v
	}
	return p.ask("edit_message", m)
}

// An edit or a deletion that is committed and whose outcome the server never
// learned is heard by all, in its place and without anything that follows.
func TestSystem_CommittedButUnknownChangeIsHeard(t *testing.T) {
	for name, to := range map[string]object{"conversation": {"conversationId": "r"}, "direct": {"receiverId": "bob"}} {
		t.Run(name, func(t *testing.T) {
			store := &faulty{Store: openStore(t)}
			sys := start(t, actors.Options{Store: store, SaveTimeout: time.Second})
			alice, bob := identify(t, sys, "alice"), identify(t, sys, "bob")
			if name == "conversation" {
				bob.ask("join_conversation", "r")
			}
			ids := alice.post(to, 3)
			store.lie.Store(true)
			if lost := alice.edit(to, ids[0], "edited"); code(lost) != "unavailable" {
				t.Fatalf("an edit of unknown outcome was answered with %v", lost)
			}
			store.lie.Store(false)
			bob.hears(1)
			store.lie.Store(true)
			del := object{"messageId": ids[1]}
			for k, v := range to {
				del[k] = v
			}
			if lost := alice.ask("delete_message", del); code(lost) != "unavailable" {
				t.Fatalf("a deletion of unknown outcome was answered with %v", lost)
			}
			store.lie.Store(false)
			alice.edit(to, ids[2], "the next one")
			bob.hears(2, 3)
			bob.heardNoMore(alice, to)
		})
	}
}

// Of a message that was changed again while nobody could be told, the last
// change is heard.
func TestSystem_ChangesOfOneMessageThatWereMissedAreHeardAsTheLast(t *testing.T) {
	store := openStore(t)
	sys := start(t, actors.Options{Store: store})
	alice, bob := identify(t, sys, "alice"), identify(t, sys, "bob")
	bob.ask("join_conversation", "r")
	to := object{"conversationId": "r"}
	ids := alice.post(to, 2)
	alice.edit(to, ids[0], "once")
	if rev, content := bob.change(); rev != 1 || content != "once" {
		t.Fatalf("heard %d %q", rev, content)
	}
	again := func(content string) repo.Change {
		return repo.Change{MessageID: ids[0].(string), Content: content, By: "alice", At: time.Now()}
	}
	for fenced := true; fenced; { // another server has it for a while, between two saves of alice's read mark
		a, err := store.Activate(t.Context(), "r")
		if err != nil {
			t.Fatal(err)
		}
		r := store.Save(t.Context(), []repo.Group{{
			ConversationID: "r", Epoch: a.Epoch, LastSeq: a.LastSeq, LastRev: a.LastRev,
			Changes: []repo.Change{again("twice"), again("three times")},
		}})
		if fenced = errors.Is(r[0].Err, repo.ErrFenced); !fenced && r[0].Err != nil {
			t.Fatal(r[0].Err)
		}
	}
	alice.edit(to, ids[1], "other")
	if rev, content := bob.change(); rev != 3 || content != "three times" {
		t.Errorf("heard %d %q, want the last change of it", rev, content)
	}
	bob.hears(4)
	bob.heardNoMore(alice, to)
}

// unread counts the reads of changes, and can refuse them.
type unread struct {
	*faulty
	refuse atomic.Bool
	reads  atomic.Int64
	page   int // how many one read brings at most; 0: as many as it is asked for
}

func (u *unread) Changes(ctx context.Context, id string, after, through int64, limit int) ([]repo.Message, bool, error) {
	u.reads.Add(1)
	if u.refuse.Load() {
		return nil, false, fmt.Errorf("test: cannot be read")
	}
	if u.page > 0 {
		limit = min(limit, u.page)
	}
	return u.faulty.Changes(ctx, id, after, through, limit)
}

// missed commits n edits of which nobody hears, each of another message, and
// one more.
func missed(sys *actors.System, store *faulty, alice *peer, n int) {
	to := object{"conversationId": "r"}
	ids := alice.post(to, n+1)
	store.lie.Store(true)
	asked := make([]uint64, n)
	hold := make(chan struct{})
	store.hold.Store(&hold) // all in one group, or two
	for i := range asked {
		asked[i] = alice.emit("edit_message", object{"messageId": ids[i], "conversationId": "r", "content": "edited"})
	}
	close(hold)
	for range asked {
		alice.event("ack")
	}
	store.hold.Store(nil)
	store.lie.Store(false)
}

// More changes than one read brings are read on, in order.
func TestSystem_ManyMissedChangesAreReadPageByPage(t *testing.T) {
	store := &unread{faulty: &faulty{Store: openStore(t)}, page: 2}
	sys := start(t, actors.Options{Store: store, SaveTimeout: time.Second})
	alice, bob := identify(t, sys, "alice"), identify(t, sys, "bob")
	bob.ask("join_conversation", "r")
	missed(sys, store.faulty, alice, 7)
	bob.hears(1, 2, 3, 4, 5, 6, 7)
	bob.heardNoMore(alice, object{"conversationId": "r"})
	if n := store.reads.Load(); n < 4 {
		t.Errorf("%d reads of two changes each brought seven", n)
	}
}

// Where missed changes are too many, those who listen lose their connection
// and not a change: they have them when they join again with what they know.
func TestSystem_TooManyMissedChangesCloseTheListeners(t *testing.T) {
	store := &faulty{Store: openStore(t)}
	sys := start(t, actors.Options{Store: store, SaveTimeout: time.Second, HoleMessages: 3})
	alice, bob := identify(t, sys, "alice"), identify(t, sys, "bob")
	bob.ask("join_conversation", "r")
	missed(sys, store, alice, 7)
	bob.event("closed")
	back := identify(t, sys, "bob")
	r := back.ask("join_conversation", object{"conversationId": "r", "afterSeq": 8, "afterRev": 0})
	if changed, _ := r["changed"].([]any); len(changed) != 7 || r["lastRev"] != 7.0 {
		t.Errorf("joining again: %v", r)
	}
	to := object{"conversationId": "r"}
	alice.edit(to, alice.post(to, 1)[0], "edited")
	back.hears(8)
	back.heardNoMore(alice, to)
}

// A change that was missed while a session waited for its client is in the log
// for its recovery.
func TestSystem_RecoveredSessionHearsChangesThatWereMissed(t *testing.T) {
	store := &faulty{Store: openStore(t)}
	sys := start(t, actors.Options{Store: store, SaveTimeout: time.Second})
	alice, bob, carol := identify(t, sys, "alice"), identify(t, sys, "bob"), identify(t, sys, "carol")
	bob.ask("join_conversation", "r")
	carol.ask("join_conversation", "r")
	to := object{"conversationId": "r"}
	ids := alice.post(to, 2)
	bob.event("new_message")
	bob.event("new_message")
	bob.session.Closed(bob, wire.CloseTransport)
	store.lie.Store(true)
	alice.edit(to, ids[0], "edited")
	store.lie.Store(false)
	carol.hears(1)
	alice.edit(to, ids[1], "edited")
	carol.hears(2)
	back := connect(t, sys, bob.recovery())
	back.hears(1, 2)
	back.heardNoMore(alice, to)
}

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

// stall has the link from one node to another keep what it is given, in order,
// until the function that it returns is called.
func (f *fabric) stall(from, to string) (resume func()) {
	f.mu.Lock()
	defer f.mu.Unlock()
	key := [2]string{from, to}
	if old := f.pipes[key]; old != nil {
		close(old.stop)
	}
	kept := &pipe{more: make(chan struct{}, 1), stop: make(chan struct{})}
	f.pipes[key] = kept
	return func() {
		f.mu.Lock()
		defer f.mu.Unlock()
		sys := f.nodes[to].sys
		f.running.Go(func() { kept.run(func(item []byte) { sys.Receive(from, item) }) })
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

	resume := f.stall("N1", "N2")
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
			ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
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
