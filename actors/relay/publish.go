package relay

import (
	"slices"
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
	if r != nil && h.o.Shared && d.Event == wire.EventPresence {
		r.show(d.ExceptUser, d.Online)
	}
	held := heldFrame{Frame: f, room: h.rooms[conversationID]}
	if r != nil {
		for _, s := range r.members {
			if s.id != except && (d.ExceptUser == "" || s.user == nil || s.user.id != d.ExceptUser) {
				held.own = s.user != nil && slices.Contains(d.Users, s.user.id)
				delivered += h.pushTo(s, held)
			}
		}
	}
	held.own = true
	for _, id := range d.Users {
		u := h.users[id]
		if u == nil || id == d.ExceptUser {
			continue
		}
		for _, s := range u.sessions {
			if s.id == except || (r != nil && s.jointOf(r) >= 0) {
				continue
			}
			delivered += h.pushTo(s, held)
		}
	}
	h.stats.Published++
	h.stats.Delivered += int64(delivered)
	return delivered
}

func (h *Hub) pushTo(s *Subscriber, f heldFrame) int {
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
	s.push(heldFrame{Frame: f})
}

// Emit sends a volatile event to one session.
func (h *Hub) Emit(s *Subscriber, event string, data []byte) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.pushOwn(s, event, data, true)
}

// Revoke sends session_revoked to a user's sessions and ends them. It returns
// how many had a connection.
func (h *Hub) Revoke(userID, reason string) (closed int) {
	h.mu.Lock()
	defer h.mu.Unlock()
	u := h.users[userID]
	if u == nil {
		return 0
	}
	data := append([]byte(`{"reason":`), wire.AppendString(nil, reason)...)
	f := wire.NewFrame(wire.EventSessionRevoked, append(data, '}'))
	for _, s := range u.sessions {
		if s.conn != nil && !s.ended {
			s.conn.Push(f)
		}
		if h.finish(s, wire.CloseRevoked) {
			closed++
		}
	}
	return closed
}
