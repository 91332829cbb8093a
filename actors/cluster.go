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

// ClusterOptions connect a System to the other nodes. All fields without a default
// must be set.
type ClusterOptions struct {
	// Grace is how long a node that was taken out of the view may take to notice it:
	// the others take its ids over after that. 0: at once.
	Grace time.Duration
	// Send queues an item for another node without blocking, or refuses it. The
	// error wraps ErrOverloaded when the item may be taken later; it is ErrNotLinked
	// when there is no link at the moment. Items for one node arrive once and in
	// order, for as long as both nodes live.
	Send func(node string, item []byte) error
	// MaxItem bounds the size of an item, in bytes. Default 8 MiB.
	MaxItem int
	// Adopt is called with a newer view that another node has adopted. Before it
	// returns it must have called Switch with that view or a later one.
	Adopt func(placement.View)
	// Newer is called when another node has a view that this node has not seen, so
	// that it is read from the registry.
	Newer func()
	// Valid reports whether this node's lease is valid. While it is not, the node
	// treats nothing as its own, whatever its view says.
	Valid func() bool
	// Undisputed reports whether it is certain that no other node has taken over
	// from this one; otherwise pages are refused. Default: Valid.
	Undisputed func() bool
	// Status describes this node for `corrillo cluster status`, as one JSON object.
	Status func() []byte
}

// ErrOverloaded says that a bound was met; retryable.
var ErrOverloaded = message.ErrOverloaded

// ErrNotLinked is the ErrOverloaded that says that there is no link to a node at the
// moment.
var ErrNotLinked = message.ErrNotLinked

// cluster is what a System has beside its actors when there are other nodes.
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

// tell sends another node a message that must reach it.
func (c *cluster) tell(node string, m any) { c.out.Must(node, m) }

// tellNode sends a node, which may be this one, a message that must reach it.
func (s *System) tellNode(node string, m any) {
	if node == s.hub.Node() {
		s.take(node, m)
		return
	}
	s.cluster.tell(node, m)
}

// Switch adopts a view of the cluster. One that is not newer changes nothing.
func (s *System) Switch(v placement.View) {
	s.cluster.switching.Lock()
	defer s.cluster.switching.Unlock()
	before := s.locator.View()
	if v.Generation <= before.Generation {
		return
	}
	// This comes before the other nodes are told Switched: conversations that then
	// move here may have people on a node that is new.
	s.cluster.remember(s.hub.Node(), &v)
	s.locator.Switch(v)
	// This comes after it: nodes that are asked for their users must know this one.
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

// mine reports whether an id belongs to this node. A conversation that does not is
// never activated here, since that would fence the node which owns it.
func (s *System) mine(k locator.Kind, id string) bool {
	return s.cluster == nil || s.cluster.o.Valid() && s.locator.Owner(k, id) == s.hub.Node()
}

// undisputed is ClusterOptions.Undisputed; true when there are no other nodes.
func (s *System) undisputed() bool { return s.cluster == nil || s.cluster.o.Undisputed() }

// moved reports whether this node's actor of an id was asked to hand off. The id may
// belong to this node again since.
func (s *System) moved(k locator.Kind, id string) bool { return s.locator.Leaving(k, id) }

// others returns the ids of the other nodes. The slice must not be changed.
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

// elsewhere returns the other node whose session a pid names, "" when it names none.
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

// Choked reports whether another node takes so much less than is sent to it that the
// cluster is to go on without it.
func (s *System) Choked(node string) bool { return s.cluster.out.Choked(node) }

// Routing returns the counts of the messages and ids that move between nodes.
func (s *System) Routing() placement.Stats { return s.locator.Routing() }

// HandedOff returns when this node runs no actor any more that is not its own under
// its view, or when ctx ends.
func (s *System) HandedOff(ctx context.Context) error {
	return s.await(ctx, func() bool {
		r := s.locator.Routing()
		return r.Leaving+r.HeldIDs == 0
	})
}
