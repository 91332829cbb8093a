package relay

import (
	"time"

	"github.com/corrillo/corrillo/actors/message"
	"github.com/corrillo/corrillo/wire"
)

// publish gives the frame its offset, logs it and pushes it to everyone that
// the delivery names. It returns the number of sessions with a connection
// that got it. Under the lock.
func (h *Hub) publish(conversationID string, d *message.Delivery) int {
	f := wire.NewFrame(d.Event, d.Data)
	now := time.Now().UnixNano()
	var r *room
	if d.ToConversation {
		r = h.rooms[conversationID]
	}
	except := d.Except.ID
	if d.Except.Node != h.node {
		except = 0
	}
	if !d.Volatile {
		h.offset++
		f.Offset = formatOffset(h.offset)
		e := entry{frame: f, offset: h.offset, except: except, exceptUser: d.ExceptUser, at: now}
		shared := false
		if r != nil {
			h.log.append(&r.stream, e, shared)
			shared = true
		}
		for _, id := range d.Users {
			if u := h.users[id]; u != nil {
				h.log.append(&u.stream, e, shared)
				shared = true
			}
		}
	}
	delivered := 0
	if r != nil {
		for _, s := range r.members {
			if s.id != except && (d.ExceptUser == "" || s.user == nil || s.user.id != d.ExceptUser) {
				delivered += h.pushTo(s, f)
			}
		}
	}
	for _, id := range d.Users {
		u := h.users[id]
		if u == nil || id == d.ExceptUser {
			continue
		}
		for _, s := range u.sessions {
			if s.id == except || (r != nil && s.jointOf(r) >= 0) {
				continue
			}
			delivered += h.pushTo(s, f)
		}
	}
	h.stats.Published++
	h.stats.Delivered += int64(delivered)
	return delivered
}

func (h *Hub) pushTo(s *Subscriber, f *wire.Frame) int {
	if s.conn == nil {
		return 0
	}
	s.push(f)
	return 1
}

// pushOwn sends a frame to one session. A frame that is not volatile is
// logged, so that a recovery brings it. Under the lock.
func (h *Hub) pushOwn(s *Subscriber, event string, data []byte, volatile bool) {
	f := wire.NewFrame(event, data)
	if !volatile {
		h.offset++
		f.Offset = formatOffset(h.offset)
		h.log.append(&s.own, entry{frame: f, offset: h.offset, at: time.Now().UnixNano()}, false)
	}
	s.push(f)
}

// Emit sends a volatile event to one session.
func (h *Hub) Emit(s *Subscriber, event string, data []byte) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.pushOwn(s, event, data, true)
}

// Revoke sends session_revoked to a session and closes it for good. It
// reports whether the session had a connection.
func (h *Hub) Revoke(id uint64, reason string) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	s := h.sessions[id]
	if s == nil {
		return false
	}
	if s.conn != nil && !s.ended {
		data := append([]byte(`{"reason":`), wire.AppendString(nil, reason)...)
		s.conn.Push(wire.NewFrame(wire.EventSessionRevoked, append(data, '}')))
	}
	return h.finish(s, wire.CloseRevoked)
}

// Finish closes a session's connection, if it has one, and ends the session:
// from now on nothing recovers it, however long the connection takes to go.
func (h *Hub) Finish(s *Subscriber, reason wire.CloseReason) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.finish(s, reason)
}

// finish reports whether the session had a connection. Under the lock.
func (h *Hub) finish(s *Subscriber, reason wire.CloseReason) bool {
	if s.ended {
		return false
	}
	if s.conn == nil {
		h.detached--
	} else {
		s.conn.Close(reason)
	}
	s.ended = true
	s.owner.Expired()
	return s.conn != nil
}
