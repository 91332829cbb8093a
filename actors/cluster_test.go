package actors_test

import (
	"context"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/corrillo/corrillo/actors"
	"github.com/corrillo/corrillo/actors/placement"
	"github.com/corrillo/corrillo/actors/relay"
	"github.com/corrillo/corrillo/actors/rules"
	"github.com/corrillo/corrillo/repo"
	"github.com/corrillo/corrillo/wire"
)

// fabric is a few Systems on one store, with links between them that keep the
// order and lose nothing for as long as both ends live.
type fabric struct {
	t       *testing.T
	store   repo.Store
	options actors.Options

	mu         sync.Mutex
	generation uint64
	made       int
	nodes      map[string]*member
	pipes      map[[2]string]*pipe
	running    sync.WaitGroup
}

type member struct {
	id    string
	sys   *actors.System
	state placement.State
	since uint64
	// lapsed: its lease is over.
	lapsed atomic.Bool
}

// pipe is one direction of a link.
type pipe struct {
	mu    sync.Mutex
	queue [][]byte
	full  bool // it takes nothing more
	more  chan struct{}
	stop  chan struct{}
}

func newFabric(t *testing.T, o actors.Options) *fabric {
	f := &fabric{t: t, options: o, store: o.Store, nodes: map[string]*member{}, pipes: map[[2]string]*pipe{}}
	t.Cleanup(func() {
		f.mu.Lock()
		for _, p := range f.pipes {
			close(p.stop)
		}
		f.pipes = nil
		f.mu.Unlock()
		f.running.Wait()
	})
	return f
}

// add starts a node, which is a member with the next view.
func (f *fabric) add() *member {
	f.mu.Lock()
	f.made++
	m := &member{id: fmt.Sprint("N", f.made)}
	f.mu.Unlock()
	o := f.options
	o.Recovery.Node = m.id
	o.Log = slog.New(slog.NewTextHandler(f.t.Output(), nil)).With("on", m.id)
	ready := make(chan struct{})
	sys := func() *actors.System { <-ready; return m.sys }
	o.Cluster = &actors.ClusterOptions{
		Send:   func(node string, item []byte) error { return f.send(m.id, node, item) },
		Adopt:  func(v placement.View) { sys().Switch(v) },
		Newer:  func() {},
		Valid:  func() bool { return !m.lapsed.Load() },
		Status: func() []byte { return []byte(`{"id":"` + m.id + `"}`) },
	}
	if o.Rules.Coalesce == 0 {
		o.Rules.Coalesce = 20 * time.Millisecond
	}
	var err error
	if m.sys, err = actors.New(o); err != nil {
		f.t.Fatal(err)
	}
	close(ready)
	f.t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), time.Second)
		defer cancel()
		_ = m.sys.Close(ctx) // of one that was killed it may not come to an end
	})
	f.mu.Lock()
	defer f.mu.Unlock()
	m.since = f.generation + 1
	f.nodes[m.id] = m
	return m
}

// send queues an item; a node that is not there any more gets nothing.
func (f *fabric) send(from, to string, item []byte) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.nodes[from] == nil || f.nodes[to] == nil || f.pipes == nil {
		return nil
	}
	key := [2]string{from, to}
	p := f.pipes[key]
	if p == nil {
		p = &pipe{more: make(chan struct{}, 1), stop: make(chan struct{})}
		f.pipes[key] = p
		sys := f.nodes[to].sys
		f.running.Go(func() { p.run(func(item []byte) { sys.Receive(from, item) }) })
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.full {
		return actors.ErrOverloaded
	}
	p.queue = append(p.queue, item)
	select {
	case p.more <- struct{}{}:
	default:
	}
	return nil
}

func (p *pipe) run(take func([]byte)) {
	for {
		select {
		case <-p.stop:
			return
		case <-p.more:
		}
		for {
			p.mu.Lock()
			if len(p.queue) == 0 {
				p.mu.Unlock()
				break
			}
			item := p.queue[0]
			p.queue = p.queue[1:]
			p.mu.Unlock()
			take(item)
		}
	}
}

