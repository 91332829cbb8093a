package actors

import (
	"cmp"
	"context"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/corrillo/corrillo/actors/away"
	"github.com/corrillo/corrillo/actors/locator"
	"github.com/corrillo/corrillo/actors/message"
	"github.com/corrillo/corrillo/actors/outbox"
	"github.com/corrillo/corrillo/actors/placement"
	"github.com/corrillo/corrillo/actors/whereabouts"
)

// ClusterOptions are what a node needs of the links to the others. All parts
// without a default must be set.
type ClusterOptions struct {
	// Grace is how long a node that was taken out may take to notice: others take
	// over from it after that. 0: it does at once.
	Grace time.Duration
	// Send takes an item for another node, or refuses it, with ErrOverloaded when
	// it may take it later, with ErrNotLinked when that is not for want of room; it
	// does not block.
	// Items for one node arrive once and in order, for as long as both live.
	Send func(node string, item []byte) error
	// MaxItem is how many bytes an item may have. Default 8 MiB.
	MaxItem int
	// Adopt takes a newer view than this node's that another one has told of.
	// Switch has been called with it, or with a later one, when it returns.
	Adopt func(placement.View)
	// Newer is told that there is a view that this node does not know of yet.
	Newer func()
	// Valid reports whether this node's lease counts as valid: what it owns is
	// not its own otherwise, whatever its view says.
	Valid func() bool
	// Undisputed reports whether no other node can have taken over from this one:
	// pages are refused otherwise. Default: Valid.
	Undisputed func() bool
	// Status describes this node for people, as one JSON object.
	Status func() []byte
}

// ErrOverloaded says that a bound was met; retryable.
var ErrOverloaded = message.ErrOverloaded

// ErrNotLinked is an ErrOverloaded: there is no link to the node yet, or any more.
var ErrNotLinked = message.ErrNotLinked

// cluster is a System's part in a cluster.
type cluster struct {
	o       *ClusterOptions
	out     *outbox.Outbox
	carrier *away.Carrier
	where   *whereabouts.Whereabouts

	switching sync.Mutex
	others    atomic.Pointer[[]string] // the other nodes, never changed

	asks    asks
	strays  atomic.Int64 // items that could not be understood
	refused atomic.Int64 // commands of other nodes for which there was no room
}

func (s *System) joinCluster(o *ClusterOptions, where *whereabouts.Whereabouts) *cluster {
	if o.Undisputed == nil {
		o.Undisputed = o.Valid
	}
	c := &cluster{o: o, out: outbox.New(o.Send, cmp.Or(o.MaxItem, 8<<20), s.o.Log), asks: asks{waiting: map[uint64]ask{}}, where: where}
	c.carrier = away.New(away.Options{
		Send: c.out.Try, Must: c.out.Must, EventsPerSecond: s.o.EventsPerSecond, Burst: s.o.EventsBurst, Log: s.o.Log,
	})
	s.spread.Out, s.spread.Others = c.out, s.others
	s.spread.Whereabouts = c.where
	s.locator.UseCluster(locator.ClusterOptions{
		Self: s.hub.Node(), Out: c.out, LastWords: where.Flush, Interests: s.interests, Announcement: s.announcement,
		Ready: s.passLanes, Pass: s.passToLane, TooMuch: s.tooEarly, Grace: o.Grace, Newer: o.Newer, NotThere: s.notThere, Refuse: s.refuse, Log: s.o.Log,
	})
	return c
}

// tell sends another node what must reach it.
func (c *cluster) tell(node string, m any) { c.out.Must(node, m) }

// tellNode sends a node, which may be this one, what must reach it.
func (s *System) tellNode(node string, m any) {
	if node == s.hub.Node() {
		s.take(node, m)
		return
	}
	s.cluster.tell(node, m)
}

// Switch goes on to a newer view of the cluster; an older one changes nothing.
func (s *System) Switch(v placement.View) {
	s.cluster.switching.Lock()
	defer s.cluster.switching.Unlock()
	before := s.locator.View()
	if v.Generation <= before.Generation {
		return
	}
	// Before this node says that it has switched: who hears of that may have
	// people on a node that is new.
	s.cluster.remember(s.hub.Node(), &v)
	s.locator.Switch(v)
	// After it: who is asked must know of this node.
	s.cluster.where.Members(s.others())
	s.o.Log.Info("the cluster has changed", "generation", v.Generation, "nodes", len(v.Nodes))
	for _, n := range before.Nodes {
		if !v.Has(n.ID) {
			s.cluster.asks.fail(n.ID)
			s.cluster.carrier.NodeLeft(n.ID)
		}
	}
}

// View returns the view that the node acts under.
func (s *System) View() placement.View { return s.locator.View() }

// mine reports whether an id belongs to this node. A conversation that does not
// is never activated here: that would fence the node that has it.
func (s *System) mine(k locator.Kind, id string) bool {
	return s.cluster == nil || s.cluster.o.Valid() && s.locator.Owner(k, id) == s.hub.Node()
}

// undisputed reports whether no other node can have what this one has.
func (s *System) undisputed() bool { return s.cluster == nil || s.cluster.o.Undisputed() }

// moved reports whether the actor of an id was asked to hand off; the id may have
// come home since.
func (s *System) moved(k locator.Kind, id string) bool { return s.locator.Leaving(k, id) }

// others names the other nodes. The result is not changed.
func (s *System) others() []string {
	if s.cluster == nil {
		return nil
	}
	if all := s.cluster.others.Load(); all != nil {
		return *all
	}
	return nil
}

// remember notes who the other nodes are under a view.
func (c *cluster) remember(self string, v *placement.View) {
	others := make([]string, 0, len(v.Nodes))
	for i := range v.Nodes {
		if id := v.Nodes[i].ID; id != self {
			others = append(others, id)
		}
	}
	c.out.Only(others)
	c.others.Store(&others)
}

// elsewhere is the other node that a pid names, "" when it names none.
func (s *System) elsewhere(pid string) string {
	if s.cluster == nil {
		return ""
	}
	node, _, found := strings.Cut(pid, ".")
	if v := s.locator.View(); !found || node == s.hub.Node() || !v.Has(node) {
		return ""
	}
	return node
}

// Choked reports whether another node takes so much less than there is to tell it
// that the cluster is to go on without it.
func (s *System) Choked(node string) bool { return s.cluster.out.Choked(node) }

// Routing returns the counts of what moves between nodes.
func (s *System) Routing() placement.Stats { return s.locator.Routing() }

// HandedOff returns when this node has given up everything that is not its own
// under its view, or when ctx ends.
func (s *System) HandedOff(ctx context.Context) error {
	return s.await(ctx, func() bool {
		r := s.locator.Routing()
		return r.Leaving+r.HeldIDs == 0
	})
}
