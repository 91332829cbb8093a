package rules

import (
	"slices"
	"time"

	"github.com/corrillo/corrillo/actors/message"
	"github.com/corrillo/corrillo/wire"
)

// typingPace is the least time between two broadcasts of the same `typing`.
const typingPace = 2 * time.Second

// typist is a user who types.
type typist struct {
	userID   string
	username string
	session  message.SessionRef
	until    time.Time
	told     time.Time
}

// typing are those who type, in the order in which they began.
type typing []typist

func (t typing) next() time.Time {
	var at time.Time
	for i := range t {
		if at.IsZero() || t[i].until.Before(at) {
			at = t[i].until
		}
	}
	return at
}

// setTyping tells the others. Typing again renews the expiry and is told
// again now and then; `false` is always told, since they may still see what a
// conversation that was restarted has forgotten.
func (c *Conversation) setTyping(m *message.SetTyping, gone bool) {
	o := &m.Origin
	c.answer(o, statusOK())
	i := slices.IndexFunc(c.typing, func(t typist) bool { return t.userID == o.UserID })
	if !m.IsTyping {
		if i >= 0 {
			c.typing = slices.Delete(c.typing, i, i+1)
		}
		if i >= 0 || !c.quiet() {
			c.deliverTyping(o.UserID, o.Username, false)
		}
		return
	}
	if gone || c.quiet() {
		return
	}
	if i < 0 {
		c.typing = append(c.typing, typist{userID: o.UserID})
		i = len(c.typing) - 1
	}
	t := &c.typing[i]
	t.username, t.session, t.until = o.Username, o.Session, c.now.Add(c.o.TypingExpiry)
	if t.told.IsZero() || c.now.Sub(t.told) >= typingPace {
		t.told = c.now
		c.deliverTyping(o.UserID, o.Username, true)
	}
}

// stopTyping ends what a session that goes away has begun.
func (c *Conversation) stopTyping(ref message.SessionRef) {
	c.endTyping(func(t *typist) bool { return t.session == ref })
}

func (c *Conversation) expireTyping() {
	c.endTyping(func(t *typist) bool { return !c.now.Before(t.until) })
}

func (c *Conversation) endTyping(over func(*typist) bool) {
	kept := c.typing[:0]
	for i := range c.typing {
		if t := &c.typing[i]; over(t) {
			c.deliverTyping(t.userID, t.username, false)
			continue
		}
		kept = append(kept, c.typing[i])
	}
	clear(c.typing[len(kept):])
	c.typing = kept
}

// deliverTyping tells the others: in a group those who joined, of a direct
// conversation every device of the other person.
func (c *Conversation) deliverTyping(userID, username string, isTyping bool) {
	d := message.Delivery{Event: wire.EventTyping, Volatile: true, ExceptUser: userID}
	peer := ""
	if c.direct {
		peer = c.pair.other(userID)
		if isTyping && c.peer(userID) == nil {
			return
		}
		// `false` goes to someone removed, too, who may have been told before.
		d.Users = []string{peer}
	} else {
		d.ToConversation = true
	}
	d.Data = wire.AppendTyping(make([]byte, 0, 160), c.id, peer, userID, username, isTyping)
	c.deliver(d)
}