// view has every node go on to the view of who is there now, some sooner than
// others.
func (f *fabric) view(rng *rand.Rand) {
	f.mu.Lock()
	f.generation++
	all := make([]placement.Node, 0, len(f.nodes))
	members := make([]*member, 0, len(f.nodes))
	for _, m := range f.nodes {
		all = append(all, placement.Node{ID: m.id, Address: m.id, State: m.state, Since: m.since})
		members = append(members, m)
	}
	v := placement.NewView(f.generation, all)
	f.mu.Unlock()
	var switching sync.WaitGroup
	for _, m := range members {
		pause := time.Duration(0)
		if rng != nil {
			pause = time.Duration(rng.IntN(10)) * time.Millisecond
		}
		switching.Go(func() {
			time.Sleep(pause)
			m.sys.Switch(v)
		})
	}
	switching.Wait()
}

// kill cuts a node off when its lease is over. It may still finish what it has
// begun with the store.
func (f *fabric) kill(m *member) {
	m.lapsed.Store(true)
	f.mu.Lock()
	defer f.mu.Unlock()
	delete(f.nodes, m.id)
	for key, p := range f.pipes {
		if key[0] == m.id || key[1] == m.id {
			close(p.stop)
			delete(f.pipes, key)
		}
	}
}

func (f *fabric) live() []*member {
	f.mu.Lock()
	defer f.mu.Unlock()
	var all []*member
	for i := 1; i <= f.made; i++ {
		if m := f.nodes[fmt.Sprint("N", i)]; m != nil {
			all = append(all, m)
		}
	}
	return all
}

// cluster starts a fabric of n nodes, which are all members.
func cluster(t *testing.T, n int, o actors.Options) (*fabric, []*member) {
	t.Helper()
	if o.Store == nil {
		o.Store = openStore(t)
	}
	f := newFabric(t, o)
	all := make([]*member, n)
	for i := range all {
		all[i] = f.add()
	}
	f.view(nil)
	return f, all
}

func TestCluster_MessageReachesEveryoneOnce(t *testing.T) {
	_, nodes := cluster(t, 3, actors.Options{})
	people, writers := make([]*peer, 6), make([]*peer, 3)
	for i := range people {
		people[i] = identify(t, nodes[i%3].sys, fmt.Sprint("user", i))
	}
	for i := range writers {
		writers[i] = identify(t, nodes[i].sys, fmt.Sprint("writer", i))
	}
	for _, room := range []string{"a", "b", "c", "d", "e"} { // at least two of them live on different nodes
		for _, p := range people {
			if r := p.ask("join_conversation", room); r["status"] != "ok" || r["lastSeq"] != 0.0 {
				t.Fatalf("join: %v", r)
			}
		}
		for i := range 30 {
			r := writers[i%3].ask("send_message", object{"conversationId": room, "content": fmt.Sprint(i), "tempId": fmt.Sprint(room, i)})
			if r["status"] != "sent" || r["seq"] != float64(i+1) {
				t.Fatalf("%s %d: %v", room, i, r)
			}
		}
		for _, p := range people {
			for i := range 30 {
				if m := p.event("new_message").Data; m["seq"] != float64(i+1) || m["conversationId"] != room {
					t.Fatalf("message %d of %s: %v", i, room, m)
				}
			}
			p.ask("leave_conversation", room)
		}
	}
}

func TestCluster_DirectMessagesFindPeopleOnAllNodes(t *testing.T) {
	_, nodes := cluster(t, 3, actors.Options{})
	alice := identify(t, nodes[0].sys, "alice")
	others := []*peer{
		identify(t, nodes[1].sys, "bob"), identify(t, nodes[2].sys, "bob"), identify(t, nodes[0].sys, "bob"), identify(t, nodes[1].sys, "alice"),
	}
	for i := range 5 {
		alice.ask("send_message", object{"receiverId": "bob", "content": fmt.Sprint(i)})
		for _, p := range others {
			if m := p.event("new_message").Data; m["seq"] != float64(i+1) {
				t.Fatalf("message %d: %v", i, m)
			}
		}
	}
	late := identify(t, nodes[1].sys, "bob")
	alice.ask("send_message", object{"receiverId": "bob", "content": "now"})
	if m := late.event("new_message").Data; m["content"] != "now" {
		t.Errorf("who came late got %v", m)
	}
}

