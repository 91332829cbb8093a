package nodes

import (
	"fmt"
	"time"
)

// lease is what a process knows of its own lease.
type lease struct {
	ttl  time.Duration
	held bool
	// sent is when the last renewal that succeeded was sent: the registry
	// counts from a later moment.
	sent time.Duration
	// steady is when the first one of an unbroken row of them was answered.
	steady time.Duration
	// clock is what the registry's clock last said, at the time asked.
	clock time.Time
	asked time.Duration
}

// renewed takes in a renewal that succeeded.
func (l *lease) renewed(sent, answered time.Duration) {
	if !l.held || answered-l.sent > l.ttl/2 {
		l.steady = answered
	}
	l.held, l.sent = true, sent
}

// heard takes in what the registry's clock says. One that jumps, as when the
// database moves to another machine, may have everybody's lease expire at once:
// then everybody has to have the time to renew, as after an absence.
func (l *lease) heard(now time.Duration, clock time.Time) {
	if jump := clock.Sub(l.clock) - (now - l.asked); !clock.IsZero() && !l.clock.IsZero() && jump.Abs() > l.ttl/2 {
		l.steady = now
	}
	l.clock, l.asked = clock, now
}

// lapsesAt is when the lease is no longer valid unless it is renewed.
func (l *lease) lapsesAt() time.Duration { return l.sent + l.validFor() }

// validFor and decidedIn are how long after the last renewal lapsesAt and
// decidedAt are.
func (l *lease) validFor() time.Duration  { return l.ttl * 4 / 10 }
func (l *lease) decidedIn() time.Duration { return l.ttl * 8 / 10 }

// decidedAt is when nobody can wait any longer for what other nodes say.
func (l *lease) decidedAt() time.Duration { return l.sent + l.decidedIn() }

func (l *lease) valid(now time.Duration) bool { return l.held && now < l.lapsesAt() }

// mayEvict says that everybody who can reach the registry has had the time to
// renew.
func (l *lease) mayEvict(now time.Duration) bool { return l.valid(now) && now-l.steady >= l.ttl }

// lapse is what a member whose lease has lapsed knows of the others.
type lapse struct {
	// agreed is when they last were in the same case; ever says that they were
	// at all in this lapse.
	agreed time.Duration
	ever   bool
}

// judge says whether a member whose lease has lapsed is lost: an error wraps
// ErrLost. It is not while most of the members, itself among them, are known
// to have lapsed too and none is known to hold its lease: then the registry is
// away for everybody. When one of them comes back it cannot take others out
// for a whole TTL, and eight tenths of that are left to come back as well.
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
