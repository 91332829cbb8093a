package relay

import (
	"time"

	"github.com/corrillo/corrillo/actors/message"
	"github.com/corrillo/corrillo/wire"
)

// Deliver answers the delivery's acks and publishes its event, if it is the
// next of its conversation. A message that was passed on already is answered
// but not published again. When messages are missing before it nothing is
// done and hole is the first seq that is missing.
func (h *Hub) Deliver(conversationID string, d *message.Delivery) (delivered int, hole int64) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if d.Seq > 0 {
		r := h.roomOf(conversationID, true)
		r.used = time.Now().UnixNano()
		switch {
		case !r.known:
			r.known = true
		case d.Seq <= r.lastSeq:
			h.replies(d.Acks)
			return 0, 0
		case d.Seq > r.lastSeq+1:
			return 0, r.lastSeq + 1
		}
		r.lastSeq = d.Seq
	}
	h.replies(d.Acks)
	return h.publish(conversationID, d), 0
}

// DeliverFilled publishes a message that was fetched to fill a hole.
func (h *Hub) DeliverFilled(conversationID string, d *message.Delivery) {
	h.mu.Lock()
	defer h.mu.Unlock()
	r := h.roomOf(conversationID, true)
	if d.Seq <= r.lastSeq {
		return
	}
	r.known, r.lastSeq, r.used = true, d.Seq, time.Now().UnixNano()
	h.stats.HolesFilled++
	h.publish(conversationID, d)
}

func (h *Hub) replies(replies []message.Reply) {
	for i := range replies {
		h.reply(&replies[i])
	}
}

// Behind returns the first seq that is missing when the conversation's last
// committed one is lastSeq, and 0 when none is, or when this node has not
// followed the conversation.
func (h *Hub) Behind(conversationID string, lastSeq int64) int64 {
	h.mu.Lock()
	defer h.mu.Unlock()
	r := h.rooms[conversationID]
	if r == nil || !r.known || lastSeq <= r.lastSeq {
		return 0
	}
	return r.lastSeq + 1
}

// PassedOn notes that nothing up to seq is missing any more.
func (h *Hub) PassedOn(conversationID string, seq int64) {
	h.mu.Lock()
	defer h.mu.Unlock()
	r := h.roomOf(conversationID, true)
	r.used = time.Now().UnixNano()
	if !r.known || seq > r.lastSeq {
		r.known, r.lastSeq = true, seq
	}
}

// Subscribe carries out a join. It reports false when the session is gone or
// has become someone else's.
func (h *Hub) Subscribe(conversationID string, lastSeq int64, sub *message.Subscription) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	if sub.Origin.Session.Node != h.node {
		return true
	}
	s := h.sessions[sub.Origin.Session.ID]
	if s == nil || s.ended || s.user == nil || s.user.id != sub.Origin.UserID {
		if s != nil {
			h.reply(&message.Reply{Origin: sub.Origin, Err: wire.Errorf(wire.CodeForbidden, "the session has another identity now")})
		}
		return false
	}
	if sub.Gated && s.conn == nil {
		return false // the page would have nowhere to go
	}
	r := h.roomOf(conversationID, true)
	if !r.known {
		r.known, r.lastSeq = true, lastSeq
	}
	h.join(s, r, sub.Gated)
	if !sub.Gated {
		h.reply(&message.Reply{Origin: sub.Origin, Data: sub.Reply})
	}
	return true
}

// OpenGate answers a gated join and lets go what was held back. It reports
// whether the conversation must be told that the session is not subscribed:
// the page could not be read, or the connection went before it came.
func (h *Hub) OpenGate(m *message.GateOpened) (gone bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if m.Reply.Origin.Session.Node != h.node {
		return false
	}
	s := h.sessions[m.Reply.Origin.Session.ID]
	r := h.rooms[m.ConversationID]
	if s == nil || r == nil {
		return false
	}
	i := s.jointOf(r)
	if i < 0 || !s.joined[i].gated {
		cut := m.Reply
		cut.Err = wire.Errorf(wire.CodeUnavailable, "the connection was lost before the join was answered: join again")
		h.reply(&cut)
		return false
	}
	h.reply(&m.Reply)
	if m.Reply.Err != nil {
		h.leave(s, r)
		return true
	}
	s.joined[i].gated = false
	s.openGate()
	return false
}

// Unsubscribe takes a session out of a conversation.
func (h *Hub) Unsubscribe(conversationID string, ref message.SessionRef) {
	h.mu.Lock()
	defer h.mu.Unlock()
	r := h.rooms[conversationID]
	s := h.sessions[ref.ID]
	if ref.Node == h.node && r != nil && s != nil {
		h.leave(s, r)
	}
}

// Evict takes every session of these users out of a conversation and returns
// them.
func (h *Hub) Evict(conversationID string, userIDs []string) []message.SessionRef {
	h.mu.Lock()
	defer h.mu.Unlock()
	r := h.rooms[conversationID]
	if r == nil {
		return nil
	}
	var evicted []message.SessionRef
	for _, id := range userIDs {
		u := h.users[id]
		if u == nil {
			continue
		}
		for _, s := range u.sessions {
			if h.leave(s, r) {
				evicted = append(evicted, s.Ref())
			}
		}
	}
	return evicted
}

// CloseRoom closes the connections of everyone who listens to a conversation:
// what they miss they fetch when they come back. Their sessions cannot be
// recovered from the log, since it has a hole.
func (h *Hub) CloseRoom(conversationID string, reason wire.CloseReason) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if r := h.rooms[conversationID]; r != nil {
		for _, s := range r.members {
			if s.conn != nil {
				s.conn.Close(reason)
			}
		}
	}
}