func TestCluster_PresenceIsOneTruth(t *testing.T) {
	f, nodes := cluster(t, 3, actors.Options{PresenceGrace: 20 * time.Millisecond})
	alice := identify(t, nodes[0].sys, "alice")
	alice.ask("join_conversation", "r")
	bob := identify(t, nodes[1].sys, "bob")
	bob.ask("join_conversation", "r")
	online := func(want bool) func(received) bool {
		return func(r received) bool {
			return r.Event == wire.EventPresence && r.Data["userId"] == "bob" && (r.Data["status"] == "online") == want
		}
	}
	alice.next(online(true))
	known := func(p *peer) bool {
		r := p.ask("get_presence", object{"userIds": []string{"bob"}})
		status, _ := r["bob"].(object)
		return status["status"] == "online"
	}
	carol := identify(t, nodes[2].sys, "carol")
	if !known(carol) {
		t.Error("bob is not online for carol, who is on another node")
	}
	second := identify(t, nodes[2].sys, "bob")
	bob.session.Closed(bob, wire.CloseClient)
	if !known(carol) {
		t.Error("bob is offline while a session of his is on another node")
	}
	second.ask("join_conversation", "r")
	f.kill(nodes[2]) // with bob's last session
	f.view(nil)
	alice.next(online(false))
	if known(alice) {
		t.Error("bob is online, and his node is gone")
	}
}

func TestCluster_RevokeAndEmitReachAllNodes(t *testing.T) {
	_, nodes := cluster(t, 3, actors.Options{})
	var sessions []*peer
	for _, n := range nodes {
		sessions = append(sessions, identify(t, n.sys, "bob"))
	}
	for _, n := range nodes {
		if _, err := n.sys.Emit(t.Context(), wire.Emission{Event: "notice", Data: []byte(`{"x":1}`), UserIDs: []string{"bob"}}); err != nil {
			t.Fatal(err)
		}
		for _, p := range sessions {
			p.event("notice")
		}
	}
	if _, err := nodes[0].sys.Emit(t.Context(), wire.Emission{Event: "notice", Data: []byte(`{}`), UserIDs: []string{"nobody"}}); err != nil {
		t.Errorf("emitting to nobody: %v", err)
	}
	closed, err := nodes[1].sys.Revoke(t.Context(), "bob")
	if err != nil || closed != 3 {
		t.Errorf("%d closed, %v; want 3", closed, err)
	}
	for _, p := range sessions {
		p.event(wire.EventSessionRevoked)
		p.event("closed")
	}
}

func TestCluster_ConnectionsOfAUserAreCountedOnAllNodes(t *testing.T) {
	_, nodes := cluster(t, 3, actors.Options{Recovery: relay.Options{PerUser: 2}})
	var sessions []*peer
	for _, n := range nodes {
		sessions = append(sessions, identify(t, n.sys, "bob"))
	}
	// The one that the owner of the user hears of last is one too many.
	closed := func(p *peer) bool {
		p.mu.Lock()
		defer p.mu.Unlock()
		return slices.ContainsFunc(p.events, func(r received) bool {
			return r.Event == "closed" && r.Data["reason"] == string(wire.CloseRateLimited)
		})
	}
	eventually(t, "the connections of a user", func() bool { return slices.ContainsFunc(sessions, closed) }, func() string { return "none is closed" })
	left := slices.DeleteFunc(sessions, closed)
	if len(left) != 2 {
		t.Fatalf("%d connections are left, want 2", len(left))
	}
	for _, p := range left {
		if r := p.ask("heartbeat", object{}); r["serverTime"] == nil {
			t.Errorf("heartbeat: %v", r)
		}
		p.silent("closed")
	}
}

// A client that comes back at another node than the one with its session gets
// what it has missed from there.
func TestCluster_SessionIsRecoveredAtAnotherNode(t *testing.T) {
	_, nodes := cluster(t, 3, actors.Options{})
	alice := identify(t, nodes[0].sys, "alice")
	alice.ask("join_conversation", "r")
	bob := identify(t, nodes[1].sys, "bob")
	bob.ask("send_message", object{"conversationId": "r", "content": "1"})
	alice.event("new_message")
	alice.session.Closed(alice, wire.CloseTransport)
	bob.ask("send_message", object{"conversationId": "r", "content": "2"})

	back := connect(t, nodes[2].sys, wire.Hello{PID: alice.hello.PID, Offset: alice.offset, HasOffset: true})
	if m := back.event("new_message").Data; m["content"] != "2" {
		t.Errorf("missed: %v", m)
	}
	if !back.hello.Recovered || back.hello.PID != alice.hello.PID || back.hello.SID != alice.hello.SID {
		t.Errorf("welcome %+v, want the session of %+v", back.hello, alice.hello)
	}
	if r := back.ask("send_message", object{"conversationId": "r", "content": "3"}); r["status"] != "sent" || r["seq"] != 3.0 {
		t.Errorf("sending: %v", r)
	}
	lost := connect(t, nodes[1].sys, wire.Hello{PID: "N1.zz.AAAAAAAAAAAAAAAAAAAAAA", Offset: alice.offset, HasOffset: true})
	if r := lost.ask("identify", object{"userId": "eve"}); r["status"] != "ok" || lost.hello.Recovered {
		t.Errorf("a session that nobody has: %v, %+v", r, lost.hello)
	}
}

