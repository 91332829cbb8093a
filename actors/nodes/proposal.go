package nodes

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/corrillo/corrillo/actors/placement"
	"github.com/corrillo/corrillo/repo"
)

// draft is a proposal in the making: the record as read, and what has been changed.
type draft struct {
	c       *core
	now     time.Duration
	w       *world
	leases  map[string]*repo.LeaseSeen
	inside  bool // this process is a member
	members []placement.Node
	changed bool
	p       repo.Proposal
}

// propose returns the proposal that follows from what the registry holds; ok is
// false when nothing is to be changed. waiting says why this process is not a member
// yet and cannot join now; empty otherwise. core.read has taken got in before.
func (c *core) propose(now time.Duration, got *repo.Registered, w *world) (p repo.Proposal, ok bool, waiting string) {
	d := draft{c: c, now: now, w: w, leases: make(map[string]*repo.LeaseSeen, len(got.Leases))}
	for i := range got.Leases {
		d.leases[got.Leases[i].ID] = &got.Leases[i]
	}
	if own := d.leases[c.self.ID]; own == nil || own.Expired || !c.lease.valid(now) {
		return repo.Proposal{}, false, "its own lease is not valid"
	}
	record := viewOf(&got.Record)
	d.members, d.inside = record.Nodes, record.Has(c.self.ID)
	d.p.Record.Generation = record.Generation + 1
	d.takeOut()
	if d.inside {
		d.cut()
	}
	d.leave()
	if !d.inside {
		if waiting = d.join(); waiting != "" {
			return repo.Proposal{}, false, waiting
		}
	}
	if !d.changed {
		return repo.Proposal{}, false, ""
	}
	for _, n := range d.members {
		d.p.Record.Members = append(d.p.Record.Members, repo.Member{ID: n.ID, Address: n.Address, State: uint8(n.State), Since: n.Since})
	}
	return d.p, true, ""
}

// takeOut takes out the members whose lease was removed or has expired. A process
// that is no member itself does so for expired ones only when the leases of all
// members have expired, and spares those that it has a link to: they live, and have
// only lost the registry.
func (d *draft) takeOut() {
	mayEvict := d.c.lease.mayEvict(d.now)
	if !d.inside {
		for _, n := range d.members {
			if l := d.leases[n.ID]; l != nil && !l.Expired {
				mayEvict = false
			}
		}
	}
	d.keep(func(n *placement.Node) bool {
		l := d.leases[n.ID]
		if n.ID == d.c.self.ID || l != nil && !l.Expired {
			return true
		}
		if l == nil {
			return false
		}
		if !mayEvict || !d.inside && d.w.reachable[n.ID] || !d.room() {
			return true
		}
		d.p.Expired = append(d.p.Expired, n.ID)
		return false
	})
}

// room reports whether the proposal may take out one more node.
func (d *draft) room() bool { return len(d.p.Expired)+len(d.p.Removed) < repo.MaxTakenOut }

// keep takes out the members for which f returns false.
func (d *draft) keep(f func(n *placement.Node) bool) {
	before := len(d.members)
	d.members = slices.DeleteFunc(d.members, func(n placement.Node) bool { return !f(&n) })
	d.changed = d.changed || len(d.members) != before
}

// cut takes out the members that placement.Cut chooses, so that those who stay all
// reach each other.
func (d *draft) cut() {
	broken := d.c.reports.believed(d.now, d.c.ttl, d.members, d.leases)
	gone := placement.Cut(placement.View{Nodes: d.members}, broken)
	d.keep(func(n *placement.Node) bool {
		if !slices.Contains(gone, n.ID) || !d.room() {
			return true
		}
		d.p.Removed = append(d.p.Removed, n.ID)
		return false
	})
}

