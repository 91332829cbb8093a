package relay

import (
	"time"

	"github.com/corrillo/corrillo/actors/small"
	"github.com/corrillo/corrillo/wire"
)

// Stats is a snapshot of the hub: gauges of now, counters since the start.
type Stats struct {
	Sessions     int   // attached and detached
	Detached     int   // waiting for recovery
	Unanswered   int   // commands of all sessions together
	Joined       int   // conversations that at least one session has joined
	Users        int   // users with a session
	LogBytes     int   // of the replay log
	LogEntries   int   //
	Opened       int64 // sessions begun
	Recovered    int64 // recoveries that brought everything
	RecoveryGaps int64 // recoveries refused: the log no longer reached back
	Replayed     int64 // frames sent again by recoveries
	JoinsCut     int64 // joins that were not answered since their connection was lost
	Published    int64 // events
	Delivered    int64 // events, counted once for each receiver
	Refused      int64 // commands answered with an error
	HolesFilled  int64 // messages and changes fetched from the store to keep the order
	// ListenersClosed counts conversations whose listeners were closed because
	// the order could not be kept for them.
	ListenersClosed int64
}

// Stats returns a snapshot.
func (h *Hub) Stats() Stats {
	h.mu.Lock()
	defer h.mu.Unlock()
	s := h.stats
	s.Sessions = len(h.sessions)
	for _, sub := range h.sessions {
		s.Unanswered += int(sub.pending.Load())
	}
	s.Detached = h.detached
	s.Joined = h.joined
	s.Users = len(h.users)
	s.LogBytes = h.log.bytes
	s.LogEntries = int(h.log.next - h.log.first)
	return s
}

// RoomsJoined returns Stats.Joined alone.
func (h *Hub) RoomsJoined() int {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.joined
}

// roomIdle is how long a room without members is remembered: longer than a
// save whose outcome is unknown can take, so that what it committed is still
// passed on.
const roomIdle = 2 * time.Minute

// Sweep calls the owners whose deadline has passed, ends sessions whose recovery
// window is over, forgets rooms without members, trims the log and frees memory that
// maps took when they were larger. It is meant to run once a second.
func (h *Hub) Sweep(now time.Time) {
	t := now.UnixNano()
	var due []Owner
	h.mu.Lock()
	for _, s := range h.sessions {
		if d := s.deadline.Load(); d != 0 && d <= t && s.deadline.CompareAndSwap(d, 0) {
			due = append(due, s.owner)
		}
		if s.detached != 0 && !s.ended && t-s.detached > int64(h.o.RecoveryWindow) {
			h.finish(s, wire.CloseReplaced)
		}
	}
	for id, r := range h.rooms {
		if len(r.members) == 0 && t-r.used > int64(roomIdle) && !(h.o.Shared && h.follows(r)) {
			delete(h.rooms, id)
		}
	}
	h.sessions = small.Shrink(h.sessions, &h.most.sessions)
	h.rooms = small.Shrink(h.rooms, &h.most.rooms)
	h.users = small.Shrink(h.users, &h.most.users)
	h.log.trim(t)
	h.log.cool(t)
	h.mu.Unlock()
	for _, o := range due {
		o.Due()
	}
}

// ExpireAll ends every session, for a node that stops: connections that are
// still there are closed. It returns how many sessions have not ended yet.
func (h *Hub) ExpireAll() (left int) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, s := range h.sessions {
		h.finish(s, wire.CloseDraining)
	}
	return len(h.sessions)
}
