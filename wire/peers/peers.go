package peers

import (
	"context"
	"crypto/tls"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"google.golang.org/grpc"
)

// Peers are the links of this node to all others.
type Peers struct {
	o        Options
	listener net.Listener
	dialing  *tls.Config
	links    *grpc.Server
	requests *http.Server
	forward  *http.Transport
	began    time.Time

	// ctx ends when Close has sent what it could.
	ctx    context.Context
	stop   context.CancelCauseFunc
	wg     sync.WaitGroup
	closed atomic.Bool

	all atomic.Pointer[map[string]*peer] // by id; the map is never changed, only replaced under mu

	mu      sync.Mutex
	removed memory // ids of nodes that Set has dropped after items were exchanged

	changed chan struct{} // wakes tell: a link went up or down
	drained chan struct{} // wakes drain: a queue was emptied
	said    limiter
	count   counts
}

// New listens on the nodes' port. It dials nobody before Set. Only the values of ctx
// are used: it does not end the links, Close does. When New fails it leaves nothing
// open, o.Listener included.
func New(ctx context.Context, o Options) (*Peers, error) {
	if err := o.withDefaults(); err != nil {
		if o.Listener != nil {
			_ = o.Listener.Close()
		}
		return nil, err
	}
	if o.Listener == nil {
		l, err := (&net.ListenConfig{}).Listen(ctx, "tcp", o.Listen)
		if err != nil {
			return nil, fmt.Errorf("listen for other nodes: %w", err)
		}
		o.Listener = l
	}
	if o.Address == "" {
		o.Address = o.Listener.Addr().String()
	}
	p := &Peers{
		o: o, listener: o.Listener, began: time.Now(),
		changed: make(chan struct{}, 1), drained: make(chan struct{}, 1),
	}
	ctx, p.stop = context.WithCancelCause(context.WithoutCancel(ctx))
	p.ctx = ctx
	p.all.Store(&map[string]*peer{})
	var accepting *tls.Config
	accepting, p.dialing = o.Identity.configs(o.Node)
	p.links = p.newLinkServer()
	p.requests = p.newRequestServer()
	p.forward = p.newForwardTransport()

	links, requests := newLane(p.listener.Addr()), newLane(p.listener.Addr())
	p.wg.Go(func() { p.accept(ctx, accepting, links, requests) })
	p.wg.Go(func() { _ = p.links.Serve(links) })
	p.wg.Go(func() { _ = p.requests.Serve(requests) })
	p.wg.Go(p.tell)
	return p, nil
}

// Addr returns the address of the listener.
func (p *Peers) Addr() net.Addr { return p.listener.Addr() }

// Set sets which nodes are in the cluster; this node may be among them. The link to
// a node that is no longer among them ends, and what is queued for it is lost. If
// items were ever exchanged with it, it is not accepted again under this id: a
// process that comes back has a new one.
func (p *Peers) Set(nodes []Peer) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed.Load() {
		return
	}
	before := *p.all.Load()
	after := make(map[string]*peer, len(nodes))
	for _, n := range nodes {
		switch pr := before[n.ID]; {
		case n.ID == p.o.Node:
		case p.removed.has(n.ID):
			p.quietly("again "+n.ID, func() {
				p.o.Log.Warn("a node that had left the cluster is said to be in it again", "node", n.ID)
			})
		case pr != nil:
			after[n.ID] = pr
			pr.isMember(n)
		default:
			after[n.ID] = p.newPeer(n, true)
			p.wg.Go(after[n.ID].dial)
		}
	}
	for id, pr := range before {
		switch {
		case after[id] != nil:
		case pr.guest():
			after[id] = pr
		default:
			if pr.used() {
				p.removed.add(id)
			}
			pr.end(errRemoved)
		}
	}
	p.all.Store(&after)
}

// Send queues an item for a node and takes it over. It never waits. An error, one of
// the package's, says that the item was not taken.
func (p *Peers) Send(node string, item []byte) error {
	if len(item) > MaxItem {
		return ErrTooLarge
	}
	pr := (*p.all.Load())[node]
	if pr == nil {
		return ErrNotMember
	}
	return pr.out.send(item)
}

// Beat sends a beat to all other nodes at once, as when Options.Lease has changed.
func (p *Peers) Beat() {
	for _, pr := range *p.all.Load() {
		pr.out.tell()
		pr.mu.Lock()
		came := pr.came
		pr.mu.Unlock()
		if came != nil {
			came.due.Store(true)
			came.poke()
		}
	}
}

// peer returns a node by its id, nil if it is unknown.
func (p *Peers) peer(id string) *peer { return (*p.all.Load())[id] }

// guests bounds how many nodes may be connected that are not in the cluster.
const guests = 64

// admit returns the peer of a node that has dialed this one. One that is not in the
// cluster may be about to join, so it becomes a guest: it is dialed too, for as long
// as it stays connected, and both see whether they reach each other.
func (p *Peers) admit(h Hello) (*peer, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	before := *p.all.Load()
	switch {
	case p.removed.has(h.Node):
		return nil, fmt.Errorf("node %q is no longer in the cluster", h.Node)
	case before[h.Node] != nil:
		return before[h.Node], nil
	case p.closed.Load():
		return nil, fmt.Errorf("node %q is going away", p.o.Node)
	case h.Address == "":
		return nil, fmt.Errorf("node %q does not say where it is", h.Node)
	}
	n := 0
	after := make(map[string]*peer, len(before)+1)
	for id, pr := range before {
		after[id] = pr
		if pr.guest() {
			n++
		}
	}
	if n >= guests {
		return nil, fmt.Errorf("%d nodes that are not in the cluster are connected to node %q already", n, p.o.Node)
	}
	pr := p.newPeer(Peer{ID: h.Node, Address: h.Address}, false)
	p.wg.Go(pr.dial)
	after[h.Node] = pr
	p.all.Store(&after)
	return pr, nil
}

// release forgets a guest that is no longer connected.
func (p *Peers) release(gone *peer) {
	p.mu.Lock()
	defer p.mu.Unlock()
	before := *p.all.Load()
	if before[gone.id] != gone || !gone.idleGuest() {
		return
	}
	after := make(map[string]*peer, len(before))
	for id, pr := range before {
		if pr != gone {
			after[id] = pr
		}
	}
	p.all.Store(&after)
	gone.end(errGone)
}

// poke asks for a call of Options.Changed.
func (p *Peers) poke() {
	select {
	case p.changed <- struct{}{}:
	default:
	}
}

// tell calls Options.Changed when poke has asked for it.
func (p *Peers) tell() {
	for {
		select {
		case <-p.changed:
			p.guarded("Changed", p.o.Changed)
		case <-p.ctx.Done():
			return
		}
	}
}

// pause waits, and reports false when p.ctx has ended meanwhile.
func (p *Peers) pause(d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-p.ctx.Done():
		return false
	}
}

// quietly calls say, which logs something, at most once a minute for each what.
func (p *Peers) quietly(what string, say func()) {
	if p.said.may(what, time.Now()) {
		say()
	}
}

// guarded calls do, and logs a panic in it instead of passing it on.
func (p *Peers) guarded(where string, do func()) {
	defer func() {
		if r := recover(); r != nil {
			p.panicked(where, r)
		}
	}()
	do()
}

// log returns a logger for what concerns one node.
func (p *Peers) log(node string) *slog.Logger { return p.o.Log.With("node", node) }
