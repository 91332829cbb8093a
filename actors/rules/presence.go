package rules

import (
	"time"

	"github.com/corrillo/corrillo/actors/message"
	"github.com/corrillo/corrillo/wire"
)

// presence is what the sessions that have joined were told of each user, and what is to
// be told when the pace allows it.
type presence struct {
	users   map[string]*shown
	waiting []*shown // have a next, in the order of at
}

type shown struct {
	userID string
	next   *wire.PresenceStatus // to be told later (the user is in waiting); nil: nothing
	at     int64                // nothing is told before, in unix nanoseconds
	online bool                 // as it was told last
	untold bool                 // what was told last is void: anything is news
}

// news reports whether a status differs from what was told last.
func (s *shown) news(status wire.PresenceStatus) bool { return s.untold || s.online != status.Online }

func (p *presence) next() time.Time {
	if len(p.waiting) == 0 {
		return time.Time{}
	}
	return time.Unix(0, p.waiting[0].at)
}

// due reports whether there is something to tell by now.
func (p *presence) due(now time.Time) bool {
	return len(p.waiting) > 0 && now.UnixNano() >= p.waiting[0].at
}

// forget drops what was told of a user who has left; someone who comes back
// is shown anew.
func (p *presence) forget(userID string) {
	if s := p.users[userID]; s != nil && s.next == nil {
		delete(p.users, userID)
	}
}

// presenceChanged tells a user's presence to those who have joined: the first change at
// once, and then at most one for each Coalesce, the last state; nothing is told when that
// is what was told before. While the node is overloaded all of it waits.
func (c *Conversation) presenceChanged(m *message.PresenceChanged) {
	c.doubts.overtaken(m.UserID)
	if c.quiet() {
		return
	}
	p := &c.presence
	s := p.users[m.UserID]
	switch {
	case s == nil && m.Status.Online && c.doubts.isTold(m.UserID):
		// It was told already: by an earlier owner of the conversation, or for an
		// earlier session of the user.
	case s == nil:
		if p.users == nil {
			p.users = map[string]*shown{}
		}
		s = &shown{userID: m.UserID}
		p.users[m.UserID] = s
		if c.sheds(message.WorkPresence) {
			s.untold = true
			c.putOff(s, m.Status)
			return
		}
		c.show(s, m.Status)
		if u := c.members[m.UserID]; u == nil || u.sessions == 0 {
			// The user has left: only the pace is kept, until the next turn drops it.
			p.wait(s, m.Status)
		}
	case s.next != nil:
		*s.next = m.Status
	case c.now.UnixNano() < s.at:
		p.wait(s, m.Status)
	case !s.news(m.Status):
	case c.sheds(message.WorkPresence):
		c.putOff(s, m.Status)
	default:
		c.show(s, m.Status)
	}
}

// putOff lets a status wait for a whole Coalesce.
func (c *Conversation) putOff(s *shown, status wire.PresenceStatus) {
	s.at = c.now.Add(c.o.Coalesce).UnixNano()
	c.presence.wait(s, status)
}

// wait lets a status be told at s.at.
func (p *presence) wait(s *shown, status wire.PresenceStatus) {
	s.next = &status
	p.waiting = append(p.waiting, s)
}

func (c *Conversation) show(s *shown, status wire.PresenceStatus) {
	s.online, s.untold, s.at = status.Online, false, c.now.Add(c.o.Coalesce).UnixNano()
	c.deliver(message.Delivery{
		Event:          wire.EventPresence,
		Data:           wire.AppendPresence(make([]byte, 0, 96+len(s.userID)), s.userID, status),
		ToConversation: true,
		ExceptUser:     s.userID,
		Online:         status.Online,
	})
	if c.o.Shared {
		c.doubts.note(s.userID, status.Online)
	}
}

// tellPresence tells the changes whose time has come, or puts them off once
// more.
func (c *Conversation) tellPresence() {
	p := &c.presence
	if p.due(c.now) && c.o.Load.Sheds(message.WorkPresence) {
		for _, s := range p.waiting {
			s.at = c.now.Add(c.o.Coalesce).UnixNano()
		}
		return
	}
	for p.due(c.now) {
		s := p.waiting[0]
		p.waiting = p.waiting[1:]
		status := *s.next
		s.next = nil
		if s.news(status) && !c.quiet() {
			c.show(s, status)
		}
		if u := c.members[s.userID]; u == nil || u.sessions == 0 {
			delete(p.users, s.userID)
		}
	}
	if len(p.waiting) == 0 {
		p.waiting = nil
	}
}
