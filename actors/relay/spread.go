package relay

import (
	"slices"

	"github.com/asynkron/protoactor-go/actor"

	"github.com/corrillo/corrillo/actors/message"
	"github.com/corrillo/corrillo/actors/outbox"
	"github.com/corrillo/corrillo/actors/whereabouts"
)

// Spread sends the messages of conversations and users to the relay lanes of the
// nodes that need them: on this node by mailbox, on others by the outbox.
type Spread struct {
	Root *actor.RootContext
	Lane func(key string) *actor.PID // this node's lane for a conversation
	Self string                      // this node's id
	// Out sends to the other nodes, and Others lists them; both nil when there are
	// none. The result of Others is not changed.
	Out    *outbox.Outbox
	Others func() []string
	// Whereabouts knows which nodes have which users. Nil: every node may have
	// anyone.
	Whereabouts *whereabouts.Whereabouts
}

// Relay sends m, which it takes over, to this node's lane and the parts that other
// nodes need to theirs. listening calls yield with each node that has sessions in the
// conversation; nil when there are none. Nodes that need m for other reasons, such as
// an answer in it or a user who is or may be there, are found by Relay.
func (s *Spread) Relay(m *message.Relayed, listening func(yield func(node string) bool)) {
	if s.Out == nil {
		s.Root.Send(s.Lane(m.ConversationID), m)
		return
	}
	m.Owner = s.Self
	s.Root.Send(s.Lane(m.ConversationID), m)
	var joined []string
	if listening != nil {
		listening(func(node string) bool { joined = append(joined, node); return true })
	}
	people := m.People != nil || slices.ContainsFunc(m.Deliver, func(d message.Delivery) bool { return len(d.Users) > 0 })
	if people && s.Whereabouts != nil {
		s.Whereabouts.Pass(m, s.Others(), joined, func(node string, listens, people bool) { s.send(node, m, listens, people) })
		return
	}
	for _, node := range s.Others() {
		s.send(node, m, slices.Contains(joined, node), people)
	}
}

func (s *Spread) send(node string, m *message.Relayed, listens, people bool) {
	if part := m.For(node, listens, people); part != nil {
		s.Out.Relay(node, part)
	}
}

// Answer sends m, a *message.Relayed or *message.GateOpened of that conversation, to
// the lane on the node of o, the only one that it is for.
func (s *Spread) Answer(conversationID string, o *message.Origin, m any) {
	if node := o.Node(); s.Out != nil && node != "" && node != s.Self {
		s.Out.Relay(node, m)
		return
	}
	s.Root.Send(s.Lane(conversationID), m)
}
