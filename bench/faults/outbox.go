package faults

import (
	"slices"
	"time"
)

// outbox keeps messages until their ack, in order, as outbox.ts of
// @corrillo/client does: at most inFlight without an ack, all that is unacked
// when a connection goes sent again from the oldest, and after a refusal that
// may pass nothing new before that one has had its turn again.
type outbox struct {
	inFlight int
	entries  []uint32 // the numbers of messages, oldest first
	flying   map[uint32]bool
	pauses   int // refusals in a row that may pass
	until    time.Time
}

// next is the message to be sent now.
func (o *outbox) next(now time.Time) (n uint32, ok bool) {
	if len(o.flying) >= o.inFlight || now.Before(o.until) {
		return 0, false
	}
	for _, n := range o.entries {
		if !o.flying[n] {
			return n, true
		}
	}
	return 0, false
}

// settled takes a message out and reports whether it was there.
func (o *outbox) settled(n uint32) bool {
	delete(o.flying, n)
	i := slices.Index(o.entries, n)
	if i < 0 {
		return false
	}
	o.pauses = 0
	o.entries = slices.Delete(o.entries, i, i+1)
	return true
}

// deferred brings a message back from its flight. round is what pauses was
// when it left: what one trouble refused at once counts once.
func (o *outbox) deferred(n uint32, round int, now time.Time, backoff func(int) time.Duration) {
	if !o.flying[n] {
		return
	}
	delete(o.flying, n)
	if round == o.pauses {
		o.pauses++
	}
	o.until = now.Add(backoff(o.pauses))
}

// down: the connection is gone, and with it what flew.
func (o *outbox) down() {
	clear(o.flying)
	o.until = time.Time{}
}
