package simulation

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/corrillo/corrillo/actors/envelope"
	"github.com/corrillo/corrillo/actors/message"
	"github.com/corrillo/corrillo/actors/placement"
)

// fleet is the real routers of many nodes on the virtual clock, and what one
// change of the view costs them when nothing else goes on.
type fleet struct {
	t       *testing.T
	rng     *rand.Rand
	queue   queue
	now     time.Duration
	view    placement.View
	members map[string]*member
	rooms   []placement.Key // that are awake

	cost changeCost
}

// member is one node of a fleet.
type member struct {
	f         *fleet
	id        string
	router    *placement.Router
	interests []placement.Key // what its sessions listen to
	waits     bool            // for others, or for its own actors
}

// changeCost is what all nodes together have sent, and how long it took.
type changeCost struct {
	switched, settled, told int // messages
	bytes                   int // of them, as they are on a link
	moved                   int // rooms
	// settledAfter: nothing waits any more on any node.
	settledAfter time.Duration
}

// What a fleet is made of.
const (
	roomsOfANode  = 100                  // awake
	listeners     = 3                    // nodes with sessions in a room
	linkDelay     = time.Millisecond     // one way, for everything
	handOffTakes  = 5 * time.Millisecond // what a room has under way with the store
	deathIsSeenIn = leaseTTL / 4         // locator.ClusterOptions.Grace
)

// nodeID is as long as those of real processes.
func nodeID(r *rand.Rand) string {
	const letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567"
	id := make([]byte, 10)
	for i := range id {
		id[i] = letters[r.IntN(len(letters))]
	}
	return string(id)
}

func newFleet(t *testing.T, n int, seed uint64) *fleet {
	f := &fleet{t: t, rng: rand.New(rand.NewPCG(seed, uint64(n))), members: map[string]*member{}}
	var all []placement.Node
	for range n {
		all = append(all, f.add().node())
	}
	for i := range n * roomsOfANode {
		k := placement.Key{Kind: 1, ID: fmt.Sprint("room-", i)}
		f.rooms = append(f.rooms, k)
		for _, j := range f.rng.Perm(n)[:min(listeners, n)] {
			m := f.members[all[j].ID]
			m.interests = append(m.interests, k)
		}
	}
	f.view = placement.NewView(1, all)
	for _, id := range f.ids() {
		f.members[id].switchTo(f.view)
	}
	f.play()
	return f
}

func (f *fleet) add() *member {
	m := &member{f: f, id: nodeID(f.rng)}
	m.router = placement.NewRouter(m.id, m)
	f.members[m.id] = m
	return m
}

func (f *fleet) ids() []string { return slices.Sorted(maps.Keys(f.members)) }

func (m *member) node() placement.Node {
	return placement.Node{ID: m.id, Address: "chat-000.internal.example:7400"}
}

func (f *fleet) after(d time.Duration, do func()) { f.queue.push(event{at: f.now + d, do: do}) }

// play goes on until nothing is to come.
func (f *fleet) play() {
	for len(f.queue.heap) > 0 {
		e := f.queue.pop()
		f.now = e.at
		e.do()
	}
}

// change has the one who made a view go on to it, and everybody else by what
// nodes say to each other.
func (f *fleet) change(by *member, change func([]placement.Node) []placement.Node) changeCost {
	before := f.view
	f.view = placement.NewView(before.Generation+1, change(slices.Clone(before.Nodes)))
	f.cost = changeCost{}
	for _, k := range f.rooms {
		if before.Owner(k.Kind, k.ID) != f.view.Owner(k.Kind, k.ID) {
			f.cost.moved++
		}
	}
	begun := f.now
	by.switchTo(f.view)
	f.play()
	for _, id := range f.ids() {
		if s := f.members[id].router.Stats(); s.Generation != f.view.Generation || s.Unsettled+s.Leaving+s.HeldIDs > 0 {
			f.t.Errorf("%s has not settled: %+v", id, s)
		}
	}
	f.cost.settledAfter -= begun
	return f.cost
}

