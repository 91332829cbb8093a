package peers

import (
	"cmp"
	"slices"
	"strings"
	"sync/atomic"
	"time"
)

// Link is how things stand with another node.
type Link struct {
	Node    string
	Address string // where it is dialed
	// Member: it is in the cluster. Other nodes may be about to join.
	Member bool
	// Up: each of both reaches the other, since Since. If not, it has been down
	// since then, and Trouble says why, as far as it is known.
	Up      bool
	Since   time.Time
	Trouble string
	// OneWay: for half of Silence or longer this node has reached the other, and
	// the other does not reach it: it has a wrong address, or is kept off it.
	OneWay bool
	// Refusal says why one of both does not want the other; empty if it does.
	Refusal string

	Build   string // as it last said; empty if it never was there
	Schema  int
	Version uint32 // of the protocol, that both speak

	QueuedItems int // not yet acknowledged by it
	QueuedBytes int
	Sent        uint64 // items, those counted in Resent again
	Resent      uint64 // after a connection broke
	Full        uint64 // items that Send did not take
	Received    uint64 // items, each once
	Repeated    uint64 // items that had come before, and were dropped

	// RTT is how long the last beat took there and back; 0 if there was none.
	RTT time.Duration
}

// State says how things stand with each node, in the order of their ids.
func (p *Peers) State() []Link {
	all := *p.all.Load()
	links := make([]Link, 0, len(all))
	for _, pr := range all {
		links = append(links, pr.state())
	}
	slices.SortFunc(links, func(a, b Link) int { return strings.Compare(a.Node, b.Node) })
	return links
}

func (pr *peer) state() Link {
	pr.mu.Lock()
	l := Link{
		Node: pr.id, Address: pr.address, Member: pr.member, Up: pr.up, Since: pr.since, Trouble: pr.trouble, Refusal: pr.refusal,
		Build: pr.hello.Build, Schema: pr.hello.Schema, Version: pr.version,
	}
	l.OneWay = pr.oneWay()
	pr.mu.Unlock()
	o := &pr.out
	o.mu.Lock()
	l.QueuedItems, l.QueuedBytes = o.q.len(), o.q.bytes
	l.Sent, l.Resent, l.Full = o.sent, o.again, o.full
	o.mu.Unlock()
	l.Received, l.Repeated = pr.in.received.Load(), pr.in.repeated.Load()
	l.RTT = time.Duration(pr.rtt.Load())
	return l
}

// Up says of each node of the cluster, and of each that may be about to join,
// whether each of both reaches the other.
func (p *Peers) Up() map[string]bool {
	all := *p.all.Load()
	up := make(map[string]bool, len(all))
	for id, pr := range all {
		pr.mu.Lock()
		up[id] = pr.up
		pr.mu.Unlock()
	}
	return up
}

// OneWay are those of Up that Link.OneWay is said of.
func (p *Peers) OneWay() map[string]bool {
	one := map[string]bool{}
	for id, pr := range *p.all.Load() {
		pr.mu.Lock()
		if pr.oneWay() {
			one[id] = true
		}
		pr.mu.Unlock()
	}
	return one
}

// Unlinked says of each of Up to which there is no link why not, in words, as far
// as this node knows.
func (p *Peers) Unlinked() map[string]string {
	why := map[string]string{}
	for id, pr := range *p.all.Load() {
		pr.mu.Lock()
		if w := pr.why(); w != "" {
			why[id] = w
		}
		pr.mu.Unlock()
	}
	return why
}

// why there is no link; empty when there is one, or it is not known. pr.mu is held.
func (pr *peer) why() string {
	switch {
	case pr.up:
		return ""
	case pr.unreached != nil:
		return pr.unreached.Error()
	case pr.dialed && pr.came == nil: // what it knows of this node is told there
		return pr.refusal
	}
	return cmp.Or(pr.refusal, pr.trouble)
}

// oneWay: pr.mu is held.
func (pr *peer) oneWay() bool {
	return pr.dialed && pr.came == nil && time.Since(pr.reached) >= pr.p.o.Silence/2
}

// PeerLease is what a node last said of its own lease. It is not known when the
// node has said nothing for as long as Silence.
func (p *Peers) PeerLease(node string) (valid, known bool) {
	pr := p.peer(node)
	if pr == nil {
		return false, false
	}
	pr.mu.Lock()
	defer pr.mu.Unlock()
	if pr.leaseAt.IsZero() || time.Since(pr.leaseAt) >= p.o.Silence {
		return false, false
	}
	return pr.lease, true
}

// counts are those that belong to no node.
type counts struct {
	strangers atomic.Uint64
	refusals  atomic.Uint64
	panics    atomic.Uint64
	forwarded atomic.Uint64
	served    atomic.Uint64
}

// Stats counts since New.
type Stats struct {
	Strangers uint64 // connections without a certificate of the cluster
	Refusals  uint64 // of nodes that do not fit, by either side
	Panics    uint64 // all of them faults of this program
	Forwarded uint64 // requests of clients that went to other nodes
	Served    uint64 // requests of clients that came from other nodes
}

// Stats are for metrics; State has what belongs to a node.
func (p *Peers) Stats() Stats {
	return Stats{
		Strangers: p.count.strangers.Load(), Refusals: p.count.refusals.Load(), Panics: p.count.panics.Load(),
		Forwarded: p.count.forwarded.Load(), Served: p.count.served.Load(),
	}
}
