package simulation

import (
	"fmt"
	"slices"
	"time"

	"github.com/corrillo/corrillo/actors/message"
	"github.com/corrillo/corrillo/actors/placement"
	"github.com/corrillo/corrillo/actors/relay"
	"github.com/corrillo/corrillo/wire"
)

// node is one process: the real Router and Hub, and models of the code between them.
type node struct {
	w       *world
	id      string
	router  *placement.Router
	hub     *relay.Hub
	lane    *lane
	entries map[string]*entry
	last    uint64 // the number of the newest session
	links   map[string]*link

	kicked, moving, again bool

	dead    bool
	paused  bool
	backlog []event // events that came while it was paused
	renewed time.Duration
	lapsing bool // it has been paused and has not renewed its lease since
	going   bool // it is shutting down
}

// Times of the lease, as in actors/nodes.
const (
	leaseTTL   = 5 * time.Second
	leaseValid = leaseTTL * 4 / 10
	grace      = leaseTTL / 4
	renewEvery = time.Second
)

// startNode starts a process, which then joins the cluster.
func (w *world) startNode() *node {
	n := &node{w: w, id: fmt.Sprintf("n%d", len(w.nodes)), entries: map[string]*entry{}, links: map[string]*link{}}
	n.router = placement.NewRouter(n.id, n)
	n.hub = relay.NewHub(relay.Options{Node: n.id, Shared: true, Left: func(id string, ref message.SessionRef, join uint64) {
		n.hear(id, &message.SessionClosed{Session: ref, Join: join})
	}})
	n.lane = newLane(n)
	w.nodes = append(w.nodes, n)
	w.after(w.lag(2*time.Second), n, func() { w.join(n) })
	return n
}

func (w *world) node(id string) *node {
	i := slices.IndexFunc(w.nodes, func(n *node) bool { return n.id == id })
	return w.nodes[i]
}

// hear sends a conversation a message that matters only if it has an actor.
func (n *node) hear(id string, msg any) {
	// With must nothing is refused, and errNotThere does not matter.
	_ = n.tell(id, msg, true, true)
}

// valid reports whether the node counts its lease as valid.
func (n *node) valid() bool {
	return !n.dead && (!n.lapsing || n.w.now < n.renewed+leaseValid)
}

// mine reports whether this node may activate a conversation, which fences others.
func (n *node) mine(id string) bool { return n.valid() && n.router.Owner(keyOf(id)) == n.id }

// leaving reports whether the actor here was asked to hand off.
func (n *node) leaving(id string) bool {
	e := n.entries[id]
	return e != nil && e.leaving
}

func (n *node) others() []string {
	v := n.router.View()
	var ids []string
	for i := range v.Nodes {
		if id := v.Nodes[i].ID; id != n.id {
			ids = append(ids, id)
		}
	}
	return ids
}

func (n *node) interests() []placement.Key {
	ids, _ := n.hub.Interests()
	slices.Sort(ids)
	keys := make([]placement.Key, len(ids))
	for i, id := range ids {
		keys[i] = keyOf(id)
	}
	return keys
}

func (n *node) announcement(id string) any {
	if !n.hub.Interested(id) {
		return nil
	}
	return &message.Listening{Sessions: n.hub.Listeners(id)}
}

// announce tells the owner of a conversation about sessions of this node.
func (n *node) announce(id string, msg any) {
	if n.tell(id, msg, false, true) != nil {
		n.router.Hold(keyOf(id), placement.Item{Msg: msg})
		n.later()
	}
}

func (n *node) whoListens(id string) {
	for _, other := range n.others() {
		n.must(other, &message.WhoListens{ConversationID: id})
	}
}

// hasJoined is the model of actors.System's: a session has joined; late says that the
// join had to wait for a hole.
func (n *node) hasJoined(m *message.Relayed, ref message.SessionRef, late bool) {
	if ref.Node != n.id || !late && m.Owner == n.router.Owner(keyOf(m.ConversationID)) {
		return
	}
	for _, l := range n.hub.Listeners(m.ConversationID) {
		if l.Session == ref {
			n.announce(m.ConversationID, &message.Listening{Sessions: []message.Listener{l}})
		}
	}
}

// spread is the model of relay.Spread: it sends a conversation's messages to the nodes
// of its listeners.
func (n *node) spread(m *message.Relayed, listening func(func(string) bool)) {
	m.Owner = n.id
	n.lane.send(m)
	var joined []string
	listening(func(id string) bool { joined = append(joined, id); return true })
	people := m.People != nil || slices.ContainsFunc(m.Deliver, func(d message.Delivery) bool { return len(d.Users) > 0 })
	for _, id := range n.others() {
		if part := m.For(id, slices.Contains(joined, id), people); part != nil {
			n.relay(id, part)
		}
	}
}

func (n *node) answer(o *message.Origin, m any) {
	if o.Node() != n.id {
		n.relay(o.Node(), m)
		return
	}
	n.lane.send(m)
}

