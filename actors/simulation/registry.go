package simulation

import (
	"fmt"
	"slices"
	"time"

	"github.com/corrillo/corrillo/actors/placement"
)

// registry is a model of the registry's record of the members. Nodes learn of a change
// at different times, and of some changes never.
type registry struct {
	view  placement.View
	since map[string]uint64
}

const watchLag = 1500 * time.Millisecond

func (w *world) members() (alive []*node) {
	for _, n := range w.nodes {
		if !n.dead && w.registry.view.Has(n.id) {
			alive = append(alive, n)
		}
	}
	return alive
}

// change makes the next view: f returns its nodes from those of the one before.
func (g *registry) change(why string, w *world, f func([]placement.Node) []placement.Node) {
	before := g.view
	g.view = placement.NewView(before.Generation+1, f(slices.Clone(before.Nodes)))
	w.note("view %d: %s", g.view.Generation, why)
	w.checkShare(&before, &g.view)
	for _, n := range w.nodes {
		if !n.dead {
			w.after(w.lag(watchLag), n, func() { w.tellView(n) })
		}
	}
}

// tellView makes a node read the record as it is now.
func (w *world) tellView(n *node) { n.apply(w.registry.view) }

func (w *world) join(n *node) {
	next := w.registry.view.Generation + 1
	w.registry.change(n.id+" joins", w, func(all []placement.Node) []placement.Node {
		return append(all, placement.Node{ID: n.id, Since: next})
	})
	if w.registry.since == nil {
		w.registry.since = map[string]uint64{}
	}
	w.registry.since[n.id] = next
}

func (w *world) remove(n *node, why string) {
	if !w.registry.view.Has(n.id) {
		return
	}
	w.registry.change(fmt.Sprintf("%s is out: %s", n.id, why), w, func(all []placement.Node) []placement.Node {
		return slices.DeleteFunc(all, func(m placement.Node) bool { return m.ID == n.id })
	})
}

// missed takes a node out when its lease has expired, unless it has renewed it by then.
func (w *world) missed(n *node) {
	w.after(leaseTTL+w.lag(2*time.Second), nil, func() {
		if n.dead || n.paused && w.now-n.renewed >= leaseTTL {
			w.remove(n, "its lease is over")
		}
	})
}

// renew is the first renewal of a node after a pause.
func (w *world) renew(n *node) {
	if w.registry.view.Generation > 0 && !w.registry.view.Has(n.id) {
		if v := n.router.View(); v.Generation > 0 {
			n.die("its lease is gone")
		}
		return
	}
	n.lapsing = false
	w.tellView(n)
}
