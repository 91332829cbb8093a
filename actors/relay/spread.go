package relay

import (
	"slices"

	"github.com/asynkron/protoactor-go/actor"

	"github.com/corrillo/corrillo/actors/message"
	"github.com/corrillo/corrillo/actors/outbox"
	"github.com/corrillo/corrillo/actors/whereabouts"
)

// Spread hands what conversations and users tell to the relay lanes of the
// nodes that have listeners: here by mailbox, elsewhere by the outbox.
type Spread struct {
	Root *actor.RootContext
	Lane func(key string) *actor.PID // of this node
	Self string                      // this node's id
	// Out leads to the other nodes, and Others names them; nil when there are
	// none. Others' result is not changed.
	Out    *outbox.Outbox
	Others func() []string
	// Whereabouts says which of them have people. Nil: all may.
	Whereabouts *whereabouts.Whereabouts
}

// Relay passes m on, which it owns. listening calls its argument with the nodes
// that have sessions in the conversation; nil: there are none. Those named by m in
// any other way are found. What is for people goes to every node that has them, or
// may.
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

// Answer passes on what is for one origin alone, a *message.Relayed or
// *message.GateOpened of that conversation.
func (s *Spread) Answer(conversationID string, o *message.Origin, m any) {
	if node := o.Node(); s.Out != nil && node != "" && node != s.Self {
		s.Out.Relay(node, m)
		return
	}
	s.Root.Send(s.Lane(conversationID), m)
}
