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
	// room for it or there is no such node. It never blocks and takes the message
	// over. Calls of Send and Must by one goroutine keep their order.
	Send func(node string, m any) error
	// Must sends a message now or as soon as there is room. At most three are sent
	// for a connection.
	Must func(node string, m any)
	// Within is how long a client waits for an answer of its session's node.
	// Default: 1 s.
	Within time.Duration
	// EventsPerSecond and Burst are the limits that a session sets its client. Twice
	// as much closes the connection on this node already, so that a client cannot
	// fill the link with events that its session would refuse. 0: no limit.
	EventsPerSecond float64
	Burst           int
	// Log is where panics of sessions are logged. Default: nowhere.
	Log *slog.Logger
}

// Carrier holds a node's carried connections of both kinds: here, sockets of this
// node whose session lives on another; there, sessions of this node whose socket is
// on another. It is safe for concurrent use; messages from one node must be given to
// it in order, one at a time.
type Carrier struct {
	o    Options
	last atomic.Uint64 // the number of the newest connection of this node

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

// Take handles a message from another node, and reports whether it is one of this
// package's. ConnOpened is not: it goes to Accept.
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

// answered calls do with the connection of that number whose session is on the node
// from, unless it has ended meanwhile.
func (c *Carrier) answered(from string, number uint64, do func(*here)) {
	if h := find(&c.mu, c.here, from, number); h != nil {
		do(h)
	}
}

// NodeLeft ends everything that was carried to and from a node that is gone. Clients
// of this node whose session was there are closed, so that they come back; those
// that still waited for it get a new session here. Sessions of this node whose
// client was there have lost their connection. From now on Open treats that node as
// having no sessions.
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

// Drain closes up to most of the connections that other nodes carry to sessions of
// this node, with CloseDraining. It returns how many there were, those included
// that are being closed but are not gone yet.
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
	Here       int   // sockets of this node whose session is on another, or that wait to hear
	There      int   // sessions of this node whose socket is on another
	Opened     int64 // sockets of this node that have recovered a session of another
	Refused    int64 // sockets of this node that got a new session instead
	Closed     int64 // sockets counted by Opened that have ended
	Overloaded int64 // connections of either kind that were closed since the link had no room
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

// guard, deferred, recovers a panic of a session, logs it and calls end, which ends
// the session's connection. Without it the goroutine would die that takes in the
// messages of a node for all sessions.
func (c *Carrier) guard(doing string, end func()) {
	if v := recover(); v != nil {
		c.o.Log.Error("panic in a session", "doing", doing, "panic", v, "stack", string(debug.Stack()))
		end()
	}
}

// put stores an entry. It reports false, and does not, when its node has left.
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

// take removes an entry and returns it.
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

// departed remembers the nodes that left last, since messages of theirs may still
// be on their way. A node's id is never used again.
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
