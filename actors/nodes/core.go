package nodes

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/corrillo/corrillo/actors/placement"
	"github.com/corrillo/corrillo/repo"
)

// ErrLost begins every reason for which a process is a member no longer.
var ErrLost = errors.New("this node is no longer a member of the cluster")

// core is what a process knows of itself and the cluster, and what follows from
// it. It is pure: times are of one monotonic clock that everyone who calls
// shares, from any zero.
type core struct {
	self       placement.Node
	ttl        time.Duration
	compatible func(repo.Lease) error

	lease   lease
	lapse   lapse
	reports reports
	leaving bool

	view placement.View // with this process in it, or the zero one
	// others are those who may become members, as last read: leases that live
	// and are not of the record, and, before this process is a member, the
	// record's members.
	others []placement.Node
}

// world is what links say at a moment.
type world struct {
	reachable map[string]bool
	oneWay    map[string]bool
	unlinked  map[string]string
	// peerLease as Options.PeerLease, of the view's nodes.
	peerLease map[string]leaseHeard
}

type leaseHeard struct{ valid, known bool }

func (c *core) member() bool { return c.view.Generation > 0 }

// meta is what a lease carries for other keepers.
type meta struct {
	Leaving bool     `json:"leaving,omitempty"`
	Broken  []string `json:"broken,omitempty"` // members without a link for a whole TTL
}

// metaOf reads what a later version may have written otherwise: what is not
// understood says nothing.
func metaOf(l *repo.LeaseSeen) (m meta) {
	if json.Unmarshal(l.Meta, &m) != nil {
		return meta{}
	}
	return m
}

// meta is what this process has to say.
func (c *core) meta(now time.Duration) []byte {
	text, err := json.Marshal(meta{Leaving: c.leaving, Broken: c.reports.broken(now, c.ttl)})
	if err != nil || len(text) > repo.MaxNodeMeta {
		return nil
	}
	return text
}

// look takes in what links say.
func (c *core) look(now time.Duration, w *world) {
	c.reports.look(now, &c.view, c.self.ID, w.reachable)
}

// read takes in what the registry holds. since is the generation of the view
// when it was asked. An error wraps ErrLost.
func (c *core) read(now time.Duration, got *repo.Registered, since uint64) (changed bool, err error) {
	c.lease.heard(now, got.Now)
	record := viewOf(&got.Record)
	if c.member() && record.Generation < since {
		return false, fmt.Errorf("%w: the registry has gone back from generation %d to %d", ErrLost, since, record.Generation)
	}
	changed, err = c.adopt(record)
	c.others = c.others[:0:0]
	for i := range got.Leases {
		l := &got.Leases[i]
		if !l.Expired && l.ID != c.self.ID && !record.Has(l.ID) {
			c.others = append(c.others, placement.Node{ID: l.ID, Address: l.Address})
		}
	}
	if !c.member() {
		c.others = append(c.others, record.Nodes...)
	}
	return changed, err
}

// adopt takes a view in, whoever told of it, and reports whether it is new. An
// error wraps ErrLost.
func (c *core) adopt(v placement.View) (bool, error) {
	switch {
	case c.contradicts(&v):
		return false, fmt.Errorf("%w: the registry has lost a generation %d, and has made another one", ErrLost, v.Generation)
	case v.Generation <= c.view.Generation:
		return false, nil
	}
	self, inside := v.Node(c.self.ID)
	if !c.member() {
		if !inside {
			return false, nil
		}
		c.view, c.self.Since = v, self.Since
		return true, nil
	}
	if !inside || self.Since != c.self.Since {
		return false, fmt.Errorf("%w: it was taken out by generation %d", ErrLost, v.Generation)
	}
	c.view = v
	return true, nil
}

// contradicts reports whether v is another view of the generation that this
// process is in.
func (c *core) contradicts(v *placement.View) bool {
	return c.member() && v.Generation == c.view.Generation && !slices.Equal(v.Nodes, c.view.Nodes)
}

// connect is whom to be linked with, ascending by id.
func (c *core) connect() []placement.Node {
	all := slices.Concat(c.view.Nodes, c.others) // of two of one id the view's comes first
	slices.SortStableFunc(all, func(a, b placement.Node) int { return strings.Compare(a.ID, b.ID) })
	all = slices.CompactFunc(all, func(a, b placement.Node) bool { return a.ID == b.ID })
	return slices.DeleteFunc(all, func(n placement.Node) bool { return n.ID == c.self.ID })
}

func viewOf(r *repo.ClusterRecord) placement.View {
	nodes := make([]placement.Node, len(r.Members))
	for i, m := range r.Members {
		nodes[i] = placement.Node{ID: m.ID, Address: m.Address, State: placement.State(m.State), Since: m.Since}
	}
	return placement.NewView(r.Generation, nodes)
}