// What a node had been told and has not answered when it died is answered by
// those who take over.
func TestCluster_WhatADeadNodeHasNotAnsweredIsAnswered(t *testing.T) {
	f, nodes := cluster(t, 3, actors.Options{})
	alice, bob := identify(t, nodes[0].sys, "alice"), identify(t, nodes[1].sys, "bob")
	const rooms = 12
	for i := range rooms {
		bob.ask("join_conversation", fmt.Sprint("room", i))
	}
	for i := range rooms {
		alice.ask("send_message", object{"conversationId": fmt.Sprint("room", i), "content": "1"})
	}
	for range rooms {
		bob.event("new_message")
	}
	f.kill(nodes[2])
	ids := map[uint64]bool{}
	for i := range rooms {
		ids[alice.emit("send_message", object{"conversationId": fmt.Sprint("room", i), "content": "2"})] = true
	}
	f.view(nil)
	for len(ids) > 0 {
		r := alice.next(func(r received) bool { return r.Event == "ack" })
		if !ids[r.Ack] || r.Data["status"] != "sent" || r.Data["seq"] != 2.0 {
			t.Fatalf("answer %d: %v", r.Ack, r.Data)
		}
		delete(ids, r.Ack)
	}
	for range rooms {
		if m := bob.event("new_message").Data; m["seq"] != 2.0 {
			t.Errorf("bob hears %v", m)
		}
	}
}

// A link that takes nothing more blocks nobody; those behind it lose their
// connections, not a message.
func TestCluster_AFullLinkLosesConnectionsNotMessages(t *testing.T) {
	f, nodes := cluster(t, 2, actors.Options{})
	alice, bob := identify(t, nodes[0].sys, "alice"), identify(t, nodes[1].sys, "bob")
	room := ""
	for i := 0; room == ""; i++ { // one that the first node owns
		v := nodes[0].sys.View()
		if id := fmt.Sprint("room", i); v.Owner(1, id) == nodes[0].id {
			room = id
		}
	}
	alice.ask("join_conversation", room)
	bob.ask("join_conversation", room)
	f.mu.Lock()
	link := f.pipes[[2]string{nodes[0].id, nodes[1].id}]
	f.mu.Unlock()
	link.mu.Lock()
	link.full = true
	link.mu.Unlock()
	for i := range 20 {
		if r := alice.ask("send_message", object{"conversationId": room, "content": fmt.Sprint(i)}); r["status"] != "sent" {
			t.Fatalf("sending behind a full link: %v", r)
		}
	}
	link.mu.Lock()
	link.full = false
	link.mu.Unlock()
	bob.event("closed")
	back := identify(t, nodes[1].sys, "bob")
	if r := back.ask("join_conversation", object{"conversationId": room, "afterSeq": 0}); len(r["missed"].([]any)) != 20 {
		t.Errorf("it has missed %v", r["missed"])
	}
}

// Riders on nodes that come, go and die: see TestSystem_RandomUse.
func TestCluster_RandomUse(t *testing.T) {
	seeds := []uint64{1, 2}
	if *randomSeed != 0 {
		seeds = []uint64{*randomSeed}
	}
	for _, seed := range seeds {
		t.Run(fmt.Sprint(seed), func(t *testing.T) { randomCluster(t, seed) })
	}
}

