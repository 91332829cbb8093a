package relay

import (
	"slices"
	"time"

	"github.com/corrillo/corrillo/actors/message"
	"github.com/corrillo/corrillo/wire"
)

// Reply answers a session's command: it acks when the client asked for that, emits
// the reply's event if there is one, and puts a refusal in the form that PROTOCOL.md
// describes. It does nothing when the session is another node's or gone.
func (h *Hub) Reply(r *message.Reply) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.reply(r)
}

// ReplyAll calls Reply for each.
func (h *Hub) ReplyAll(replies []message.Reply) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.replies(replies)
}

// Refuse refuses a command that has not left its session.
func (h *Hub) Refuse(s *Subscriber, o message.Origin, tempID string, e *wire.Error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.refuse(s, &o, tempID, e)
}

// Answer acks a command that has not left its session, when the client asked for an
// ack.
func (h *Hub) Answer(s *Subscriber, o message.Origin, data []byte) {
	h.mu.Lock()
	defer h.mu.Unlock()
	s.ack(&o, data)
}

func (h *Hub) reply(r *message.Reply) {
	if r.Origin.Session.Node != h.node {
		return
	}
	s := h.sessions[r.Origin.Session.ID]
	if s == nil {
		return
	}
	if r.Err != nil && r.Origin.Serial != 0 {
		// A join may be sent again to a new owner of the conversation, which refuses
		// it. Then the gate that the old owner has closed is to be opened.
		if k := slices.IndexFunc(s.gates(), func(g gatedJoin) bool { return g.serial == r.Origin.Serial }); k >= 0 {
			h.openGate(s, k, r)
			return
		}
	}
	h.answer(s, r)
}

// answer is reply without a look at the session's gates.
func (h *Hub) answer(s *Subscriber, r *message.Reply) {
	s.pending.Add(-1)
	if r.Err != nil {
		h.refuse(s, &r.Origin, r.TempID, r.Err)
		return
	}
	s.ack(&r.Origin, r.Data)
	if r.Event != "" {
		h.pushOwn(s, r.Event, r.Data, false)
		if r.Origin.Received != 0 {
			h.o.OnAck(time.Duration(time.Now().UnixNano() - r.Origin.Received))
		}
	}
}

func (h *Hub) refuse(s *Subscriber, o *message.Origin, tempID string, e *wire.Error) {
	h.stats.Refused++
	if o.Event == wire.EventSendMessage {
		data := wire.AppendNack(nil, tempID, e)
		s.ack(o, data)
		h.pushOwn(s, wire.EventMessageAck, data, false)
		if !o.WantsAck {
			h.pushOwn(s, wire.EventError, wire.AppendError(nil, e, o.Event, tempID), true)
		}
		return
	}
	if o.WantsAck {
		s.ack(o, wire.AppendRefusal(nil, e))
		return
	}
	h.pushOwn(s, wire.EventError, wire.AppendError(nil, e, o.Event, tempID), true)
}
