package engineio

import "time"

// Beat is what a heartbeat wants done.
type Beat uint8

// The beats.
const (
	BeatNone Beat = iota
	BeatPing      // send a ping
	BeatDead      // the other side has not answered: close
)

// Heartbeat is the server's side of the liveness check. Times are durations
// since an epoch of the caller's own. The zero Heartbeat is started by Start.
type Heartbeat struct {
	at       time.Duration // the next ping, or the end of the wait for a pong
	pinged   time.Duration // when the last ping was sent
	awaiting bool
}

// Start sets the first ping one interval after now.
func (h *Heartbeat) Start(now time.Duration, t Timing) {
	h.at, h.awaiting = now+t.PingInterval, false
}

// Due is when Tick has something to do.
func (h *Heartbeat) Due() time.Duration { return h.at }

// Pong notes a pong: the next ping is one interval after it.
func (h *Heartbeat) Pong(now time.Duration, t Timing) {
	if h.awaiting {
		h.Start(now, t)
	}
}

// Tick says what is to be done at now. seen is when anything at all was last
// received: a client that speaks is alive, though its pong be queued behind
// what it says.
//
// A ping that is sent late by less than a quarter of the timeout counts as
// sent when it was due, so that a coarse timer does not add to the timeout
// that the client was told.
func (h *Heartbeat) Tick(now, seen time.Duration, t Timing) Beat {
	if now < h.at {
		return BeatNone
	}
	if !h.awaiting {
		h.pinged = h.at
		if now-h.at > t.PingTimeout/4 {
			h.pinged = now
		}
		h.at, h.awaiting = h.pinged+t.PingTimeout, true
		return BeatPing
	}
	if seen <= h.pinged {
		return BeatDead
	}
	h.Start(max(seen, now-t.PingInterval), t)
	return h.Tick(now, seen, t)
}
