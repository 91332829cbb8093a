package placement

import (
	"maps"
	"slices"

	"github.com/corrillo/corrillo/actors/message"
)

// Switch adopts a newer view and sends Switched to its nodes. For an older view,
// or the same, it does nothing and returns false. Afterwards the caller calls
// Leave for each actor that it runs of an id that this node no longer owns,
// Announce for each id that sessions of this node listen to, and then Settle.
func (r *Router) Switch(v View) bool {
	if v.Generation <= r.view.Generation {
		return false
	}
	old := r.view
	r.view = v
	c := change{old: old, to: v.Generation, waiting: map[string]struct{}{}}
	for _, n := range v.Nodes {
		if n.ID != r.self {
			c.waiting[n.ID] = struct{}{}
		}
	}
	for node := range r.lingering {
		c.waiting[node] = struct{}{}
	}
	r.changes = append(r.changes, c)
	for i := range r.changes {
		gone := func(node string, _ struct{}) bool {
			_, lingers := r.lingering[node]
			return !v.Has(node) && !lingers
		}
		maps.DeleteFunc(r.changes[i].waiting, gone)
	}
	r.compact()
	gone := func(node string, _ uint64) bool { return !v.Has(node) }
	maps.DeleteFunc(r.asked, gone)
	maps.DeleteFunc(r.heard, gone)
	maps.DeleteFunc(r.knows, gone)
	r.tellAgain(func(node string) bool { return !v.Has(node) })
	r.bounce()
	for _, n := range v.Nodes {
		if n.ID != r.self {
			r.links.Send(n.ID, r.switched(n.ID))
		}
	}
	return true
}

// Linger is called before the Switch to a view without node, when that node may
// not have noticed yet that it is out: its ids are not taken over before Gone.
func (r *Router) Linger(node string) { r.lingering[node] = struct{}{} }

// Gone ends what Linger has begun: the node has had its time to notice.
func (r *Router) Gone(node string) {
	delete(r.lingering, node)
	for i := range r.changes {
		delete(r.changes[i].waiting, node)
	}
	r.compact()
}

// switched makes the Switched for a node. It holds only what differs from the view
// of that node's own last Switched, which it remembers until it has settled a later
// one of this node. A node that has sent no Switched yet, or is of a version that
// does not understand differences, gets the whole view.
func (r *Router) switched(to string) *message.Switched {
	base, m := View{}, &message.Switched{Generation: r.view.Generation, Differences: true}
	if known := r.knows[to]; known >= m.Generation {
		base = r.view // it has this view or a later one: nothing differs
	} else if v, ok := r.went(known); ok {
		base = v
	}
	m.Base = base.Generation
	for _, n := range base.Nodes {
		if !r.view.Has(n.ID) {
			m.Gone = append(m.Gone, n.ID)
		}
	}
	for _, n := range r.view.Nodes {
		if was, there := base.Node(n.ID); !there || was != n {
			m.Nodes = append(m.Nodes, message.Node{ID: n.ID, Address: n.Address, State: uint8(n.State), Since: n.Since})
		}
	}
	return m
}

// went finds a view by its generation: the one that this node acts under, one
// before a change that not every node has settled, or for 0 the empty one.
func (r *Router) went(generation uint64) (View, bool) {
	switch generation {
	case r.view.Generation:
		return r.view, true
	case 0:
		return View{}, true
	}
	for i := range r.changes {
		if r.changes[i].old.Generation == generation {
			return r.changes[i].old, true
		}
	}
	return View{}, false
}

// ViewOf returns the view that a Switched describes, which must be newer than this
// node's. It returns false when m holds the difference from a view that this node
// does not know: the new view then has to be read from the registry.
func (r *Router) ViewOf(m *message.Switched) (View, bool) {
	base, ok := r.went(m.Base)
	if !ok {
		return View{}, false
	}
	nodes := make([]Node, 0, len(base.Nodes)+len(m.Nodes))
	for _, n := range m.Nodes {
		nodes = append(nodes, Node{ID: n.ID, Address: n.Address, State: State(n.State), Since: n.Since})
	}
	for _, n := range base.Nodes {
		differs := func(other message.Node) bool { return other.ID == n.ID }
		if !slices.Contains(m.Gone, n.ID) && !slices.ContainsFunc(m.Nodes, differs) {
			nodes = append(nodes, n)
		}
	}
	return NewView(m.Generation, nodes), true
}

// compact forgets the changes that every node has settled.
func (r *Router) compact() {
	r.changes = slices.DeleteFunc(r.changes, func(c change) bool { return len(c.waiting) == 0 })
}

// Leave notes that this node's actor of k has been asked to stop.
func (r *Router) Leave(k Key) { r.leaving[k] = struct{}{} }

// Left notes that this node's actor of k has stopped, and reports whether it had
// been asked to.
func (r *Router) Left(k Key) bool {
	_, there := r.leaving[k]
	delete(r.leaving, k)
	if there {
		r.Settle()
	}
	return there
}

// Announce notes that sessions of this node listen to k. If k has another owner
// than it had under the view before, the new one has to be told of them.
func (r *Router) Announce(before View, k Key) {
	if before.Owner(k.Kind, k.ID) != r.Owner(k) {
		r.queue(k).announce = true
	}
}

// Settle sends Settled to the nodes that wait for it, unless an actor that was
// asked to stop still runs. It settles the view that each of them has sent
// Switched for, even when this node is at a later one: messages that they have
// sent since are still on their way, and may have to go back.
func (r *Router) Settle() {
	if len(r.leaving) > 0 {
		return
	}
	for _, node := range slices.Sorted(maps.Keys(r.asked)) {
		r.links.Send(node, &message.Settled{Generation: min(r.asked[node], r.view.Generation)})
		if r.asked[node] <= r.view.Generation {
			delete(r.asked, node)
		}
	}
}

// OnSwitched takes in that another node has adopted the view of that generation.
// When that is newer than this node's, the caller calls Switch first. differences
// is Switched.Differences: that node understands views told by their difference.
func (r *Router) OnSwitched(from string, generation uint64, differences bool) {
	if !r.view.Has(from) {
		return
	}
	r.asked[from], r.heard[from] = generation, generation
	delete(r.knows, from)
	if differences {
		r.knows[from] = generation
	}
	r.Settle()
}

// Settlement is a Settled message and its sender.
type Settlement struct {
	Node       string
	Generation uint64
}

// OnSettled takes in that nodes have given up the ids that they had lost.
// interests are the ids that sessions of this node listen to now: for those that
// one of these nodes owned before, the new owner is told of the listeners once
// more, since that node may have admitted some of them just before it settled.
func (r *Router) OnSettled(said []Settlement, interests []Key) {
	for i := range r.changes {
		c := &r.changes[i]
		by := map[string]struct{}{}
		for _, s := range said {
			if _, waits := c.waiting[s.Node]; waits && c.to <= s.Generation {
				delete(c.waiting, s.Node)
				by[s.Node] = struct{}{}
			}
		}
		if len(by) == 0 {
			continue
		}
		for _, k := range interests {
			if _, had := by[c.old.Owner(k.Kind, k.ID)]; had {
				r.Announce(c.old, k)
			}
		}
	}
	r.compact()
}
