package whereabouts

import (
	"math/bits"

	"github.com/corrillo/corrillo/actors/small"
)

// Others is what a node knows of the users of the other nodes, and what it keeps
// for those who may be there without its knowing. M is what is passed on, in
// whose order: what was kept for a node is given out in the order in which it was
// passed, and before anything that is passed later. The zero value knows of no
// node. It is not safe for concurrent use.
type Others[M any] struct {
	// Entries and Bytes bound what is kept. 0: 4,096 and 8 MiB.
	Entries, Bytes int

	nodes map[string]*node
	slots [maxNodes]*node
	asks  uint64 // number of the last one
	log   log[M]
	stats Stats
}

// maxNodes is how many other nodes are told apart; those beyond count as having
// everyone.
const maxNodes = 64

// The default bounds.
const (
	defaultEntries = 4096
	defaultBytes   = 8 << 20
)

// node is what is known of one of the others.
type node struct {
	id   string
	slot int // -1: there was none
	// all: it counts as having everyone, and nothing is kept for it.
	all   bool
	users map[uint64]struct{}
	most  int    // of users; see small.Shrink
	asked uint64 // number of the question that it has not answered; 0: none
	upTo  uint64 // what was kept by then it answers for
}

func (n *node) bit() uint64 {
	if n.slot < 0 {
		return 0
	}
	return 1 << n.slot
}

func (n *node) has(users []uint64) bool {
	for _, user := range users {
		if _, ok := n.users[user]; ok {
			return true
		}
	}
	return false
}

// Members says who the other nodes are. Those who are new count as having
// everyone; those who are no more are forgotten.
func (o *Others[M]) Members(ids []string) {
	if o.nodes == nil {
		o.nodes = map[string]*node{}
	}
	is := make(map[string]bool, len(ids))
	for _, id := range ids {
		is[id] = true
	}
	for id, n := range o.nodes {
		if !is[id] {
			o.forget(n)
			delete(o.nodes, id)
		}
	}
	for _, id := range ids {
		if o.nodes[id] == nil {
			o.nodes[id] = o.take(&node{id: id, slot: -1, all: true, users: map[uint64]struct{}{}})
		}
	}
}

func (o *Others[M]) take(n *node) *node {
	for i := range o.slots {
		if o.slots[i] == nil {
			o.slots[i], n.slot = n, i
			break
		}
	}
	return n
}

func (o *Others[M]) forget(n *node) {
	if n.slot < 0 {
		return
	}
	o.slots[n.slot] = nil
	o.log.clear(n.bit(), o.log.end())
}

// Member reports whether a node is one of them.
func (o *Others[M]) Member(id string) bool { return o.nodes[id] != nil }

// Has reports whether something for these users is to go to a node. One that is
// not known has everyone.
func (o *Others[M]) Has(id string, users []uint64) bool {
	n := o.nodes[id]
	if n == nil || n.all {
		o.stats.Blind++
		return true
	}
	return n.has(users)
}

// Keep keeps m, of that size in bytes, for the nodes among those of which it may
// turn out that they have one of the users: those that Has says no of, but for
// without. listened are nodes that have had a part of m. It takes users.
func (o *Others[M]) Keep(m M, size int, users []uint64, without, listened func(id string) bool) {
	e := entry[M]{m: m, size: size, users: users}
	for _, n := range o.slots {
		if n == nil || n.all || n.has(users) || without(n.id) {
			continue
		}
		e.waits |= n.bit()
		if listened(n.id) {
			e.listened |= n.bit()
		}
	}
	if e.waits != 0 {
		o.log.append(e)
	}
}

// Kept is something that was kept for a node; Listened says that the node has had
// the part that was for its listeners.
type Kept[M any] struct {
	M        M
	Listened bool
}

// Overfull returns a node and all that was kept for it, which it is to get now,
// while more is kept than the bounds allow: see the package's comment.
func (o *Others[M]) Overfull() (id string, kept []Kept[M], over bool) {
	entries, bytes := o.Entries, o.Bytes
	if entries == 0 {
		entries = defaultEntries
	}
	if bytes == 0 {
		bytes = defaultBytes
	}
	if o.log.len() <= entries && o.log.bytes <= bytes {
		return "", nil, false
	}
	n := o.slots[bits.TrailingZeros64(o.log.oldest().waits)]
	kept = o.log.take(n.bit(), func([]uint64) bool { return true })
	n.all = true
	o.stats.Overflows++
	o.stats.Replayed += int64(len(kept))
	return n.id, kept, true
}

// Here takes in that users have sessions on a node, and returns what it is to get
// now.
func (o *Others[M]) Here(id string, users []uint64) []Kept[M] {
	n := o.nodes[id]
	if n == nil {
		return nil
	}
	for _, user := range users {
		n.users[user] = struct{}{}
	}
	if n.all {
		return nil
	}
	kept := o.log.take(n.bit(), n.has)
	o.stats.Replayed += int64(len(kept))
	return kept
}

// All takes what is kept for a node.
func (o *Others[M]) All(id string) []Kept[M] {
	n := o.nodes[id]
	if n == nil || n.all {
		return nil
	}
	kept := o.log.take(n.bit(), func([]uint64) bool { return true })
	o.stats.Replayed += int64(len(kept))
	return kept
}

// Gone takes in that users have no sessions on a node any more.
func (o *Others[M]) Gone(id string, users []uint64) {
	n := o.nodes[id]
	if n == nil {
		return
	}
	n.most = max(n.most, len(n.users))
	for _, user := range users {
		delete(n.users, user)
	}
	n.users = small.Shrink(n.users, &n.most)
}

// Ask is a question for a node.
type Ask struct {
	Node   string
	Number uint64
}

// Asks returns the questions that are to be sent now: to whoever counts as having
// everyone, or has something kept for it, and has answered the last one.
func (o *Others[M]) Asks() (asks []Ask) {
	waits := o.log.waits()
	for _, n := range o.slots {
		if n == nil || n.asked != 0 || !n.all && waits&n.bit() == 0 {
			continue
		}
		o.asks++
		n.asked, n.upTo = o.asks, o.log.end()
		asks = append(asks, Ask{Node: n.id, Number: n.asked})
	}
	return asks
}

// Answered takes in an answer, and reports whether there is something to ask
// again.
func (o *Others[M]) Answered(id string, number uint64) (more bool) {
	n := o.nodes[id]
	if n == nil || n.asked != number || number == 0 {
		return false
	}
	n.asked, n.all = 0, false
	o.log.clear(n.bit(), n.upTo)
	return o.log.waits()&n.bit() != 0
}

// Stats counts what is known and kept.
type Stats struct {
	Users     int   // users on other nodes, those on several of them for each
	Unknown   int   // other nodes that count as having everyone
	Kept      int   // messages that are kept
	KeptBytes int   //
	Blind     int64 // messages sent to a node because it counted as having everyone
	Replayed  int64 // messages that were kept and then sent
	Overflows int64 // times that a node got all because too much was kept
}

// Stats returns the counts.
func (o *Others[M]) Stats() Stats {
	s := o.stats
	for _, n := range o.nodes {
		s.Users += len(n.users)
		if n.all {
			s.Unknown++
		}
	}
	s.Kept, s.KeptBytes = o.log.len(), o.log.bytes
	return s
}
