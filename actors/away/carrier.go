package away

import (
	"log/slog"
	"runtime/debug"
	"sync"
	"sync/atomic"
	"time"

	"github.com/corrillo/corrillo/actors/message"
	"github.com/corrillo/corrillo/wire"
)

// Options make a Carrier. Send and Must are needed.
type Options struct {
	// Send sends a message to a node, or returns an error when the link has no
	// room for it or there is no such node. It never blocks, takes the message
	// over, and keeps the order, with Must, of one goroutine's calls.
	Send func(node string, m any) error
	// Must sends a message as soon as there is room. Three of them at the most
	// are sent for a connection.
	Must func(node string, m any)
	// Within is how long a client waits for the node of its session. Default
	// 1 s.
	Within time.Duration
	// EventsPerSecond and Burst are what a session allows its client. Twice as
	// much closes a connection here, so that nobody fills the link with what the
	// session would refuse. 0: no limit.
	EventsPerSecond float64
	Burst           int
	// Log. Default: nothing is logged.
	Log *slog.Logger
}

// Carrier has both halves of a node: connections whose session lives
// elsewhere, and sessions whose connection does. It is safe for concurrent
// use; what comes from one node is to be told it in order, one at a time.
type Carrier struct {
	o    Options
	last atomic.Uint64 // number of a connection here

	mu    sync.Mutex
	here  map[string]map[uint64]*here  // by the session's node
	there map[string]map[uint64]*there // by the socket's node
	gone  departed

	opened, refused, closed, overloaded atomic.Int64
}

// New makes a Carrier. There is nothing to close.
func New(o Options) *Carrier {
	if o.Within == 0 {
		o.Within = time.Second
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	return &Carrier{o: o, here: map[string]map[uint64]*here{}, there: map[string]map[uint64]*there{}}
}

// Take does what a message from another node says, and reports whether it is
// one of this package's. ConnOpened is not: see Accept.
func (c *Carrier) Take(from string, m any) bool {
	switch m := m.(type) {
	case *message.ConnWelcomed:
		c.answered(from, m.Conn, func(h *here) { h.welcomed(m.Welcome) })
	case *message.ConnRefused:
		c.answered(from, m.Conn, func(h *here) { h.refused() })
	case *message.ConnPushed:
		c.answered(from, m.Conn, func(h *here) { h.pushed(m) })
	case *message.ConnAcked:
		c.answered(from, m.Conn, func(h *here) { h.acked(m) })
	case *message.ConnClosing:
		c.answered(from, m.Conn, func(h *here) { h.closing(m.Reason) })
	case *message.ConnReceived:
		if t := find(&c.mu, c.there, from, m.Conn); t != nil {
			t.received(m.Event)
		}
	case *message.ConnEnded:
		if t := take(&c.mu, c.there, from, m.Conn); t != nil {
			t.ended(m.Reason)
		}
	default:
		return false
	}
	return true
}

// answered finds the connection that a message of its session's node is for.
// One that has ended meanwhile gets nothing more.
func (c *Carrier) answered(from string, number uint64, do func(*here)) {
	if h := find(&c.mu, c.here, from, number); h != nil {
		do(h)
	}
}

// NodeLeft ends what was carried to and from a node that is gone: clients here
// whose session lived there are closed so that they come back, those who still
// waited get a new session here, and sessions here have lost the clients that
// were there. From now on the node has no sessions.
func (c *Carrier) NodeLeft(node string) {
	c.mu.Lock()
	heres, theres := c.here[node], c.there[node]
	delete(c.here, node)
	delete(c.there, node)
	c.gone.add(node)
	c.mu.Unlock()
	for _, h := range heres {
		h.nodeLeft()
	}
	for _, t := range theres {
		t.nodeLeft()
	}
}

// Drain closes connections of sessions of this node, up to most of them, with
// CloseDraining, and returns how many are left, those included whose client
// has yet to go.
func (c *Carrier) Drain(most int) (left int) {
	c.mu.Lock()
	var all []*there
	for _, of := range c.there {
		for _, t := range of {
			all = append(all, t)
		}
	}
	c.mu.Unlock()
	for _, t := range all {
		if most > 0 && t.close(wire.CloseDraining) {
			most--
		}
	}
	return len(all)
}

// Stats is a snapshot: gauges of now, counters since the start.
type Stats struct {
	Here       int   // connections here whose session lives elsewhere, or may
	There      int   // sessions here whose connection is elsewhere
	Opened     int64 // connections here that took up their session elsewhere
	Refused    int64 // connections here that got a new session, for there was none or no answer
	Closed     int64 // connections here that had taken up a session elsewhere and have ended
	Overloaded int64 // connections, of either half, closed because the link had no room
}

// Stats returns a snapshot.
func (c *Carrier) Stats() Stats {
	s := Stats{Opened: c.opened.Load(), Refused: c.refused.Load(), Closed: c.closed.Load(), Overloaded: c.overloaded.Load()}
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, of := range c.here {
		s.Here += len(of)
	}
	for _, of := range c.there {
		s.There += len(of)
	}
	return s
}

// guard keeps a panic of a session to its connection: what comes from other
// nodes is taken by a goroutine that serves all of them.
func (c *Carrier) guard(doing string, end func()) {
	if v := recover(); v != nil {
		c.o.Log.Error("panic in a session", "doing", doing, "panic", v, "stack", string(debug.Stack()))
		end()
	}
}

// put keeps an entry; false: its node has left.
func put[T any](c *Carrier, in map[string]map[uint64]T, node string, number uint64, v T) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.gone.has(node) {
		return false
	}
	of := in[node]
	if of == nil {
		of = map[uint64]T{}
		in[node] = of
	}
	of[number] = v
	return true
}

func find[T any](mu *sync.Mutex, in map[string]map[uint64]T, node string, number uint64) T {
	mu.Lock()
	defer mu.Unlock()
	return in[node][number]
}

// take finds an entry and forgets it.
func take[T any](mu *sync.Mutex, in map[string]map[uint64]T, node string, number uint64) T {
	mu.Lock()
	defer mu.Unlock()
	of := in[node]
	v := of[number]
	if delete(of, number); len(of) == 0 {
		delete(in, node)
	}
	return v
}

// departed remembers the last nodes that have left: something of theirs may be
// on its way. A node's name does not come again.
type departed struct {
	nodes [64]string
	next  int
}

func (d *departed) add(node string) {
	d.nodes[d.next%len(d.nodes)] = node
	d.next++
}

func (d *departed) has(node string) bool {
	for _, n := range &d.nodes {
		if n == node {
			return true
		}
	}
	return false
}
