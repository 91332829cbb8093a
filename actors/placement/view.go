package placement

import (
	"slices"
	"strings"

	"github.com/cespare/xxhash/v2"
)

// State says whether a node owns ids.
type State uint8

// The states.
const (
	Active  State = iota // owns its share of users and conversations
	Leaving              // is shutting down: owns nothing, its clients are still connected
)

// String gives the state's name for logs and for people.
func (s State) String() string {
	if s == Leaving {
		return "leaving"
	}
	return "active"
}

// Node is one process of the cluster.
type Node struct {
	ID      string // new with each start of the process
	Address string // host:port at which other nodes reach it
	State   State
	Since   uint64 // the generation of the first view that it was in
}

// View is the list of the cluster's members at one moment. Its Generation
// numbers it: there is only one view of each generation, because a new view is
// written to the registry by compare and set. A node adopts views in ascending
// order of generations and may skip some. A View is never changed. The zero View
// has no nodes; others are made by NewView.
type View struct {
	Generation uint64
	Nodes      []Node // ascending by ID, each once

	sums []uint64 // hashes of the nodes' ids, in the order of Nodes
}

// NewView returns the view with these nodes, which may come in any order. It
// takes the slice over and sorts it.
func NewView(generation uint64, nodes []Node) View {
	slices.SortFunc(nodes, func(a, b Node) int { return strings.Compare(a.ID, b.ID) })
	v := View{Generation: generation, Nodes: nodes, sums: make([]uint64, len(nodes))}
	for i := range nodes {
		v.sums[i] = xxhash.Sum64String(nodes[i].ID)
	}
	return v
}

// Node finds a node by its id.
func (v *View) Node(id string) (Node, bool) {
	i, ok := slices.BinarySearchFunc(v.Nodes, id, func(n Node, id string) int { return strings.Compare(n.ID, id) })
	if !ok {
		return Node{}, false
	}
	return v.Nodes[i], true
}

// Has reports whether a node is in the view.
func (v *View) Has(id string) bool {
	_, ok := v.Node(id)
	return ok
}

// Owner returns the id of the node that a user or a conversation belongs to:
// the active one with the highest score (rendezvous hashing, Thaler and
// Ravishankar 1998). A node that joins takes about 1/n of the ids, evenly from
// all others, and a node that leaves hands its ids evenly to all others; nothing
// else moves. When all nodes are leaving, they stay the owners until the end.
// The result is empty in a view without nodes. The cost is some nanoseconds for
// each node.
func (v *View) Owner(kind byte, id string) string {
	key := xxhash.Sum64String(id) ^ mix(uint64(kind)+1)
	best, owner, active := uint64(0), -1, false
	for i := range v.Nodes {
		may := v.Nodes[i].State == Active
		if active && !may {
			continue
		}
		if score := mix(key ^ v.sums[i]); owner < 0 || may && !active || score > best {
			best, owner, active = score, i, may
		}
	}
	if owner < 0 {
		return ""
	}
	return v.Nodes[owner].ID
}

// mix makes every bit of the result depend on every bit of x (the finalizer of
// SplitMix64, Steele, Lea and Flood 2014).
func mix(x uint64) uint64 {
	x ^= x >> 30
	x *= 0xbf58476d1ce4e5b9
	x ^= x >> 27
	x *= 0x94d049bb133111eb
	return x ^ x>>31
}
