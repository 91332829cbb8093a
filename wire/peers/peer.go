package peers

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"
)

// Why the link of a node ends.
var (
	errRemoved = errors.New("it is no longer in the cluster")
	errGone    = errors.New("the link is no longer needed")
	errMoved   = errors.New("it has another address now")
	errNewer   = errors.New("it has connected anew")
	errSilent  = errors.New("nothing was heard for too long")
)

// peer is another node.
type peer struct {
	p    *Peers
	id   string
	ctx  context.Context // over when it has left
	end  context.CancelCauseFunc
	out  outbound
	in   inbound
	redo chan struct{} // dial now, it is there

	dials chan struct{} // connections for requests that are being made

	heard atomic.Int64 // when it last said something, since p.began
	rtt   atomic.Int64

	mu      sync.Mutex
	address string
	member  bool
	leaving bool        // see Peer
	dialed  bool        // the stream that this node dialed is up
	reached time.Time   // since when
	cut     func(error) // ends it
	// unreached is why it could not be dialed when that was last tried; nil
	// while that stream is up.
	unreached error
	came      *incoming // the stream that the other node dialed
	hello     Hello     // the last one
	version   uint32    // that both speak
	up        bool      // see update
	since     time.Time // that up changed
	lease     bool      // what it last said
	leaseAt   time.Time // zero: it never did
	refusal   string    // the last one, in words
	trouble   string    // why the last stream ended
}

// newPeer knows of a node; dial is to be called.
func (p *Peers) newPeer(n Peer, member bool) *peer {
	pr := &peer{p: p, id: n.ID, address: n.Address, leaving: n.Leaving, member: member, redo: make(chan struct{}, 1), since: time.Now()}
	pr.ctx, pr.end = context.WithCancelCause(p.ctx)
	pr.out.init(p, member)
	pr.in.turn = make(chan struct{}, 1)
	pr.dials = make(chan struct{}, requestDials)
	return pr
}

// isMember says that the node is in the cluster, at the address of n.
func (pr *peer) isMember(n Peer) {
	pr.mu.Lock()
	moved := n.Address != pr.address
	pr.address, pr.leaving = n.Address, n.Leaving
	joined := !pr.member
	pr.member = true
	came, cut := pr.came, pr.cut
	pr.mu.Unlock()
	if joined {
		pr.out.open()
		if came != nil {
			came.poke() // it may send items now
		}
	}
	if moved {
		if cut != nil {
			cut(errMoved)
		}
		pr.poke()
	}
}

func (pr *peer) guest() bool {
	pr.mu.Lock()
	defer pr.mu.Unlock()
	return !pr.member
}

// used reports whether an item was ever sent or taken.
func (pr *peer) used() bool {
	pr.out.mu.Lock()
	defer pr.out.mu.Unlock()
	return pr.out.q.last() > 0 || pr.in.last.Load() > 0
}

// idleGuest: it is not in the cluster, and not connected.
func (pr *peer) idleGuest() bool {
	pr.mu.Lock()
	defer pr.mu.Unlock()
	return !pr.member && pr.came == nil
}

// poke has it dialed without further delay.
func (pr *peer) poke() {
	select {
	case pr.redo <- struct{}{}:
	default:
	}
}

// level is how grave it is that there is no link to the node.
func (pr *peer) level() slog.Level {
	pr.mu.Lock()
	defer pr.mu.Unlock()
	if pr.leaving {
		return slog.LevelInfo
	}
	return slog.LevelWarn
}

// where the node is.
func (pr *peer) where() string {
	pr.mu.Lock()
	defer pr.mu.Unlock()
	return pr.address
}

// listen notes that the node was heard.
func (pr *peer) listen() { pr.heard.Store(int64(time.Since(pr.p.began)) + 1) }

// heardLately reports whether the node was heard within Silence.
func (pr *peer) heardLately(now time.Time) bool {
	at := pr.heard.Load()
	return at > 0 && now.Sub(pr.p.began)-time.Duration(at) < pr.p.o.Silence
}

// leased notes what the node says of its lease.
func (pr *peer) leased(valid bool) {
	pr.mu.Lock()
	pr.lease, pr.leaseAt = valid, time.Now()
	pr.mu.Unlock()
}

// refused notes and logs why one of both does not want the other.
func (pr *peer) refused(why string) {
	pr.mu.Lock()
	pr.refusal = why
	pr.mu.Unlock()
	pr.p.refused(pr.id, why)
}

func (p *Peers) refused(node, why string) {
	p.count.refusals.Add(1)
	p.quietly("refused "+node, func() { p.o.Log.Warn("a link between nodes was refused", "node", node, "why", why) })
}

// update sees whether the link is up: both streams are.
func (pr *peer) update(change func(), why error) {
	pr.mu.Lock()
	change()
	up := pr.dialed && pr.came != nil && pr.came.settled
	turned := up != pr.up
	if turned {
		pr.up, pr.since = up, time.Now()
		if up {
			pr.refusal, pr.trouble = "", ""
		}
	}
	if why != nil {
		pr.trouble = why.Error()
	}
	hello, version := pr.hello, pr.version
	pr.mu.Unlock()
	if !turned {
		return
	}
	switch {
	case up:
		pr.p.log(pr.id).Info("the link to a node is up", "address", hello.Address, "build", hello.Build, "version", version)
	case pr.ctx.Err() != nil || pr.p.closed.Load():
		pr.p.log(pr.id).Info("the link to a node has ended", "why", why)
	default:
		pr.p.log(pr.id).Log(pr.ctx, pr.level(), "the link to a node is down", "why", why)
	}
	pr.p.poke()
}
