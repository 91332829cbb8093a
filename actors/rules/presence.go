package rules

import (
	"time"

	"github.com/corrillo/corrillo/actors/message"
	"github.com/corrillo/corrillo/wire"
)

// presence is what the others here were told of each user, and what is to be
// told when the pace allows it.
type presence struct {
	users   map[string]*shown
	waiting []*shown // ahead, in the order of at
}

type shown struct {
	userID string
	online bool      // as told last
	at     time.Time // not told again before
	ahead  bool      // in waiting, and status is yet to be told
	status wire.PresenceStatus
}

func (p *presence) next() time.Time {
	if len(p.waiting) == 0 {
		return time.Time{}
	}
	return p.waiting[0].at
}

// forget drops what was told of a user who has left; someone who comes back
// is shown anew.
func (p *presence) forget(userID string) {
	if s := p.users[userID]; s != nil && !s.ahead {
		delete(p.users, userID)
	}
}

// presenceChanged tells those who have joined: the first change at once, and
// then at most one per user and Coalesce, the last state; one that is back to
// what was told is not worth a word.
func (c *Conversation) presenceChanged(m *message.PresenceChanged) {
	if c.quiet() {
		return
	}
	p := &c.presence
	s := p.users[m.UserID]
	switch {
	case s == nil:
		if p.users == nil {
			p.users = map[string]*shown{}
		}
		s = &shown{userID: m.UserID}
		p.users[m.UserID] = s
		c.show(s, m.Status)
		if u := c.members[m.UserID]; u == nil || u.sessions == 0 {
			// Known for the pace only, until the next telling drops it.
			s.ahead, s.status = true, m.Status
			p.waiting = append(p.waiting, s)
		}
	case s.ahead:
		s.status = m.Status
	case c.now.Before(s.at):
		s.ahead, s.status = true, m.Status
		p.waiting = append(p.waiting, s)
	case s.online != m.Status.Online:
		c.show(s, m.Status)
	}
}

func (c *Conversation) show(s *shown, status wire.PresenceStatus) {
	s.online, s.at = status.Online, c.now.Add(c.o.Coalesce)
	c.deliver(message.Delivery{
		Event:          wire.EventPresence,
		Data:           wire.AppendPresence(make([]byte, 0, 96+len(s.userID)), s.userID, status),
		ToConversation: true,
		ExceptUser:     s.userID,
	})
}

// tellPresence tells the changes whose time has come.
func (c *Conversation) tellPresence() {
	p := &c.presence
	for len(p.waiting) > 0 && !c.now.Before(p.waiting[0].at) {
		s := p.waiting[0]
		p.waiting = p.waiting[1:]
		s.ahead = false
		if s.online != s.status.Online && !c.quiet() {
			c.show(s, s.status)
		}
		if u := c.members[s.userID]; u == nil || u.sessions == 0 {
			delete(p.users, s.userID)
		}
	}
	if len(p.waiting) == 0 {
		p.waiting = nil
	}
}
