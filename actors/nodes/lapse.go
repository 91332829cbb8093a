package nodes

import (
	"fmt"
	"time"
)

// lease is what this process knows of its own lease.
type lease struct {
	ttl  time.Duration
	held bool
	// sent is when the last successful renewal was sent. The registry received it
	// later, so there the lease lives a little longer than counted here.
	sent time.Duration
	// steady is since when the lease has been renewed without a pause of more than
	// half a TTL.
	steady time.Duration
	// clock is the last reading of the registry's clock, taken at the moment asked.
	clock time.Time
	asked time.Duration
}

// renewed takes in a successful renewal.
func (l *lease) renewed(sent, answered time.Duration) {
	if !l.held || answered-l.sent > l.ttl/2 {
		l.steady = answered
	}
	l.held, l.sent = true, sent
}

// heard takes in a reading of the registry's clock. When that clock jumps, as when
// the database moves to another machine, all leases may expire at once: then
// everybody gets time to renew, as when the registry was away.
func (l *lease) heard(now time.Duration, clock time.Time) {
	if jump := clock.Sub(l.clock) - (now - l.asked); !clock.IsZero() && !l.clock.IsZero() && jump.Abs() > l.ttl/2 {
		l.steady = now
	}
	l.clock, l.asked = clock, now
}

// lapsesAt is when the lease stops being valid unless it is renewed.
func (l *lease) lapsesAt() time.Duration { return l.sent + l.validFor() }

// validFor and decidedIn are the times from the last renewal to lapsesAt and to
// decidedAt: see the package's comment.
func (l *lease) validFor() time.Duration  { return l.ttl * 4 / 10 }
func (l *lease) decidedIn() time.Duration { return l.ttl * 8 / 10 }

// decidedAt is when a process whose lease has lapsed can wait no longer to hear how
// the other nodes are.
func (l *lease) decidedAt() time.Duration { return l.sent + l.decidedIn() }

func (l *lease) valid(now time.Duration) bool { return l.held && now < l.lapsesAt() }

// mayEvict reports whether this process may take out members whose leases have
// expired: everybody who can reach the registry has had time to renew.
func (l *lease) mayEvict(now time.Duration) bool { return l.valid(now) && now-l.steady >= l.ttl }

// lapse is what a member remembers while its own lease has lapsed.
type lapse struct {
	// agreed is when most members were last known to have lapsed too; ever says
	// that this was so at any time during this lapse.
	agreed time.Duration
	ever   bool
}

// judge returns an error that wraps ErrLost when a member whose lease has lapsed is
// to count itself as lost. It does not while most members, itself included, are
// known to have lapsed and none is known to hold a valid lease: then the registry
// is away for everybody. It is safe to wait on for 8/10 of a TTL after that was last
// so, since a member that reaches the registry again takes nobody out for a whole
// TTL.
func (c *core) judge(now time.Duration, w *world) error {
	if !c.member() || c.lease.valid(now) {
		c.lapse = lapse{}
		return nil
	}
	valid, lapsed, silent := "", 1, ""
	for i := range c.view.Nodes {
		id := c.view.Nodes[i].ID
		heard := w.peerLease[id]
		switch {
		case id == c.self.ID:
		case !w.reachable[id] || !heard.known:
			silent = id
		case heard.valid:
			valid = id
		default:
			lapsed++
		}
	}
	if valid == "" && 2*lapsed > len(c.view.Nodes) {
		c.lapse = lapse{agreed: now, ever: true}
		return nil
	}
	if now < c.lease.decidedAt() || c.lapse.ever && now-c.lapse.agreed < c.ttl*8/10 {
		return nil
	}
	if valid != "" {
		return fmt.Errorf("%w: its lease has lapsed, and that of %s has not", ErrLost, valid)
	}
	return fmt.Errorf("%w: its lease has lapsed, and it cannot ask %s and others, %d of %d have lapsed",
		ErrLost, silent, lapsed, len(c.view.Nodes))
}
