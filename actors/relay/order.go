package relay

import (
	"slices"
	"time"

	"github.com/corrillo/corrillo/actors/message"
)

// Deliver answers the delivery's acks and publishes its event, if it is the
// next of its conversation. A message that was passed on already is answered
// but not published again. When messages are missing before it nothing is
// done and hole is the first seq that is missing.
func (h *Hub) Deliver(conversationID string, d *message.Delivery) (delivered int, hole int64) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if d.Seq > 0 {
		if !h.heard(conversationID, d.Users) {
			h.replies(d.Acks)
			return 0, 0
		}
		r := h.roomOf(conversationID, true)
		r.used = time.Now().UnixNano()
		if !d.ToConversation {
			r.people = d.Users
		}
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
		h.follow(r)
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
	h.follow(r)
	h.stats.HolesFilled++
	h.publish(conversationID, d)
}

// heard reports whether anyone on this node hears a conversation. Where nobody
// does it is not followed any more: who comes next begins anew.
func (h *Hub) heard(conversationID string, people []string) bool {
	r := h.rooms[conversationID]
	if r != nil && len(r.members) > 0 {
		return true
	}
	if people == nil && r != nil {
		people = r.people
	}
	for _, id := range people {
		if h.users[id] != nil {
			return true
		}
	}
	if r != nil {
		r.known = false
	}
	return false
}

// follows reports whether people hear a direct conversation here without having
// joined, from some message on.
func (h *Hub) follows(r *room) bool {
	return r.known && slices.ContainsFunc(r.people, func(id string) bool { return h.users[id] != nil })
}

func (h *Hub) replies(replies []message.Reply) {
	for i := range replies {
		h.reply(&replies[i])
	}
}

// Behind returns the first seq that is missing when the conversation's last
// committed one is m.LastSeq, and 0 when none is, or when this node has not
// followed the conversation. A direct one is followed from m.FromSeq on: its
// two people hear it without having joined.
func (h *Hub) Behind(m *message.Relayed) int64 {
	h.mu.Lock()
	defer h.mu.Unlock()
	if m.LastSeq == 0 || !h.heard(m.ConversationID, m.People) {
		return 0
	}
	r := h.rooms[m.ConversationID]
	if m.People != nil && m.LastSeq > 0 && (r == nil || !r.known) {
		r = h.roomOf(m.ConversationID, true)
		r.known, r.lastSeq, r.used = true, m.LastSeq, time.Now().UnixNano()
		if m.FromSeq > 0 {
			r.lastSeq = m.FromSeq
		}
	}
	if r == nil {
		return 0
	}
	if m.People != nil {
		r.people = m.People
	}
	h.follow(r)
	if !r.known || m.LastSeq <= r.lastSeq {
		return 0
	}
	return r.lastSeq + 1
}

// PassedOn notes that nothing up to seq is missing any more.
func (h *Hub) PassedOn(conversationID string, seq int64) {
	h.mu.Lock()
	defer h.mu.Unlock()
	r := h.rooms[conversationID]
	if r == nil {
		return
	}
	r.used = time.Now().UnixNano()
	if !r.known || seq > r.lastSeq {
		r.known, r.lastSeq = true, seq
		h.follow(r)
	}
}
