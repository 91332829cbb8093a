package whereabouts

import (
	"math/bits"

	"github.com/corrillo/corrillo/actors/small"
)

// Others is a node's table of which users the other nodes have, and of the messages
// (of type M) that it keeps for users who may be on a node without its knowing. The
// messages kept for a node are returned in the order of the calls of Keep. The zero
// value knows of no node. It is not safe for concurrent use.
type Others[M any] struct {
	// Entries and Bytes bound the messages that are kept, in number and size. 0:
	// 4,096 and 8 MiB.
	Entries, Bytes int

	nodes map[string]*node
	slots [maxNodes]*node // the nodes that have a bit in entry.waits
	asks  uint64          // number of the last question to any of them
	log   log[M]
	stats Stats
}

// maxNodes is how many other nodes the table distinguishes; any beyond count as
// having every user.
const maxNodes = 64

// The default bounds.
const (
	defaultEntries = 4096
	defaultBytes   = 8 << 20
)

// node is one of the other nodes.
type node struct {
	id   string
	slot int // its place in Others.slots; -1: none was free
	// all: it counts as having every user, and nothing is kept for it.
	all   bool
	users map[uint64]struct{} // by Hash
	most  int                 // the peak size of users; see small.Shrink
	asked uint64              // number of the question that it has not answered; 0: none
	upTo  uint64              // the answer will clear the log's entries before this number
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

// Members sets which other nodes there are. New ones count as having every user;
// those that are not listed are forgotten, with what was kept for them.
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

// Member reports whether a node is one of those that Members has set.
func (o *Others[M]) Member(id string) bool { return o.nodes[id] != nil }

// Has reports whether a message for these users is to go to a node: it has one of
// them, or counts as having every user, as does a node that is no member.
func (o *Others[M]) Has(id string, users []uint64) bool {
	n := o.nodes[id]
	if n == nil || n.all {
		o.stats.Blind++
		return true
	}
	return n.has(users)
}

// Nodes calls yield with each node that has told of a session of the user.
func (o *Others[M]) Nodes(user uint64, yield func(id string)) {
	for id, n := range o.nodes {
		if _, there := n.users[user]; there {
			yield(id)
		}
	}
}

// Keep keeps m, of that size in bytes, for each node of which Has reports false,
// since one of the users may turn out to be there; not for those of which without
// reports true. listened reports the nodes that have got the part of m for their
// listeners. Keep takes the slice users over.
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

// Kept is a message that was kept for a node. Listened says that the node has got
// the part of it for its listeners.
type Kept[M any] struct {
	M        M
	Listened bool
}

// Overfull returns, while more is kept than the bounds allow, a node and all that
// was kept for it, to be sent to it now; the node then counts as having every user
// until its next answer. It is called until over is false.
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

// Here takes in a notice that users have sessions on a node, and returns the kept
// messages for them, to be sent to it now.
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

// All returns everything that is kept for a node, and keeps it no longer.
func (o *Others[M]) All(id string) []Kept[M] {
	n := o.nodes[id]
	if n == nil || n.all {
		return nil
	}
	kept := o.log.take(n.bit(), func([]uint64) bool { return true })
	o.stats.Replayed += int64(len(kept))
	return kept
}

// Gone takes in a notice that users have no sessions on a node any more.
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

// Asks returns the questions to be sent now: one to each node that has answered its
// last one and either counts as having every user or has something kept for it.
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

// Answered takes in a node's answer to the question of that number, and reports
// whether something is kept for the node that the answer does not cover: then it
// is to be asked again.
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
	Users     int   // users on other nodes; one who is on several counts for each
	Unknown   int   // other nodes that count as having every user
	Kept      int   // messages that are kept
	KeptBytes int   // their size
	Blind     int64 // messages sent to a node because it counted as having every user
	Replayed  int64 // messages that were kept and then sent
	Overflows int64 // times that a node got everything because too much was kept
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
