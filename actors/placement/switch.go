package placement

import (
	"maps"
	"slices"

	"github.com/corrillo/corrillo/actors/message"
)

// Switch goes on to a newer view; an older one, or the same, changes nothing
// and is false. Afterwards the caller names its own actors of ids that are not
// its own any more to Leave, those of whom sessions are here to Announce, and
// then calls Settle.
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

// Linger says, before the Switch to a view without it, that a node may not know
// yet that it has gone: what it had is taken over after Gone.
func (r *Router) Linger(node string) { r.lingering[node] = struct{}{} }

// Gone ends that.
func (r *Router) Gone(node string) {
	delete(r.lingering, node)
	for i := range r.changes {
		delete(r.changes[i].waiting, node)
	}
	r.compact()
}

// switched tells a node of the view, by what is new in it since the view that
// node has told of last. It keeps that one until this node has told of a later
// one and it has settled that. Who has told of none yet, or knows no differences,
// learns all of the view.
func (r *Router) switched(to string) *message.Switched {
	base, m := View{}, &message.Switched{Generation: r.view.Generation, Differences: true}
	if known := r.knows[to]; known >= m.Generation {
		base = r.view // it needs nothing
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

// went finds a view that the node acts under, or acted under before a step that
// not everyone has settled. That of generation 0 has no nodes.
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

// ViewOf returns the view that a Switched tells of, which must be a newer one
// than this node's. It is false when that is told by what differs from a view
// that this node does not know: then it has to be learnt from elsewhere.
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

// compact forgets the changes that everyone has settled.
func (r *Router) compact() {
	r.changes = slices.DeleteFunc(r.changes, func(c change) bool { return len(c.waiting) == 0 })
}

// Leave notes that the node's own actor of k has been asked to go.
func (r *Router) Leave(k Key) { r.leaving[k] = struct{}{} }

// Left takes in that the actor of k is gone, and reports whether it had been
// asked to go.
func (r *Router) Left(k Key) bool {
	_, there := r.leaving[k]
	delete(r.leaving, k)
	if there {
		r.Settle()
	}
	return there
}

// Announce notes that sessions of this node listen to k, so that its owner has
// to be told, if that is another one than it was under an earlier view.
func (r *Router) Announce(before View, k Key) {
	if before.Owner(k.Kind, k.ID) != r.Owner(k) {
		r.queue(k).announce = true
	}
}

// Settle answers those who wait for this node, if it has given up what it has
// lost: for the view that they have told of, though this node may be at a later
// one. What they have sent since is still on its way, and may come back.
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

// OnSwitched takes in that another node has gone on to a view. When that is
// newer than this node's, the caller switches to it before.
// Differences says that it understands what differs from a view.
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

// Settlement is what a node says by Settled.
type Settlement struct {
	Node       string
	Generation uint64
}

// OnSettled takes in that nodes have given up what they have lost. Interests are
// the ids that sessions of this node listen to now: those that were with one of
// these nodes are announced, since it was at its word that some have joined.
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
