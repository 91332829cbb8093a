package relay

import (
	"maps"
	"slices"
	"time"

	"github.com/corrillo/corrillo/actors/message"
	"github.com/corrillo/corrillo/wire"
)

// Joined returns how many conversations the session has joined.
func (h *Hub) Joined(s *Subscriber) int {
	h.mu.Lock()
	defer h.mu.Unlock()
	return len(s.joined)
}

// Listens reports whether the session has joined the conversation.
func (h *Hub) Listens(s *Subscriber, conversationID string) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	r := h.rooms[conversationID]
	return r != nil && s.jointOf(r) >= 0
}

// Sessions returns a user's sessions on this node, for the actor of a user that starts
// anew.
func (h *Hub) Sessions(userID string) []SessionState {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.sessionsOf(userID)
}

// TellSessions calls tell with the result of Sessions, if there are any. No session can
// end before tell has returned, so a message that one has ended comes behind those that
// tell sends. tell must not call the hub.
func (h *Hub) TellSessions(userID string, tell func([]SessionState)) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if sessions := h.sessionsOf(userID); len(sessions) > 0 {
		tell(sessions)
	}
}

// Present returns those of userIDs who have a connection on this node, or had one
// until less than grace ago, and when they were last seen.
func (h *Hub) Present(userIDs []string, grace time.Duration) map[string]time.Time {
	h.mu.Lock()
	defer h.mu.Unlock()
	now, present := time.Now(), map[string]time.Time{}
	for _, id := range userIDs {
		u := h.users[id]
		if u == nil {
			continue
		}
		for _, s := range u.sessions {
			seen := now
			switch {
			case s.ended:
				continue
			case s.conn == nil:
				seen = time.Unix(0, s.detached)
			}
			if now.Sub(seen) < grace && seen.After(present[id]) {
				present[id] = seen
			}
		}
	}
	return present
}

func (h *Hub) sessionsOf(userID string) []SessionState {
	u := h.users[userID]
	if u == nil {
		return nil
	}
	states := make([]SessionState, 0, len(u.sessions))
	for _, s := range u.sessions {
		state := SessionState{ID: s.id, Attached: s.conn != nil, Generation: s.generation}
		for i := range s.joined {
			state.Conversations = append(state.Conversations, s.joined[i].room.id)
		}
		states = append(states, state)
	}
	return states
}

// SessionState is one session of a user.
type SessionState struct {
	ID            uint64
	Attached      bool
	Generation    uint64
	Conversations []string
}

// Listeners returns the sessions of this node that have joined a
// conversation.
func (h *Hub) Listeners(conversationID string) []message.Listener {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.listenersOf(conversationID)
}

// Listening returns Listeners, and the users whom they show as online.
func (h *Hub) Listening(conversationID string) *message.Listening {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.listening(conversationID)
}

func (h *Hub) listening(conversationID string) *message.Listening {
	m := &message.Listening{Sessions: h.listenersOf(conversationID), Shows: h.o.Shared}
	if r := h.rooms[conversationID]; r != nil {
		m.Online = slices.Sorted(maps.Keys(r.shown))
	}
	return m
}

// TellListening calls tell with the result of Listening, if there are any sessions. None
// can leave before tell has returned: see TellSessions.
func (h *Hub) TellListening(conversationID string, tell func(*message.Listening)) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if m := h.listening(conversationID); len(m.Sessions) > 0 {
		tell(m)
	}
}

// TellListener calls tell with one of the Listeners of a conversation, if the session is
// one: see TellSessions.
func (h *Hub) TellListener(conversationID string, session message.SessionRef, tell func(message.Listener)) {
	h.mu.Lock()
	defer h.mu.Unlock()
	r, s := h.rooms[conversationID], h.sessions[session.ID]
	if r == nil || s == nil || s.user == nil || session.Node != h.node {
		return
	}
	if i := s.jointOf(r); i >= 0 {
		tell(s.listener(i))
	}
}

// listener makes the Listener of the session's i-th subscription, and notes that its
// conversation is told of it: should the session leave, that has to be told, too. Under
// the hub's lock.
func (s *Subscriber) listener(i int) message.Listener {
	j := &s.joined[i]
	j.told = true
	return message.Listener{Session: s.Ref(), UserID: s.user.id, Join: j.join}
}

func (h *Hub) listenersOf(conversationID string) []message.Listener {
	r := h.rooms[conversationID]
	if r == nil {
		return nil
	}
	listeners := make([]message.Listener, 0, len(r.members))
	for _, s := range r.members {
		if s.user != nil {
			listeners = append(listeners, s.listener(s.jointOf(r)))
		}
	}
	return listeners
}

// Interests returns the conversations that sessions of this node have joined, or hear as
// a direct conversation of their user, and the users who have sessions here.
func (h *Hub) Interests() (conversations, users []string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for id, r := range h.rooms {
		if len(r.members) > 0 || h.follows(r) {
			conversations = append(conversations, id)
		}
	}
	for id := range h.users {
		users = append(users, id)
	}
	return conversations, users
}

// FinishID is Finish for the session of that number.
func (h *Hub) FinishID(id uint64, reason wire.CloseReason) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if s := h.sessions[id]; s != nil {
		h.finish(s, reason)
	}
}

// FinishAll ends every session of this node. Their clients come back with new ones, and
// fetch what they have missed.
func (h *Hub) FinishAll(reason wire.CloseReason) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, s := range h.sessions {
		h.finish(s, reason)
	}
}

// Interested reports whether a conversation is one of Interests.
func (h *Hub) Interested(conversationID string) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	r := h.rooms[conversationID]
	return r != nil && (len(r.members) > 0 || h.follows(r))
}
