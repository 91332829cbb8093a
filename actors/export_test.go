package actors

import (
	"time"

	"github.com/corrillo/corrillo/actors/locator"
	"github.com/corrillo/corrillo/actors/message"
	"github.com/corrillo/corrillo/actors/relay"
)

// FailConversation makes the conversation's actor panic at once: there is no
// session in the message that it gets.
func (s *System) FailConversation(id string) error {
	return s.locator.Tell(locator.Conversation, id, (*message.SessionClosed)(nil))
}

// FailOwnConversation makes the conversation's actor on this node panic, also when
// it is about to go.
func (s *System) FailOwnConversation(id string) bool {
	return s.locator.TellOwn(locator.Conversation, id, (*message.SessionClosed)(nil))
}

// FailConversationTwice makes it panic again when it answers those who wait.
func (s *System) FailConversationTwice(id string) error {
	if err := s.locator.Tell(locator.Conversation, id, (*message.PostMessage)(nil)); err != nil {
		return err
	}
	return s.FailConversation(id)
}

// HoldLane has the relay lane of a conversation wait until release, behind what
// has come to it by now.
func (s *System) HoldLane(id string) (release func()) {
	held, released := make(chan struct{}), make(chan struct{})
	s.actors.Root.Send(s.relayLane(id), relay.Barrier{Passed: func() { close(held); <-released }})
	<-held
	return func() { close(released) }
}

// Confuse sends the actors messages of a type that they do not know.
func (s *System) Confuse(conversationID, userID string) {
	type nonsense struct{}
	s.locator.TellActive(locator.Conversation, conversationID, &nonsense{})
	s.locator.TellActive(locator.User, userID, &nonsense{})
	s.actors.Root.Send(s.relayLane(conversationID), &nonsense{})
	s.actors.Root.Send(s.writer(conversationID), &nonsense{})
}

// HasConversation reports whether the conversation belongs to this node.
func (s *System) HasConversation(id string) bool { return s.mine(locator.Conversation, id) }

// HasUser reports whether the user belongs to this node.
func (s *System) HasUser(id string) bool { return s.mine(locator.User, id) }

// FailUser makes the user's actor panic, on the node that has it.
func (s *System) FailUser(id string) bool {
	return s.locator.TellActive(locator.User, id, (*message.Beat)(nil))
}

// ExpireDetached ends what waits for a recovery.
func (s *System) ExpireDetached() { s.hub.Sweep(time.Now().Add(time.Hour)) }

// Rest lets the idle rest as if it were that late, and says how many actors
// there is room for in the locator's tables and in protoactor's.
func (s *System) Rest(now time.Time) (located, registered int) {
	s.rest(now)
	return s.locator.Peak(), s.registry.Peak()
}