// leave sets the members that want to leave to placement.Leaving.
func (d *draft) leave() {
	for i := range d.members {
		n := &d.members[i]
		wants := n.ID == d.c.self.ID && d.c.leaving
		if l := d.leases[n.ID]; l != nil && !wants {
			wants = metaOf(l).Leaving
		}
		if wants && n.State == placement.Active {
			n.State, d.changed = placement.Leaving, true
		}
	}
}

// join adds this process, or says why it cannot.
func (d *draft) join() (waiting string) {
	if d.c.leaving {
		return "it leaves"
	}
	if d.c.member() {
		return "it was taken out"
	}
	for _, n := range d.members {
		if l := d.leases[n.ID]; l != nil && d.w.reachable[n.ID] {
			if err := d.c.compatible(l.Lease); err != nil {
				return fmt.Sprintf("%s at %s: %v", n.ID, n.Address, err)
			}
		}
	}
	if waiting = d.unlinked(); waiting != "" {
		return waiting
	}
	d.members = append(d.members, placement.Node{ID: d.c.self.ID, Address: d.c.self.Address, Since: d.p.Record.Generation})
	d.changed = true
	d.joinOthers()
	return ""
}

// joinOthers adds, in the order of their ids, further processes that want to join and
// are linked to every member, to this process and to those added before. Without it,
// many that start together would join one by one, each making the proposals of all
// others fail. A report of links may be a round old; a link that has broken since is
// reported like any member's.
func (d *draft) joinOthers() {
	says := make(map[string]*links, len(d.leases))
	for id, l := range d.leases {
		says[id] = metaOf(l).Links
	}
	linked := func(a, b string) bool {
		x, y := says[a], says[b]
		return x != nil && y != nil && !slices.Contains(x.Lacks, b) && !slices.Contains(y.Lacks, a)
	}
	for _, id := range slices.Sorted(maps.Keys(d.leases)) {
		l := d.leases[id]
		if l.Expired || says[id] == nil || !says[id].Joins || !d.w.reachable[id] || d.c.compatible(l.Lease) != nil {
			continue
		}
		if slices.ContainsFunc(d.members, func(n placement.Node) bool {
			return n.ID == id || n.ID != d.c.self.ID && !linked(id, n.ID)
		}) || slices.Contains(says[id].Lacks, d.c.self.ID) {
			continue
		}
		d.members = append(d.members, placement.Node{ID: id, Address: l.Address, Since: d.p.Record.Generation})
	}
}

// unlinked says to which members there is no link, and why, as far as that is known;
// empty when there are links to all of them.
func (d *draft) unlinked() string {
	var missing []placement.Node
	oneWay, before := true, true // all of them
	for _, n := range d.members {
		if !d.w.reachable[n.ID] {
			missing = append(missing, n)
			oneWay = oneWay && d.w.oneWay[n.ID]
			before = before && n.Address == d.c.self.Address
		}
	}
	if len(missing) == 0 {
		return ""
	}
	why := func(n placement.Node) string {
		if text := d.w.unlinked[n.ID]; text != "" || !d.w.oneWay[n.ID] || oneWay {
			return text
		}
		return "it does not reach this node"
	}
	same := len(missing) > 1 // the reason for all of them
	for _, n := range missing {
		same = same && why(n) != "" && why(n) == why(missing[0])
	}
	texts := make([]string, len(missing))
	for i, n := range missing {
		texts[i] = n.ID + " at " + n.Address
		if text := why(n); text != "" && !same {
			texts[i] += " (" + text + ")"
		}
	}
	if same {
		texts[len(texts)-1] += " (each: " + why(missing[0]) + ")"
	}
	waiting := "no link to " + strings.Join(texts, ", ")
	switch {
	case oneWay:
		waiting += ": this node reaches them, and they do not reach it at " + d.c.self.Address + " (cluster.advertise)"
	case before && d.c.self.Address != "":
		waiting += ", which is this node's own address: the one that ran here before goes when its lease is over, another one needs an address of its own (cluster.advertise)"
	}
	return waiting
}