// finishAll is Hub.FinishAll in a fixed order, so that a run can be repeated.
func (n *node) finishAll(reason wire.CloseReason) {
	for id := range n.last {
		n.hub.FinishID(id+1, reason)
	}
}

// take takes in a message of another node.
func (n *node) take(from *node, m any) {
	v := n.router.View()
	if me, ok := n.w.registry.since[from.id]; !v.Has(from.id) && ok && v.Generation >= me {
		return // that node has left, and its link is gone
	}
	switch m := m.(type) {
	case *message.Told:
		n.told(from.id, m)
	case *message.Returned:
		n.returned(m)
	case *message.Switched:
		if v, known := n.router.ViewOf(m); known {
			n.apply(v)
		} else if m.Generation > n.router.View().Generation {
			n.w.broken("%s knows no view %d, which %s has it told of", n.id, m.Base, from.id)
		}
		n.router.OnSwitched(from.id, m.Generation, m.Differences)
	case *message.Settled:
		n.settled(from.id, m.Generation)
	case *message.Relayed:
		for i := range m.Deliver {
			m.Deliver[i].Acks = n.answeredAll(from.id, m.Deliver[i].Acks)
		}
		m.Join = slices.DeleteFunc(m.Join, func(sub message.Subscription) bool {
			return !sub.Gated && !n.answered(from.id, &sub.Origin)
		})
		m.Replies = n.answeredAll(from.id, m.Replies)
		n.heed(from.id, m.ConversationID, m)
	case *message.GateOpened:
		if n.answered(from.id, &m.Reply.Origin) {
			n.heed(from.id, m.ConversationID, m)
		}
	case *message.AnswersLost:
		n.w.note("%s has lost answers of %s", n.id, from.id)
		n.router.Retell(from.id)
		n.kick()
		n.finishAll(wire.CloseInternal)
	case *message.WhoListens:
		n.lane.send(barrier{passed: func() {
			if l := n.hub.Listeners(m.ConversationID); len(l) > 0 {
				n.announce(m.ConversationID, &message.Listening{Sessions: l})
			}
		}})
	}
}

func (n *node) answeredAll(from string, replies []message.Reply) []message.Reply {
	return slices.DeleteFunc(replies, func(r message.Reply) bool { return !n.answered(from, &r.Origin) })
}

// apply adopts a view. If this node was a member and is not in it, its process ends.
func (n *node) apply(v placement.View) {
	before := n.router.View()
	if v.Generation <= before.Generation {
		return
	}
	if !v.Has(n.id) {
		if before.Generation > 0 {
			n.die("lost")
		}
		return
	}
	n.switchTo(v)
}

// die ends the process at once, and its connections with it.
func (n *node) die(why string) {
	if n.dead {
		return
	}
	n.w.note("%s dies: %s", n.id, why)
	n.dead, n.paused, n.backlog = true, false, nil
	for _, c := range n.w.clients {
		if c.conn != nil && c.conn.n == n {
			conn := c.conn
			n.w.after(n.w.lag(2*time.Second), nil, func() { c.lost(conn) })
		}
	}
	n.w.missed(n)
}

// pause stops the process for a while, as SIGSTOP would.
func (n *node) pause(d time.Duration) {
	if n.dead || n.paused {
		return
	}
	n.w.note("%s stands still for %v", n.id, d)
	n.paused, n.lapsing = true, true
	n.renewed = n.w.now - rand2(n.w, renewEvery)
	n.w.after(d, nil, n.resume)
	if d > leaseTTL {
		n.w.missed(n)
	}
}

// resume ends a pause; the events that came meanwhile are handled.
func (n *node) resume() {
	if n.dead || !n.paused {
		return
	}
	n.w.note("%s goes on", n.id)
	n.paused = false
	for _, e := range n.backlog {
		n.w.after(0, n, e.do)
	}
	n.backlog = nil
	n.w.after(n.w.lag(renewEvery), n, func() { n.w.renew(n) })
}

// leave shuts the process down as SIGTERM does: it hands its ids over first.
func (n *node) leave() {
	n.going = true
	n.w.registry.change(n.id+" leaves", n.w, func(all []placement.Node) []placement.Node {
		for i := range all {
			if all[i].ID == n.id {
				all[i].State = placement.Leaving
			}
		}
		return all
	})
	n.awaitHandedOff(n.w.now + 5*time.Second)
}

func (n *node) awaitHandedOff(end time.Duration) {
	s := n.router.Stats()
	v := n.router.View()
	me, _ := v.Node(n.id)
	if n.w.now < end && (me.State != placement.Leaving || s.Leaving+s.HeldIDs > 0) {
		n.w.after(50*time.Millisecond, n, func() { n.awaitHandedOff(end) })
		return
	}
	n.finishAll(wire.CloseDraining)
	n.w.after(time.Second, n, func() {
		n.w.remove(n, "has left")
		n.die("has left")
	})
}

var _ placement.Links = (*node)(nil)
