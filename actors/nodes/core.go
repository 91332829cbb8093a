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

// ErrLost is wrapped by every error that says why this process is no longer a
// member.
var ErrLost = errors.New("this node is no longer a member of the cluster")

// core is what this process knows of itself and of the cluster, and decides by it.
// It is pure: every time that it is given is one monotonic clock's, counted from
// any zero.
type core struct {
	self       placement.Node
	ttl        time.Duration
	compatible func(repo.Lease) error

	lease   lease
	lapse   lapse
	reports reports
	leaving bool

	view placement.View // the newest that this process is in; zero before it is a member
	// others are further nodes to have links with, as last read from the registry:
	// those with a lease that are no members yet, and, while this process is none,
	// all members.
	others []placement.Node
	// known are the ids of all other nodes that the last read of the registry found,
	// in the record or with a lease, expired or not; nil before the first read. unfit
	// are those of them that Options.Compatible refuses.
	known map[string]bool
	unfit map[string]bool
	up    map[string]bool // the nodes to which there was a link at the last look
}

// world is what the links to other nodes show at one moment. See the functions of
// Options that each field is named after.
type world struct {
	reachable map[string]bool
	oneWay    map[string]bool
	unlinked  map[string]string
	peerLease map[string]leaseHeard // of the other nodes of the view
}

type leaseHeard struct{ valid, known bool }

func (c *core) member() bool { return c.view.Generation > 0 }

// meta is the JSON in a lease that the Keepers of other nodes read.
type meta struct {
	Leaving bool     `json:"leaving,omitempty"` // the node wants to own nothing
	Broken  []string `json:"broken,omitempty"`  // members that it has had no link to for a TTL
	Links   *links   `json:"links,omitempty"`   // nil in the lease of an older version
}

// links is what a process reports of its links, once it has read the registry since it
// took its lease. So of two processes that report, at least one knows of the other, and
// they are linked if neither of them lists the other in Lacks.
type links struct {
	Joins bool     `json:"joins,omitempty"` // it is no member and wants to become one
	Lacks []string `json:"lacks,omitempty"` // nodes it knows of and has no link to, or that do not fit it
}

// metaOf decodes the meta of a lease. One that cannot be decoded, perhaps since a
// later version wrote it, counts as empty.
func metaOf(l *repo.LeaseSeen) (m meta) {
	if json.Unmarshal(l.Meta, &m) != nil {
		return meta{}
	}
	return m
}

// meta returns the meta for this process's own lease.
func (c *core) meta(now time.Duration) []byte {
	text, err := json.Marshal(meta{Leaving: c.leaving, Broken: c.reports.broken(now, c.ttl), Links: c.links()})
	if err != nil || len(text) > repo.MaxNodeMeta {
		return nil
	}
	return text
}

// links returns this process's report of its links, nil before it has read the registry.
func (c *core) links() *links {
	if c.known == nil {
		return nil
	}
	l := &links{Joins: !c.member() && !c.leaving}
	for id := range c.known {
		if !c.up[id] || c.unfit[id] {
			l.Lacks = append(l.Lacks, id)
		}
	}
	slices.Sort(l.Lacks)
	return l
}

// look takes in what the links show.
func (c *core) look(now time.Duration, w *world) {
	c.up = w.reachable
	c.reports.look(now, &c.view, c.self.ID, w.reachable)
}

// read takes in what the registry holds, and reports whether that brought a new
// view. since is the generation of this process's view when the registry was asked.
// An error wraps ErrLost.
func (c *core) read(now time.Duration, got *repo.Registered, since uint64) (changed bool, err error) {
	c.lease.heard(now, got.Now)
	record := viewOf(&got.Record)
	if c.member() && record.Generation < since {
		return false, fmt.Errorf("%w: the registry has gone back from generation %d to %d", ErrLost, since, record.Generation)
	}
	changed, err = c.adopt(record)
	c.others = c.others[:0:0]
	c.known, c.unfit = map[string]bool{}, map[string]bool{}
	for i := range record.Nodes {
		c.known[record.Nodes[i].ID] = true
	}
	for i := range got.Leases {
		l := &got.Leases[i]
		c.known[l.ID] = true
		if !c.member() && l.ID != c.self.ID && c.compatible(l.Lease) != nil {
			c.unfit[l.ID] = true
		}
		if !l.Expired && l.ID != c.self.ID && !record.Has(l.ID) {
			c.others = append(c.others, placement.Node{ID: l.ID, Address: l.Address})
		}
	}
	delete(c.known, c.self.ID)
	if !c.member() {
		c.others = append(c.others, record.Nodes...)
	}
	return changed, err
}

// adopt takes in a view, from the registry or from another node, and reports
// whether it is newer than the one before. An error wraps ErrLost.
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

// contradicts reports whether v has the same generation as this process's view and
// yet differs from it.
func (c *core) contradicts(v *placement.View) bool {
	return c.member() && v.Generation == c.view.Generation && !slices.Equal(v.Nodes, c.view.Nodes)
}

// connect returns the nodes that this process is to have links with, ascending by
// id.
func (c *core) connect() []placement.Node {
	all := slices.Concat(c.view.Nodes, c.others) // a node that is in both counts as in the view
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