func (f *fleet) join() changeCost {
	m := f.add()
	return f.change(m, func(all []placement.Node) []placement.Node { return append(all, m.node()) })
}

// leave is a node that hands over and goes: two views.
func (f *fleet) leave() (asked, gone changeCost) {
	m := f.members[f.ids()[f.rng.IntN(len(f.members))]]
	asked = f.change(m, func(all []placement.Node) []placement.Node {
		for i := range all {
			if all[i].ID == m.id {
				all[i].State = placement.Leaving
			}
		}
		return all
	})
	return asked, f.without(m)
}

// die is a node that is out without a word.
func (f *fleet) die() changeCost { return f.without(f.members[f.ids()[f.rng.IntN(len(f.members))]]) }

func (f *fleet) without(m *member) changeCost {
	delete(f.members, m.id)
	return f.change(f.members[f.ids()[0]], func(all []placement.Node) []placement.Node {
		return slices.DeleteFunc(all, func(n placement.Node) bool { return n.ID == m.id })
	})
}

// Send implements placement.Links.
func (m *member) Send(to string, msg any) {
	f := m.f
	b, err := envelope.Append(nil, msg)
	if err != nil {
		f.t.Fatal(err)
	}
	f.cost.bytes += len(b)
	switch msg.(type) {
	case *message.Switched:
		f.cost.switched++
	case *message.Settled:
		f.cost.settled++
	default:
		f.cost.told++
	}
	f.after(linkDelay, func() {
		if other := f.members[to]; other != nil {
			other.take(m.id, msg)
		}
	})
}

func (m *member) take(from string, msg any) {
	switch msg := msg.(type) {
	case *message.Switched:
		if v, known := m.router.ViewOf(msg); known {
			m.switchTo(v)
		} else if msg.Generation > m.router.View().Generation {
			m.f.t.Fatalf("%s knows no view %d, which %s has it told of", m.id, msg.Base, from)
		}
		m.router.OnSwitched(from, msg.Generation, msg.Differences)
	case *message.Settled:
		m.router.OnSettled([]placement.Settlement{{Node: from, Generation: msg.Generation}}, m.interests)
	}
	m.pass()
}

// switchTo is Locator.Switch: what is not this node's any more goes, and is gone
// when the store has answered.
func (m *member) switchTo(v placement.View) {
	before := m.router.View()
	if v.Generation <= before.Generation {
		return
	}
	for _, n := range before.Nodes {
		if n.State == placement.Active && !v.Has(n.ID) {
			m.router.Linger(n.ID)
			m.f.after(deathIsSeenIn, func() { m.router.Gone(n.ID); m.pass() })
		}
	}
	m.router.Switch(v)
	for _, k := range m.f.rooms {
		if before.Owner(k.Kind, k.ID) == m.id && m.router.Owner(k) != m.id {
			m.router.Leave(k)
			m.f.after(handOffTakes, func() { m.router.Left(k); m.pass() })
		}
	}
	for _, k := range m.interests {
		m.router.Announce(before, k)
	}
	m.router.Settle()
	m.pass()
}

// pass is Locator.Move: the owners are told who listens.
func (m *member) pass() {
	keys := m.router.Ready(nil)
	slices.SortFunc(keys, func(a, b placement.Key) int { return strings.Compare(a.ID, b.ID) })
	for _, k := range keys {
		announce, _, ok := m.router.Take(k)
		if owner := m.router.Owner(k); ok && announce && owner != m.id {
			m.Send(owner, &message.Told{Kind: k.Kind, ID: k.ID, Message: &message.Listening{Sessions: []message.Listener{
				{Session: message.SessionRef{Node: m.id, ID: 1}, UserID: "user-000001"},
			}}})
		}
	}
	s := m.router.Stats()
	waited := m.waits
	if m.waits = s.Unsettled+s.Leaving+s.HeldIDs > 0; waited && !m.waits {
		m.f.cost.settledAfter = m.f.now // of the last one in the end
	}
}
