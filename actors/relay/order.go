package relay

import (
	"cmp"
	"slices"
	"time"

	"github.com/corrillo/corrillo/actors/message"
)

// Deliver sends the delivery's acks and publishes its event, if that is the next one
// in the conversation's order. delivered is the number of connections that got it. A
// message or a change that was published before is acked only. When messages are
// missing before a message, or changes before a change, nothing is done, and hole is
// the first seq, or rev, that is missing.
func (h *Hub) Deliver(conversationID string, d *message.Delivery) (delivered int, hole int64) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if d.Seq > 0 || d.Rev > 0 {
		if !h.heard(conversationID, d.Users) {
			h.replies(d.Acks)
			return 0, 0
		}
		r := h.roomOf(conversationID, true)
		r.used = time.Now().UnixNano()
		if !d.ToConversation {
			r.people = d.Users
		}
		known, last, place := &r.known, &r.lastSeq, d.Seq
		if d.Rev > 0 {
			known, last, place = &r.revKnown, &r.lastRev, d.Rev
		}
		switch {
		case !*known:
			*known = true
		case place <= *last:
			h.replies(d.Acks)
			return 0, 0
		case place > *last+1:
			return 0, *last + 1
		}
		*last = place
		h.follow(r)
	}
	h.replies(d.Acks)
	return h.publish(conversationID, d), 0
}

// DeliverFilled publishes a message or a change that was fetched to fill a hole.
func (h *Hub) DeliverFilled(conversationID string, d *message.Delivery) {
	h.mu.Lock()
	defer h.mu.Unlock()
	r := h.roomOf(conversationID, true)
	switch {
	case d.Rev > r.lastRev:
		r.revKnown, r.lastRev = true, d.Rev
	case d.Rev == 0 && d.Seq > r.lastSeq:
		r.known, r.lastSeq = true, d.Seq
	default:
		return
	}
	r.used = time.Now().UnixNano()
	h.follow(r)
	h.stats.HolesFilled++
	h.publish(conversationID, d)
}

// heard reports whether anyone on this node hears a conversation. If nobody does,
// the place that its order has reached is forgotten in a cluster: see follow.
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
		r.known, r.revKnown = false, false
	}
	return false
}

// follows reports whether a person on this node hears a direct conversation without
// having joined, and the place that its order has reached is known.
func (h *Hub) follows(r *room) bool {
	return r.known && slices.ContainsFunc(r.people, func(id string) bool { return h.users[id] != nil })
}

func (h *Hub) replies(replies []message.Reply) {
	for i := range replies {
		h.reply(&replies[i])
	}
}

// Behind returns the first seq that is missing on this node if m.LastSeq is the last
// one committed; 0 when none is missing, or when this node has not followed the
// conversation so far. A direct one is followed from m.FromSeq on, since its two
// people hear it without having joined.
func (h *Hub) Behind(m *message.Relayed) int64 {
	h.mu.Lock()
	defer h.mu.Unlock()
	if m.LastSeq == 0 || !h.heard(m.ConversationID, m.People) {
		return 0
	}
	r := h.rooms[m.ConversationID]
	if m.People != nil && m.LastSeq > 0 {
		r = h.roomOf(m.ConversationID, true)
		h.begin(r, m)
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

// begin starts to follow a direct conversation, from m.FromSeq and m.FromRev on. A
// place that is known already, as when a hole was filled meanwhile, stays. Under the
// lock.
func (h *Hub) begin(r *room, m *message.Relayed) {
	if !r.known {
		from := max(cmp.Or(m.FromSeq, m.LastSeq), 0) // message.FromFirst is below
		r.known, r.lastSeq, r.used = true, from, time.Now().UnixNano()
	}
	if !r.revKnown && m.FromSeq != 0 {
		r.revKnown, r.lastRev = true, m.FromRev
	}
}

// BehindRev returns the first rev that is missing on this node if the changes up to
// through are committed; 0 when none is missing, or when this node has not followed
// the conversation so far. If it does not know a rev yet, it follows the changes
// after through: clients that have come since ask for earlier ones themselves. It is
// called after Behind.
//
// Fewer changes may be missing than the numbers say: of a message that was changed
// more than once the store has only the last change.
func (h *Hub) BehindRev(m *message.Relayed, through int64) int64 {
	h.mu.Lock()
	defer h.mu.Unlock()
	if m.LastSeq == 0 || !h.heard(m.ConversationID, m.People) {
		return 0
	}
	r := h.rooms[m.ConversationID]
	switch {
	case r == nil:
		return 0
	case m.NextRev == 0: // from a version that does not number changes
		r.revKnown = false
		return 0
	case !r.revKnown:
		r.revKnown, r.lastRev = true, through
		h.follow(r)
	}
	if through <= r.lastRev {
		return 0
	}
	return r.lastRev + 1
}

// PassedOnRev notes that the changes up to rev are not to be waited for any more.
func (h *Hub) PassedOnRev(conversationID string, rev int64) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if r := h.rooms[conversationID]; r != nil {
		r.used = time.Now().UnixNano()
		if !r.revKnown || rev > r.lastRev {
			r.revKnown, r.lastRev = true, rev
			h.follow(r)
		}
	}
}

// PassedOn notes that the messages up to seq are not to be waited for any more.
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
