package peers

import (
	"cmp"
	"errors"
	"log/slog"
	"net"
	"net/http"
	"time"
)

// What Send may answer.
var (
	// ErrFull: as much waits for the node as may wait. The item was not taken.
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

// Options is what links are made with. Node, Cluster, Identity, Receive and
// one of Listen and Listener are needed.
type Options struct {
	Node     string       // the id of this process, fresh for each start
	Listen   string       // host:port
	Listener net.Listener // instead of Listen; New owns it
	Address  string       // host:port at which other nodes reach this one; that of the listener
	Identity *Identity

	Cluster    string            // its name: nodes of another one are refused
	Protocol   Range             // versions of what items say; those of two nodes must meet
	Schema     int               // version of the tables; told to the others
	Build      string            // version of the program; told to the others
	Compatible func(Hello) error // says in words why a node with such versions is refused; may be nil

	// Receive takes an item. For one node it is called with one after the
	// other, in the order in which they were sent, also while other calls are
	// for other nodes. It owns the item. It may take its time: the node that
	// sends is held up then, and at last gets ErrFull. After a node was left out
	// of a Set, one call that had begun may still be on.
	Receive func(from string, item []byte)
	// HTTP gets requests of clients that other nodes pass on; see ForwardedBy.
	// Nil answers 404.
	HTTP http.Handler
	// Changed is called after a link went up or down, or several did. It is
	// never called twice at a time. May be nil.
	Changed func()
	// Lease says whether this node's lease is valid now; all others are told
	// with each beat. Nil is always.
	Lease func() bool

	MaxItems int           // that wait for one node; 100,000
	MaxBytes int           // of those; 64 MiB
	Beat     time.Duration // between signs of life; 1 s, or a third of Silence if that is less
	Silence  time.Duration // after which a connection is given up; 3 s
	Log      *slog.Logger  // slog.Default()

	// handshake is how long that of a connection that comes in may take: other
	// than handshakeTime only in tests whose machine has too much to do.
	handshake time.Duration
}

// Range is versions from Min to Max. The zero Range is version 1.
type Range struct{ Min, Max uint32 }

// Hello is what a node says of itself when a connection begins.
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
	Leaving bool   // it goes soon, and its link with it: that is no trouble
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
