package peers

import (
	"cmp"
	"slices"
	"strings"
	"sync/atomic"
	"time"
)

// Link is the state of the link to another node.
type Link struct {
	Node    string
	Address string // where it is dialed
	// Member: the node is in the cluster. Others may be about to join.
	Member bool
	// Up: the two nodes reach each other. Since is when Up last changed; while the
	// link is down Trouble says why, as far as that is known.
	Up      bool
	Since   time.Time
	Trouble string
	// OneWay: for half of Silence or longer this node has reached the other one, but
	// has not been reached by it: the other has a wrong address, or a firewall is
	// in the way.
	OneWay bool
	// Refusal says why one of the two nodes has refused the link; empty if none has.
	Refusal string

	Build   string // as the node last told; empty if it was never connected
	Schema  int
	Version uint32 // the version of the protocol that both speak

	QueuedItems int // items that the node has not acknowledged yet
	QueuedBytes int
	Sent        uint64 // items sent, those in Resent counted again
	Resent      uint64 // items sent again after a connection broke
	Full        uint64 // items that Send refused with ErrFull
	Received    uint64 // items received, each counted once
	Repeated    uint64 // items that had come before and were dropped

	// RTT is the round trip time of the last beat; 0 if there was none.
	RTT time.Duration
}

// State returns the links to all nodes, in the order of their ids.
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

// Up maps each node of the cluster, and each that may be about to join, to whether
// its link is up.
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

// OneWay returns the nodes of Up for which Link.OneWay is true.
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

// Unlinked maps the nodes of Up whose link is down to the reason, for people, as far
// as this node knows it.
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

// why returns the reason why the link is down; empty when it is up, or when the
// reason is not known. pr.mu is held.
func (pr *peer) why() string {
	switch {
	case pr.up:
		return ""
	case pr.unreached != nil:
		return pr.unreached.Error()
	case pr.dialed && pr.came == nil: // only the other node knows why it does not reach this one
		return pr.refusal
	}
	return cmp.Or(pr.refusal, pr.trouble)
}

// oneWay is Link.OneWay. pr.mu is held.
func (pr *peer) oneWay() bool {
	return pr.dialed && pr.came == nil && time.Since(pr.reached) >= pr.p.o.Silence/2
}

// PeerLease returns whether a node's lease is valid, as that node last told. known is
// false when it has not told for as long as Silence.
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

// counts are the counters that belong to no single node.
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
	Refusals  uint64 // links that this node or the other one has refused
	Panics    uint64 // panics, each of them a bug of this program
	Forwarded uint64 // requests of clients that went to other nodes
	Served    uint64 // requests of clients that came from other nodes
}

// Stats returns the counts. State has those that belong to a single node.
func (p *Peers) Stats() Stats {
	return Stats{
		Strangers: p.count.strangers.Load(), Refusals: p.count.refusals.Load(), Panics: p.count.panics.Load(),
		Forwarded: p.count.forwarded.Load(), Served: p.count.served.Load(),
	}
}
