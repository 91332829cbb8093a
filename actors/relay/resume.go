package relay

import (
	"slices"
	"time"

	"github.com/corrillo/corrillo/wire"
)

// Resume gives a session a new connection: connection state recovery. It
// welcomes conn as recovered, pushes what the client has missed in order, and
// closes a connection that the session still had. offset is the last one that
// the client received; hasOffset is false when it never received one, and
// then everything since the session began counts as missed. So it does when
// the offset is not of this session: stock clients keep the last offset that
// they received from an earlier one, which may have been another process's.
//
// It returns nil when there is no such session. When the session is there but
// the log no longer reaches back to the client's offset, or what the client has
// missed is over ReplayBytes, gap is true and nothing was done: the caller ends
// the old session and opens a new one, so that the client knows of the gap.
func (h *Hub) Resume(conn wire.Conn, pid, offset string, hasOffset bool) (s *Subscriber, generation uint64, gap bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	s = h.lookup(pid)
	if s == nil {
		return nil, 0, false
	}
	from := s.born
	if hasOffset {
		given, ok := parseOffset(offset)
		if !ok {
			h.stats.RecoveryGaps++
			return s, 0, true
		}
		if given > s.born && given <= h.offset {
			from = given
		}
	}
	missed, ok := h.missed(s, from)
	if !ok {
		h.stats.RecoveryGaps++
		return s, 0, true
	}
	if old := s.conn; old != nil {
		h.cutGates(s)
		s.generation++
		old.Close(wire.CloseReplaced)
	} else {
		h.detached--
		s.detached = 0
	}
	s.conn = conn
	s.generation++
	h.stats.Recovered++
	h.stats.Replayed += int64(len(missed))
	conn.Welcome(wire.Welcome{SID: h.sid(s), PID: h.pid(s), Recovered: true})
	for _, f := range missed {
		conn.Push(f)
	}
	return s, s.generation, false
}

// missed collects the frames after offset from that were for s, in order. It
// reports false when one of them is no longer in the log, or when they are too
// much for a connection's queue.
func (h *Hub) missed(s *Subscriber, from uint64) ([]*wire.Frame, bool) {
	h.log.trim(time.Now().UnixNano())
	var found []*entry
	take := func(e *entry) {
		if e.except == s.id || (e.exceptUser != "" && s.user != nil && e.exceptUser == s.user.id) {
			return
		}
		found = append(found, e)
	}
	if !h.log.since(s.own, from, take) {
		return nil, false
	}
	for i := range s.joined {
		j := &s.joined[i]
		if !h.log.since(j.room.stream, max(from, j.since), take) {
			return nil, false
		}
	}
	if s.user != nil && !h.log.since(s.user.stream, max(from, s.userSince), take) {
		return nil, false
	}
	slices.SortFunc(found, func(a, b *entry) int {
		switch {
		case a.offset < b.offset:
			return -1
		case a.offset > b.offset:
			return 1
		}
		return 0
	})
	frames := make([]*wire.Frame, 0, len(found))
	var last uint64
	size := 0
	for _, e := range found {
		if e.offset != last { // a frame may stand in two streams
			frames = append(frames, e.frame)
			size += e.frame.KeptSize()
		}
		last = e.offset
	}
	return frames, size <= h.o.ReplayBytes || len(frames) == 1
}
