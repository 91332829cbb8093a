package actors

import (
	"github.com/corrillo/corrillo/actors/locator"
	"github.com/corrillo/corrillo/actors/message"
	"github.com/corrillo/corrillo/actors/placement"
	"github.com/corrillo/corrillo/actors/relay"
)

// interests are what sessions of this node listen to.
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

// announcement says which sessions of this node listen; nil when none does.
func (s *System) announcement(k placement.Key) any {
	if locator.Kind(k.Kind) == locator.Conversation {
		if !s.hub.Interested(k.ID) {
			return nil
		}
		// Of a direct one there may be none; it looks then for what the node
		// before it has saved and not told.
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

// passLanes returns when the relay lanes have done what has come to them by now,
// but for what waits for a hole. So whoever has come or gone at the word of a
// conversation's owner is known before the next owner is told who listens.
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

// hasJoined tells the owner of a conversation of a session that has joined here:
// at the word of the owner before, or after it had waited for a hole. The
// conversation may have gone and come back meanwhile, and its new actor knows
// those who listened then.
func (s *System) hasJoined(m *message.Relayed, session message.SessionRef, late bool) {
	if session.Node != s.hub.Node() || !s.ofAnother(m, late) {
		return
	}
	s.hub.TellListener(m.ConversationID, session, func(l message.Listener) {
		s.locator.Announce(locator.Conversation, m.ConversationID, &message.Listening{Sessions: []message.Listener{l}})
	})
}

// hasLeft tells the owner of a conversation of a session that has left it here at
// the word of another one, or while the owner was told that it listens.
func (s *System) hasLeft(m *message.Relayed, session message.SessionRef, join uint64, late bool) {
	if s.ofAnother(m, late) {
		s.sessionLeft(m.ConversationID, session, join)
	}
}

// ofAnother reports whether m may be of another owner than the one that the
// conversation has now, or of an earlier life of it there.
func (s *System) ofAnother(m *message.Relayed, late bool) bool {
	return late || s.cluster != nil && m.Owner != s.locator.Owner(locator.Conversation, m.ConversationID)
}

// whoListens has the other nodes tell a conversation which of their sessions
// have joined.
func (s *System) whoListens(conversationID string) {
	for _, node := range s.others() {
		s.cluster.tell(node, &message.WhoListens{ConversationID: conversationID})
	}
}

// onWhoListens answers another node's actor that has lost what it knew, when
// what it has said before has been done.
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
