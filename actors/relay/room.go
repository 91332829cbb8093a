package relay

import (
	"time"

	"github.com/corrillo/corrillo/actors/message"
)

// room is a conversation on this node: who listens, and the place that its order has
// reached. It is kept while it has members or was used lately.
type room struct {
	id      string
	members []*Subscriber
	stream  stream
	people  []string  // the users who hear a direct conversation without having joined
	holder  *userRoom // see follow

	known    bool  // lastSeq is valid
	lastSeq  int64 // seq of the last message that was published here
	revKnown bool  // lastRev is valid
	lastRev  int64 // rev of the last edit or deletion that was published here
	used     int64 // when, in unix nanoseconds

	// shown are the users whom the members show as online, by the last presence that
	// they were told; nil where there are no other nodes.
	shown map[string]struct{}
}

// shownMost bounds room.shown: beyond it one is forgotten for each that is added.
const shownMost = 10_000

// show notes the presence that the members are told of a user.
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
	holds    []*room // rooms whose holder it is
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

// join adds s to r for a join of m with that serial. A session that is in already
// still gets the events that wait for it. Under the lock.
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

// leave takes s, which goes on living, out of r. Under the lock.
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
	if s.gating != nil { // the held events of a room that it has left are not for it
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