func randomCluster(t *testing.T, seed uint64) {
	store := &faulty{Store: openStore(t)}
	f, _ := cluster(t, 3, actors.Options{
		Store: store, SaveTimeout: 2 * time.Second, IdleAfter: 20 * time.Millisecond, PresenceGrace: 5 * time.Millisecond,
		InFlight: 1 << 20, Rules: rules.Options{Coalesce: 20 * time.Millisecond},
	})
	riders := make([]*rider, 8)
	var riding sync.WaitGroup
	for i := range riders {
		rng := rand.New(rand.NewPCG(seed, uint64(i)))
		at := func() *actors.System {
			all := f.live()
			return all[rng.IntN(len(all))].sys
		}
		riders[i] = &rider{
			t: t, at: at, rng: rng, name: fmt.Sprint("rider", i), unacked: map[string]object{}, acked: map[string]string{},
		}
		riding.Go(func() { riders[i].ride(250) })
	}
	over := make(chan struct{})
	var chaos sync.WaitGroup
	chaos.Go(func() { move(f, store, riders, rand.New(rand.NewPCG(seed, 99)), over) })
	riding.Wait()
	close(over)
	chaos.Wait()

	unanswered := func() (n int) {
		for _, m := range f.live() {
			n += int(m.sys.Stats().Hub.Unanswered) + m.sys.Routing().HeldIDs + m.sys.Routing().Unanswered
		}
		return n
	}
	eventually(t, "the riders", func() bool {
		cutOff(f, riders)
		last, ok := lastSeqs(t, store), true
		for _, r := range riders {
			ok = r.settled(last) && ok
		}
		return ok && unanswered() == 0
	}, func() string {
		s := fmt.Sprintf("last %v, unanswered %d", lastSeqs(t, store), unanswered())
		for _, m := range f.live() {
			s += fmt.Sprintf("\n%s: %+v", m.id, m.sys.Routing())
		}
		for _, r := range riders {
			s += "\n" + r.wants(lastSeqs(t, store))
		}
		return s
	})
	checkStore(t, store, riders)
	for _, r := range riders {
		r.current().close(wire.CloseClient)
		for _, l := range r.links {
			l.end(wire.CloseTransport) // what a ping would have noticed
		}
	}
	eventually(t, "the end of all sessions", func() bool {
		for _, m := range f.live() { // that a connection was lost may come from another node
			m.sys.ExpireDetached()
		}
		for _, m := range f.live() {
			st := m.sys.Stats()
			if st.Hub.Sessions+st.Hub.Users+st.Hub.Detached != 0 || st.Locator.Users+st.Locator.Conversations != 0 {
				return false
			}
		}
		return true
	}, func() string {
		s := ""
		for _, m := range f.live() {
			s += fmt.Sprintf("\n%s: %+v", m.id, m.sys.Stats())
		}
		return s
	})
}

// cutOff loses the connections of those who are at nodes that are no more.
func cutOff(f *fabric, riders []*rider) {
	live := map[*actors.System]bool{}
	for _, m := range f.live() {
		live[m.sys] = true
	}
	for _, r := range riders {
		r.mu.Lock()
		if l := r.link; l != nil && l.sys != nil && !live[l.sys] {
			l.dead, r.link = true, nil
		}
		r.mu.Unlock()
	}
}

// move has nodes come, go and die, and the store fail now and then, until over.
func move(f *fabric, store *faulty, riders []*rider, rng *rand.Rand, over chan struct{}) {
	for {
		select {
		case <-over:
			return
		case <-time.After(time.Duration(20+rng.IntN(60)) * time.Millisecond):
		}
		cutOff(f, riders)
		all := f.live()
		one := all[rng.IntN(len(all))]
		switch n := rng.IntN(4); {
		case n == 0 && len(all) < 5:
			f.add()
			f.view(rng)
		case n == 1 && len(all) > 2: // it goes in good order
			f.mu.Lock()
			one.state = placement.Leaving
			f.mu.Unlock()
			f.view(rng)
			ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
			if err := one.sys.HandedOff(ctx); err != nil {
				f.t.Errorf("%s did not hand off: %v, %+v", one.id, err, one.sys.Routing())
			}
			cancel()
			f.kill(one)
			f.view(rng)
		case n == 2 && len(all) > 2: // it dies
			f.kill(one)
			f.view(rng)
		default:
			fault := &store.away
			if rng.IntN(2) == 0 {
				fault = &store.lie
			}
			fault.Store(true)
			time.Sleep(time.Duration(1+rng.IntN(10)) * time.Millisecond)
			fault.Store(false)
		}
	}
}
