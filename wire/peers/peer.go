package peers

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"
)

// Why a stream, or the whole link to a node, ends.
var (
	errRemoved = errors.New("it is no longer in the cluster")
	errGone    = errors.New("the link is no longer needed")
	errMoved   = errors.New("it has another address now")
	errNewer   = errors.New("it has connected anew")
	errSilent  = errors.New("nothing was heard for too long")
)

// peer is another node. A link to it has two streams, one opened by each side.
type peer struct {
	p    *Peers
	id   string
	ctx  context.Context // ends when the node is dropped
	end  context.CancelCauseFunc
	out  outbound
	in   inbound
	redo chan struct{} // wakes dial: the node has just dialed this one

	dials chan struct{} // a token for each connection for requests that is being made

	heard atomic.Int64 // when it last sent anything, in nanoseconds since p.began, plus 1; 0: never
	rtt   atomic.Int64

	mu      sync.Mutex
	address string
	member  bool        // it is in the cluster
	leaving bool        // see Peer
	dialed  bool        // the stream that this node opened is up
	reached time.Time   // since when
	cut     func(error) // ends that stream
	// unreached is why the last attempt to open that stream failed; nil while it is
	// up.
	unreached error
	came      *incoming // the stream that the other node opened; nil: none
	hello     Hello     // its last one
	version   uint32    // the version that both speak
	up        bool      // both streams are: see update
	since     time.Time // when up last changed
	lease     bool      // whether its lease is valid, as it last told
	leaseAt   time.Time // when it told; zero: never
	refusal   string    // the reason of the last refusal, by either side
	trouble   string    // why a stream last ended
}

// newPeer makes the peer of a node. Its dial is to be run.
func (p *Peers) newPeer(n Peer, member bool) *peer {
	pr := &peer{p: p, id: n.ID, address: n.Address, leaving: n.Leaving, member: member, redo: make(chan struct{}, 1), since: time.Now()}
	pr.ctx, pr.end = context.WithCancelCause(p.ctx)
	pr.out.init(p, member)
	pr.in.turn = make(chan struct{}, 1)
	pr.dials = make(chan struct{}, requestDials)
	return pr
}

// isMember notes that the node is in the cluster, at the address of n.
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
			came.poke() // tell the node that it may send items now
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

// used reports whether an item was ever queued for the node or received from it.
func (pr *peer) used() bool {
	pr.out.mu.Lock()
	defer pr.out.mu.Unlock()
	return pr.out.q.last() > 0 || pr.in.last.Load() > 0
}

// idleGuest reports whether the node is not in the cluster and not connected either.
func (pr *peer) idleGuest() bool {
	pr.mu.Lock()
	defer pr.mu.Unlock()
	return !pr.member && pr.came == nil
}

// poke makes dial try again at once.
func (pr *peer) poke() {
	select {
	case pr.redo <- struct{}{}:
	default:
	}
}

// level is the level at which the loss of the link is logged.
func (pr *peer) level() slog.Level {
	pr.mu.Lock()
	defer pr.mu.Unlock()
	if pr.leaving {
		return slog.LevelInfo
	}
	return slog.LevelWarn
}

// where returns the node's address.
func (pr *peer) where() string {
	pr.mu.Lock()
	defer pr.mu.Unlock()
	return pr.address
}

// listen notes that the node has sent something just now.
func (pr *peer) listen() { pr.heard.Store(int64(time.Since(pr.p.began)) + 1) }

// heardLately reports whether the node has sent anything within Silence.
func (pr *peer) heardLately(now time.Time) bool {
	at := pr.heard.Load()
	return at > 0 && now.Sub(pr.p.began)-time.Duration(at) < pr.p.o.Silence
}

// leased notes what the node tells of its lease.
func (pr *peer) leased(valid bool) {
	pr.mu.Lock()
	pr.lease, pr.leaseAt = valid, time.Now()
	pr.mu.Unlock()
}

// refused notes and logs that one of the two nodes has refused the link, and why.
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

// update makes a change under pr.mu and then works out whether the link is up: both
// streams are, and the other node has accepted this one. why is the reason when a
// stream has ended.
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
