package actors

import (
	"github.com/corrillo/corrillo/actors/locator"
	"github.com/corrillo/corrillo/actors/message"
	"github.com/corrillo/corrillo/actors/placement"
	"github.com/corrillo/corrillo/actors/relay"
)

// interests returns the users and conversations that sessions of this node listen to.
func (s *System) interests() []placement.Key {
	conversations, users := s.hub.Interests()
	keys := make([]placement.Key, 0, len(conversations)+len(users))
	for _, id := range conversations {
		keys = append(keys, placement.Key{Kind: byte(locator.Conversation), ID: id})
	}
	for _, id := range users {
		keys = append(keys, placement.Key{Kind: byte(locator.User), ID: id})
	}
	return keys
}

// announcement makes the message that tells the owner of k which sessions of this
// node listen to it; nil when none does.
func (s *System) announcement(k placement.Key) any {
	if locator.Kind(k.Kind) == locator.Conversation {
		if !s.hub.Interested(k.ID) {
			return nil
		}
		// For a direct conversation it may name no session. Its new owner then
		// still learns to look for messages that the one before saved and never
		// sent out.
		return s.hub.Listening(k.ID)
	}
	sessions := s.hub.Sessions(k.ID)
	if len(sessions) == 0 {
		return nil
	}
	return s.userSessions(sessions)
}

func (s *System) userSessions(sessions []relay.SessionState) *message.UserSessions {
	m := &message.UserSessions{Node: s.hub.Node(), Sessions: make([]message.UserSession, len(sessions))}
	for i, state := range sessions {
		m.Sessions[i] = message.UserSession(state)
	}
	return m
}

// passLanes returns when the relay lanes have handled everything that they had been
// sent, except what waits for a hole. So sessions that an owner has let join or leave
// are in the hub's tables before the next owner is told who listens.
func (s *System) passLanes() {
	passed := make(chan struct{}, len(s.relayLanes))
	for _, lane := range s.relayLanes {
		s.actors.Root.Send(lane, relay.Barrier{Passed: func() { passed <- struct{}{} }})
	}
	for range s.relayLanes {
		select {
		case <-passed:
		case <-s.stopped.Done():
			return
		}
	}
}

// hasJoined tells the owner of a conversation of a session that has joined here, in
// case it does not know: when an earlier owner carried out the join, or when the join
// had to wait for a hole (late), so that the conversation may have moved away and
// back meanwhile, and its new actor knows only the sessions that had joined then.
func (s *System) hasJoined(m *message.Relayed, session message.SessionRef, late bool) {
	if session.Node != s.hub.Node() || !s.ofAnother(m, late) {
		return
	}
	s.hub.TellListener(m.ConversationID, session, func(l message.Listener) {
		s.locator.Announce(locator.Conversation, m.ConversationID, &message.Listening{Sessions: []message.Listener{l}})
	})
}

// hasLeft tells the owner of a conversation of a session that has left here, in case
// it does not know: when another owner carried out the leave, or when the owner may
// have been told at that time that the session listens (late).
func (s *System) hasLeft(m *message.Relayed, session message.SessionRef, join uint64, late bool) {
	if s.ofAnother(m, late) {
		s.sessionLeft(m.ConversationID, session, join)
	}
}

// ofAnother reports whether m may come from another owner than the conversation has
// now, or from an earlier actor of the same owner.
func (s *System) ofAnother(m *message.Relayed, late bool) bool {
	return late || s.cluster != nil && m.Owner != s.locator.Owner(locator.Conversation, m.ConversationID)
}

// whoListens asks the other nodes to tell a conversation which of their sessions have
// joined it.
func (s *System) whoListens(conversationID string) {
	for _, node := range s.others() {
		s.cluster.tell(node, &message.WhoListens{ConversationID: conversationID})
	}
}

// onWhoListens answers an actor of another node that has started anew after a
// failure. It does so behind everything that the relay lanes had been sent before.
func (s *System) onWhoListens(m *message.WhoListens) {
	s.actors.Root.Send(s.relayLane(m.ConversationID), relay.Barrier{Passed: func() {
		s.hub.TellListening(m.ConversationID, func(listening *message.Listening) {
			s.locator.Announce(locator.Conversation, m.ConversationID, listening)
		})
	}})
	s.hub.TellSessions(m.UserID, func(sessions []relay.SessionState) {
		s.locator.Announce(locator.User, m.UserID, s.userSessions(sessions))
	})
}
