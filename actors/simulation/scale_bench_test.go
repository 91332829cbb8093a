package simulation

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/corrillo/corrillo/actors/placement"
)

// quiet are links on which nothing is heard.
type quiet struct{}

// Send implements placement.Links.
func (quiet) Send(string, any) {}

// benchView is a view of that many nodes, and one with a node more.
func benchView(n int) (v, more placement.View) {
	rng := rand.New(rand.NewPCG(1, uint64(n)))
	all := make([]placement.Node, n+1)
	for i := range all {
		all[i] = placement.Node{ID: nodeID(rng), Address: "chat-000.internal.example:7400"}
	}
	return placement.NewView(1, slices.Clone(all[:n])), placement.NewView(2, all)
}

// settled has a node say Settled to a router none of whose sessions listen.
func settled(r *placement.Router, node string, generation uint64) {
	r.OnSettled([]placement.Settlement{{Node: node, Generation: generation}}, nil)
}

func benchKeys(n int) []placement.Key {
	keys := make([]placement.Key, n)
	for i := range keys {
		keys[i] = placement.Key{Kind: 1, ID: fmt.Sprint("room-", i)}
	}
	return keys
}

// settledRouter is a node's under the first view, for which nobody is waited.
func settledRouter(v *placement.View) *placement.Router {
	r := placement.NewRouter(v.Nodes[0].ID, quiet{})
	r.Switch(*v)
	for _, n := range v.Nodes[1:] {
		settled(r, n.ID, v.Generation)
	}
	return r
}

// BenchmarkRouter_Route is what each command costs that an actor is told: where
// it goes, at rest and while one change is under way.
func BenchmarkRouter_Route(b *testing.B) {
	keys := benchKeys(1024)
	for _, n := range []int{3, 10, 30, 100} {
		v, more := benchView(n)
		r := settledRouter(&v)
		route := func(b *testing.B) {
			b.ReportAllocs()
			for i := 0; b.Loop(); i++ {
				r.Route(keys[i%len(keys)])
			}
		}
		b.Run(fmt.Sprintf("nodes=%d/rest", n), route)
		r.Switch(more)
		b.Run(fmt.Sprintf("nodes=%d/change", n), route)
	}
}

// BenchmarkRouter_Change is what one change of the view costs one node for the
// ids that its sessions listen to, under the locator's lock: it looks at each
// when it switches, and again for the nodes that have settled meanwhile. That
// is once when all come together, and once for each when each comes alone.
func BenchmarkRouter_Change(b *testing.B) {
	const ids = 10_000
	keys := benchKeys(ids)
	for _, n := range []int{3, 10, 30, 100} {
		v, more := benchView(n)
		said := make([]placement.Settlement, n+1)
		for i, other := range more.Nodes {
			said[i] = placement.Settlement{Node: other.ID, Generation: more.Generation}
		}
		for _, together := range []int{len(said), 1} {
			b.Run(fmt.Sprintf("nodes=%d/ids=%d/together=%d", n, ids, together), func(b *testing.B) {
				for b.Loop() {
					r := settledRouter(&v)
					r.Switch(more)
					for _, k := range keys {
						r.Announce(v, k)
					}
					for some := range slices.Chunk(said, together) {
						r.OnSettled(some, keys)
					}
				}
			})
		}
	}
}
