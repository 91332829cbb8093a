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

	// ctx is over when Close has sent what it could.
	ctx    context.Context
	stop   context.CancelCauseFunc
	wg     sync.WaitGroup
	closed atomic.Bool

	all atomic.Pointer[map[string]*peer] // never changed, only replaced under mu

	mu      sync.Mutex
	removed memory // ids of nodes that were left out

	changed chan struct{} // a link went up or down
	drained chan struct{} // a queue was emptied
	said    limiter
	count   counts
}

// New listens, and answers nodes; it has no links before Set. Of ctx only the
// values matter: Close ends the links. When New fails nothing is left open, the
// listener of o included.
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

// Addr is what is listened at.
func (p *Peers) Addr() net.Addr { return p.listener.Addr() }

// Set says who the nodes of the cluster are. This node may be among them. A
// node that is not among them any more loses its link and everything in it; if
// there was anything in it ever, it is not taken again: a process that comes
// back has a new id.
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

// Send gives an item to a node. It owns the item from then on. It never waits;
// an error says that the item was not taken.
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

// Beat tells all others at once what the next beat would tell them.
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

// guests is how many nodes may be connected that are not in the cluster.
const guests = 64

// admit finds the node that has dialed. One that is not in the cluster may be
// about to join: it is dialed in turn for as long as it is connected, so that
// both see whether they reach each other.
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

// release lets go of a node that is not in the cluster and has gone.
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

// poke has Changed called.
func (p *Peers) poke() {
	select {
	case p.changed <- struct{}{}:
	default:
	}
}

// tell calls Changed.
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

// pause waits, and reports false when it is all over.
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

// quietly says something once a minute at most.
func (p *Peers) quietly(what string, say func()) {
	if p.said.may(what, time.Now()) {
		say()
	}
}

// guarded keeps a panic from the process.
func (p *Peers) guarded(where string, do func()) {
	defer func() {
		if r := recover(); r != nil {
			p.panicked(where, r)
		}
	}()
	do()
}

// log is for what concerns one node.
func (p *Peers) log(node string) *slog.Logger { return p.o.Log.With("node", node) }
