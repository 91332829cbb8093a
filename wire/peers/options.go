package peers

import (
	"cmp"
	"errors"
	"log/slog"
	"net"
	"net/http"
	"time"
)

// The errors of Send.
var (
	// ErrFull: MaxItems or MaxBytes wait for the node. The item was not taken.
	ErrFull = errors.New("too much waits for this node")
	// ErrNotMember: the node was not in the last Set. The item was not taken.
	ErrNotMember = errors.New("not a node of the cluster")
	// ErrTooLarge: the item has more than MaxItem bytes. It was not taken.
	ErrTooLarge = errors.New("too large for a link")
	// ErrClosed: Close was called. The item was not taken.
	ErrClosed = errors.New("the links are closed")
)

// MaxItem is how many bytes an item has at most.
const MaxItem = 8 << 20

// Options are the parameters of New. Node, Cluster, Identity, Receive and one of
// Listen and Listener are needed.
type Options struct {
	Node     string       // the id of this process, new with each start
	Listen   string       // host:port
	Listener net.Listener // used instead of Listen; New takes it over
	Address  string       // host:port at which other nodes reach this one; default: the listener's
	Identity *Identity

	Cluster    string            // name of the cluster: nodes of another one are refused
	Protocol   Range             // versions of the content of items; those of two nodes must overlap
	Schema     int               // version of the tables, for the other nodes to know
	Build      string            // version of the program, for the other nodes to know
	Compatible func(Hello) error // says why a node is to be refused, nil if it is not; may be nil

	// Receive takes an item and owns it. The items of one node come one at a time,
	// in the order in which they were sent; calls for different nodes may overlap. A
	// call may take its time: the sender's queue fills up meanwhile, and in the end
	// its Send returns ErrFull. After Set has dropped a node, one call that had
	// begun may still be running.
	Receive func(from string, item []byte)
	// HTTP handles requests of clients that other nodes pass on; see ForwardedBy.
	// When nil they are answered 404.
	HTTP http.Handler
	// Changed is called after links have gone up or down, once for one or several
	// changes, never twice at a time. May be nil.
	Changed func()
	// Lease reports whether this node's lease is valid now; each beat tells the
	// other nodes. When nil it always is.
	Lease func() bool

	MaxItems int           // bound on items that wait for one node; default 100,000
	MaxBytes int           // bound on their bytes; default 64 MiB
	Beat     time.Duration // time between signs of life; default 1 s, or Silence/3 if that is less
	Silence  time.Duration // time without one after which a connection is given up; default 3 s
	Log      *slog.Logger  // default slog.Default()

	// handshake bounds the TLS handshake of a connection that comes in. It is
	// handshakeTime except in tests, on machines that may be slow.
	handshake time.Duration
}

// Range is the versions from Min to Max. The zero Range stands for version 1 alone.
type Range struct{ Min, Max uint32 }

// Hello is what a node says of itself when a link begins.
type Hello struct {
	Cluster  string
	Node     string
	Address  string
	Protocol Range
	Schema   int
	Build    string
}

// Peer is a node of the cluster.
type Peer struct {
	ID      string
	Address string // host:port
	Leaving bool   // it is shutting down: the loss of its link is not worth a warning
}

func (o *Options) withDefaults() error {
	switch {
	case o.Node == "":
		return errors.New("links between nodes: this node has no id")
	case o.Identity == nil:
		return errors.New("links between nodes: neither a shared secret nor certificates")
	case o.Receive == nil:
		return errors.New("links between nodes: nobody takes items")
	case o.Protocol.Min > o.Protocol.Max:
		return errors.New("links between nodes: a range of versions that ends before it begins")
	}
	if o.Protocol == (Range{}) {
		o.Protocol = Range{1, 1}
	}
	if o.HTTP == nil {
		o.HTTP = http.NotFoundHandler()
	}
	if o.Changed == nil {
		o.Changed = func() {}
	}
	if o.Compatible == nil {
		o.Compatible = func(Hello) error { return nil }
	}
	if o.Lease == nil {
		o.Lease = func() bool { return true }
	}
	o.MaxItems = cmp.Or(o.MaxItems, 100_000)
	o.MaxBytes = cmp.Or(o.MaxBytes, 64<<20)
	o.Silence = cmp.Or(o.Silence, 3*time.Second)
	o.Beat = cmp.Or(o.Beat, min(time.Second, o.Silence/3))
	o.Log = cmp.Or(o.Log, slog.Default())
	o.handshake = cmp.Or(o.handshake, handshakeTime)
	return nil
}
