package relay

import (
	"time"

	"github.com/corrillo/corrillo/actors/message"
	"github.com/corrillo/corrillo/wire"
)

// Subscribe carries out sub, one of m.Join. It does not when the session is gone, has
// identified as somebody else since it asked, or has lost the connection that the
// page was to go to. Options.Left is called then, before the client is answered, so
// that nothing the client does next can overtake it. A gated join is answered by
// OpenGate in any case.
func (h *Hub) Subscribe(m *message.Relayed, sub *message.Subscription) {
	h.mu.Lock()
	defer h.mu.Unlock()
	conversationID, o := m.ConversationID, &sub.Origin
	if o.Session.Node != h.node {
		return
	}
	s := h.sessions[o.Session.ID]
	if s == nil || s.ended || s.user == nil || s.user.id != o.UserID || o.Serial < s.firstSerial {
		h.refuseJoin(conversationID, sub, wire.Errorf(wire.CodeForbidden, "the session has another identity now"))
		return
	}
	if sub.Gated && (s.conn == nil || o.Attachment != 0 && o.Attachment != s.generation) {
		if i := s.jointOf(h.rooms[conversationID]); i < 0 || !s.joined[i].firm {
			h.o.Left(conversationID, o.Session, o.Serial)
		}
		return
	}
	r := h.roomOf(conversationID, true)
	if !r.known {
		r.known, r.lastSeq = true, m.LastSeq
	}
	if !r.revKnown && m.NextRev > 0 {
		r.revKnown, r.lastRev = true, m.NextRev-1
	}
	h.join(s, r, sub.Gated, o.Serial, m)
	if sub.Gated {
		return
	}
	if reply := (&message.Reply{Origin: *o, Data: sub.Reply}); !s.holdReply(r, reply) {
		h.reply(reply)
	}
}

// RefuseJoin answers a join with a refusal, and calls Options.Left.
func (h *Hub) RefuseJoin(conversationID string, sub *message.Subscription, e *wire.Error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.refuseJoin(conversationID, sub, e)
}

func (h *Hub) refuseJoin(conversationID string, sub *message.Subscription, e *wire.Error) {
	h.o.Left(conversationID, sub.Origin.Session, sub.Origin.Serial)
	if !sub.Gated { // OpenGate answers a gated one
		h.reply(&message.Reply{Origin: sub.Origin, Err: e})
	}
}

// OpenGate answers a gated join and releases the frames that were held back. Events
// that the session gets because it had joined before go out ahead of the answer. If
// the page could not be read, the subscription ends, unless the session had joined
// before; a join whose connection was lost meanwhile is refused.
func (h *Hub) OpenGate(m *message.GateOpened) {
	h.mu.Lock()
	defer h.mu.Unlock()
	o := &m.Reply.Origin
	if o.Session.Node != h.node {
		return
	}
	s := h.sessions[o.Session.ID]
	if s == nil {
		return
	}
	r := h.rooms[m.ConversationID]
	k := s.gateOf(r, o.Serial)
	if r == nil || k < 0 {
		h.reply(&message.Reply{Origin: *o, Err: wire.Errorf(wire.CodeUnavailable, "the join was cut off before it was answered: join again")})
		return
	}
	if g := &s.gating.joins[k]; g.again && (m.Through < g.through || m.ThroughRev < g.throughRev) {
		return // from an earlier owner of the conversation; the new one will answer, too
	}
	h.openGate(s, k, &m.Reply)
}

// openGate answers the join whose gate is s.gating.joins[k], and opens it.
func (h *Hub) openGate(s *Subscriber, k int, reply *message.Reply) {
	r, serial := s.gating.joins[k].room, reply.Origin.Serial
	joint := &s.joined[s.jointOf(r)]
	if reply.Err == nil {
		if !joint.firm { // nothing of the room is heard before the first answer, which counts it
			gate := &s.gating.joins[k]
			joint.since = gate.since
			s.gating.forget(gate.mark, joinedOnly(r))
		}
		joint.firm = true
	} else if last := max(serial, s.gating.joins[k].last); !joint.firm && !s.waitsFor(r, serial, last) {
		h.o.Left(r.id, reply.Origin.Session, last)
		h.answer(s, reply)
		h.leave(s, r)
		return
	}
	if gate := s.gating.joins[k]; gate.behind && reply.Err == nil && s.gating.holds(r, gate.mark) {
		s.gating.insert(gate.mark, reply)
	} else {
		h.answer(s, reply)
	}
	s.openGates(func(g gatedJoin) bool { return g.room == r && g.serial == serial })
}

// waitsFor reports whether another join of the room still waits for its page, beside
// the one with that serial, which has failed. Should that one fail, too, its Left
// covers all joins up to last.
func (s *Subscriber) waitsFor(r *room, serial, last uint64) bool {
	joins := s.gates()
	for i := range joins {
		if g := &joins[i]; g.room == r && g.serial != serial {
			g.last = max(g.last, last)
			return true
		}
	}
	return false
}

// cutGates undoes the joins that still wait for their page when the connection is
// lost. Under the lock.
func (h *Hub) cutGates(s *Subscriber) {
	gates := s.gates()
	if gates != nil {
		s.drop() // the replay log has the frames
		s.gating = nil
	}
	for _, g := range gates {
		h.stats.JoinsCut++
		if i := s.jointOf(g.room); i >= 0 && s.joined[i].firm {
			continue
		}
		h.o.Left(g.room.id, s.Ref(), max(g.serial, g.last))
		h.leave(s, g.room)
	}
}

// Unsubscribe takes a session out of a conversation. was reports whether it had
// joined, join is the serial of its last command to join, and told reports whether
// the conversation may yet hear of the session in a Listening that this node sends.
func (h *Hub) Unsubscribe(conversationID string, ref message.SessionRef) (join uint64, told, was bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	r := h.rooms[conversationID]
	s := h.sessions[ref.ID]
	if ref.Node != h.node || r == nil || s == nil {
		return 0, false, false
	}
	i := s.jointOf(r)
	if i < 0 {
		return 0, false, false
	}
	join, told = s.joined[i].join, s.joined[i].told
	h.leave(s, r)
	return join, told, true
}

// Evict takes every session of these users out of a conversation. The conversation
// has asked for it, so it is not told.
func (h *Hub) Evict(conversationID string, userIDs []string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	r := h.rooms[conversationID]
	if r == nil {
		return
	}
	for _, id := range userIDs {
		if u := h.users[id]; u != nil {
			for _, s := range u.sessions {
				h.leave(s, r)
			}
		}
	}
}

// CloseListeners ends the sessions of everyone who hears a conversation, people
// included, when its order cannot be kept for them. Their clients come back with new
// sessions and fetch what they have missed; the old sessions cannot be recovered,
// since the replay log lacks events.
func (h *Hub) CloseListeners(conversationID string, people []string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.stats.ListenersClosed++
	if r := h.rooms[conversationID]; r != nil {
		r.used = time.Now().UnixNano()
		r.revKnown = false // clients that come back ask for earlier changes themselves
		for _, s := range r.members {
			h.finish(s, wire.CloseInternal)
		}
	}
	for _, id := range people {
		if u := h.users[id]; u != nil {
			for _, s := range u.sessions {
				h.finish(s, wire.CloseInternal)
			}
		}
	}
}
