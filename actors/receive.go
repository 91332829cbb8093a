package actors

import (
	"errors"
	"slices"

	"github.com/corrillo/corrillo/actors/envelope"
	"github.com/corrillo/corrillo/actors/locator"
	"github.com/corrillo/corrillo/actors/message"
	"github.com/corrillo/corrillo/wire"
)

// notThere answers a call of a back end that was for a running actor only, when the actor
// is not running.
func (s *System) notThere(msg any) {
	o := message.OriginOf(msg)
	if o == nil || o.Call.IsZero() {
		return
	}
	s.spread.Answer("", o, &message.Relayed{Replies: []message.Reply{{Origin: *o}}})
}

// Receive handles an item that another node has sent. Items of one node must be given to
// it in the order in which they were sent. It does not block.
func (s *System) Receive(from string, item []byte) {
	m, err := envelope.Decode(item)
	if err != nil {
		var strange *envelope.StrangeError
		if errors.As(err, &strange) {
			s.refuseStrange(strange)
		}
		if s.cluster.strays.Add(1) == 1 {
			s.o.Log.Error("another node says what this one does not understand; it is left out", "node", from, "err", err)
		}
		return
	}
	s.take(from, m)
}

// refuseStrange answers a command of a node of the next version that this one does not
// know.
func (s *System) refuseStrange(e *envelope.StrangeError) {
	if e.Origin.Node() == "" {
		return
	}
	s.spread.Answer(e.To.ID, &e.Origin, &message.Relayed{ConversationID: e.To.ID, Replies: []message.Reply{{
		Origin: e.Origin, Err: wire.Errorf(wire.CodeUnavailable, "not all nodes of the cluster know this yet: try again when they have been upgraded"),
	}}})
}

func (s *System) take(from string, m any) {
	switch m := m.(type) {
	case *message.Told:
		if !s.locator.Told(from, m) {
			s.notThere(m.Message)
		}
	case *message.Returned:
		s.locator.Returned(m)
	case *message.Switched:
		if v, newer := s.locator.ViewOf(m); newer {
			s.cluster.o.Adopt(v)
		}
		s.locator.Switched(from, m)
	case *message.Settled:
		s.locator.Settled(from, m.Generation)
	case *message.Relayed:
		s.onRelayed(from, m)
	case *message.GateOpened:
		if s.locator.Answered(from, &m.Reply.Origin) {
			s.locator.Hear(from, locator.Conversation, m.ConversationID, m)
		}
	case *message.AnswersLost:
		s.o.Log.Error("what another node had to say was too much for the link: this node's clients have to catch up", "node", from)
		s.locator.Retell(from)
		s.hub.FinishAll(wire.CloseInternal)
	case *message.WhoListens:
		s.onWhoListens(m)
	case *message.EndUser:
		s.hub.Revoke(m.UserID, m.Reason)
	case *message.EndSession:
		if m.Session.Node == s.hub.Node() {
			s.hub.FinishID(m.Session.ID, m.Reason)
		}
	case *message.ConnOpened:
		s.cluster.carrier.Accept(from, m, s.resumeCarried)
	default:
		if !s.cluster.carrier.Take(from, m) && !s.cluster.where.Take(from, m) {
			s.onQuestion(from, m)
		}
	}
}

// resumeCarried is resume for a client whose socket is on another node.
func (s *System) resumeCarried(conn wire.Conn, hello wire.Hello, identity *wire.Identity) wire.Session {
	if s.draining.Load() {
		return nil
	}
	return s.resume(conn, hello, identity)
}

// onRelayed passes a Relayed of another node on to the relay lane, when it is that node's
// turn. Answers that do not count any more (see Locator.Answered) are taken out.
func (s *System) onRelayed(from string, m *message.Relayed) {
	for i := range m.Deliver {
		m.Deliver[i].Acks = s.answered(from, m.Deliver[i].Acks)
	}
	m.Join = slices.DeleteFunc(m.Join, func(sub message.Subscription) bool {
		return !sub.Gated && !s.locator.Answered(from, &sub.Origin)
	})
	m.Replies = s.answered(from, m.Replies)
	if m.ConversationID == "" { // from a user's actor
		s.passToLane(m)
		return
	}
	s.locator.Hear(from, locator.Conversation, m.ConversationID, m)
}

func (s *System) passToLane(m any) {
	id := ""
	switch m := m.(type) {
	case *message.Relayed:
		id = m.ConversationID
	case *message.GateOpened:
		id = m.ConversationID
	}
	s.actors.Root.Send(s.relayLane(id), m)
}

// tooEarly ends the sessions that listen to a conversation, when so much of it has come
// before its turn that its order cannot be kept for them.
func (s *System) tooEarly(_ locator.Kind, id string, m any) {
	s.o.Log.Error("a new owner tells too much before the one before it has let go: closing the listeners", "conversation", id)
	var people []string
	if m, ok := m.(*message.Relayed); ok {
		people = m.People
	}
	s.hub.CloseListeners(id, people)
}

// answered notes the answers of another node, and returns those that count.
func (s *System) answered(from string, replies []message.Reply) []message.Reply {
	return slices.DeleteFunc(replies, func(r message.Reply) bool { return !s.locator.Answered(from, &r.Origin) })
}

// onQuestion handles the questions that nodes ask each other, and the answers.
func (s *System) onQuestion(from string, m any) {
	c := s.cluster
	switch m := m.(type) {
	case *message.PresenceAsked:
		c.tell(from, &message.PresenceAnswered{Ask: m.Ask, Users: s.knownHere(m.UserIDs)})
	case *message.PresenceAnswered:
		c.asks.answer(m.Ask, m)
	case *message.StatusAsked:
		c.tell(from, &message.StatusAnswered{Ask: m.Ask, Data: c.o.Status()})
	case *message.StatusAnswered:
		c.asks.answer(m.Ask, m)
	default:
		s.unknown.Add(1)
	}
}
