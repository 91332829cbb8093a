package relay

import (
	"time"

	"github.com/corrillo/corrillo/actors/message"
)

// room is a conversation on this node: who listens, and how far its messages
// were passed on. It is kept while it has members or was used lately.
type room struct {
	id      string
	members []*Subscriber
	stream  stream
	people  []string  // of a direct conversation, who hear it without having joined
	holder  *userRoom // see follow

	known    bool  // lastSeq counts
	lastSeq  int64 // last message passed on
	revKnown bool  // lastRev counts
	lastRev  int64 // last edit or deletion passed on
	used     int64 // unix nanoseconds

	// shown are those of whom members were told that they are online, and not that
	// they are offline since; nil where there are no other nodes.
	shown map[string]struct{}
}

// shownMost bounds room.shown: over it one is forgotten for each that comes.
const shownMost = 10_000

// show notes what the members are told of a user.
func (r *room) show(userID string, online bool) {
	if !online {
		delete(r.shown, userID)
		return
	}
	if r.shown == nil {
		r.shown = map[string]struct{}{}
	}
	if len(r.shown) >= shownMost {
		for id := range r.shown {
			delete(r.shown, id)
			break
		}
	}
	r.shown[userID] = struct{}{}
}

// userRoom is a user's sessions on this node.
type userRoom struct {
	id       string
	sessions []*Subscriber
	stream   stream
	holds    []*room // those that it is the holder of
}

// roomOf returns the room, made when create is set. Under the lock.
func (h *Hub) roomOf(id string, create bool) *room {
	r := h.rooms[id]
	if r == nil && create {
		r = &room{id: id}
		h.rooms[id] = r
	}
	return r
}

// join adds s to r, as m says. What a session that is in already has not received yet
// stays due to it. Under the lock.
func (h *Hub) join(s *Subscriber, r *room, gated bool, serial uint64, m *message.Relayed) {
	i := s.jointOf(r)
	if i < 0 {
		i = len(s.joined)
		s.joined = append(s.joined, joint{room: r, index: len(r.members), since: h.offset})
		r.members = append(r.members, s)
		if len(r.members) == 1 {
			h.joined++
		}
		h.o.Shown(s.user.id, r.id, s.Ref(), true)
	}
	s.joined[i].join = max(s.joined[i].join, serial)
	if gated {
		s.closeGate(r, serial, m)
	} else {
		s.joined[i].firm = true
	}
}

// leave takes s out of r, while it goes on elsewhere. Under the lock.
func (h *Hub) leave(s *Subscriber, r *room) {
	if h.takeOut(s, r) && s.user != nil {
		h.o.Shown(s.user.id, r.id, s.Ref(), false)
	}
}

// takeOut takes s out of r and reports whether it was in. Under the lock.
func (h *Hub) takeOut(s *Subscriber, r *room) bool {
	i := s.jointOf(r)
	if i < 0 {
		return false
	}
	j := s.joined[i]
	last := len(s.joined) - 1
	s.joined[i] = s.joined[last]
	s.joined[last] = joint{}
	s.joined = s.joined[:last]

	tail := len(r.members) - 1
	moved := r.members[tail]
	r.members[tail] = nil
	r.members = r.members[:tail]
	if moved != s {
		r.members[j.index] = moved
		moved.joined[moved.jointOf(r)].index = j.index
	}
	if cap(r.members) > 64 && len(r.members)*4 < cap(r.members) {
		r.members = append(make([]*Subscriber, 0, len(r.members)*2), r.members...)
	}
	if len(r.members) == 0 {
		h.joined--
		r.shown = nil
		r.used = time.Now().UnixNano()
		h.follow(r)
	}
	if s.gating != nil { // it is not in the room any more
		s.gating.forget(len(s.gating.held), joinedOnly(r))
	}
	s.openGates(func(g gatedJoin) bool { return g.room == r })
	return true
}

// leaveAll takes s out of every room and returns their ids.
func (h *Hub) leaveAll(s *Subscriber) []string {
	ids := make([]string, 0, len(s.joined))
	for len(s.joined) > 0 {
		r := s.joined[len(s.joined)-1].room
		ids = append(ids, r.id)
		h.takeOut(s, r)
	}
	s.joined = nil
	return ids
}

// bindUser and unbindUser keep userRoom.sessions. Under the lock.
func (h *Hub) bindUser(s *Subscriber, userID string) {
	u := h.users[userID]
	if u == nil {
		u = &userRoom{id: userID}
		h.users[userID] = u
		h.o.Whereabouts.Here(userID)
	}
	u.sessions = append(u.sessions, s)
	s.user, s.userSince = u, h.offset
}

func (h *Hub) unbindUser(s *Subscriber) {
	u := s.user
	if u == nil {
		return
	}
	s.user = nil
	for i, other := range u.sessions {
		if other == s {
			last := len(u.sessions) - 1
			u.sessions[i] = u.sessions[last]
			u.sessions[last] = nil
			u.sessions = u.sessions[:last]
			break
		}
	}
	if len(u.sessions) == 0 {
		delete(h.users, u.id)
		h.letGo(u)
		h.o.Whereabouts.Gone(u.id)
	}
}
