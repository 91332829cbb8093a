package rules

import (
	"github.com/corrillo/corrillo/actors/message"
	"github.com/corrillo/corrillo/repo"
	"github.com/corrillo/corrillo/wire"
)

// pair is the two people of a direct conversation, once they are known: from
// the participants' rows, or from a command that names both - the id is a
// hash of the two, so it proves them. The same person twice is a pair too.
type pair struct {
	a, b  string
	known bool
	// live are those of the two who are not removed; nil: to be found anew.
	live []string
	all  []string // the two, or the one; nil: not asked for yet
}

func (p *pair) has(userID string) bool { return p.known && (userID == p.a || userID == p.b) }

func (p *pair) other(userID string) string {
	if userID == p.a {
		return p.b
	}
	return p.a
}

// both returns the two, or the one.
func (p *pair) both() []string {
	if p.a == p.b {
		return []string{p.a}
	}
	return []string{p.a, p.b}
}

// changed says that someone was removed or restored.
func (p *pair) changed() { p.live = nil }

// prove learns that the two are the people of this conversation, if they are.
func (c *Conversation) prove(a, b string) bool {
	if !c.pair.known && a != "" && b != "" && wire.DirectID(a, b) == c.id {
		c.pair = pair{a: a, b: b, known: true}
	}
	return c.pair.known
}

// people returns those who hear a direct conversation: both, but for who was
// removed. The slice is shared and never changed.
func (c *Conversation) people() []string {
	p := &c.pair
	if p.live == nil && p.known {
		p.live = []string{}
		for _, id := range p.both() {
			if m := c.members[id]; m == nil || !m.removed {
				p.live = append(p.live, id)
			}
		}
	}
	return p.live
}

// everyone returns both, or the one, also who was removed. The slice is shared and
// never changed.
func (c *Conversation) everyone() []string {
	if p := &c.pair; p.all == nil && p.known {
		p.all = p.both()
	}
	return c.pair.all
}

// peer returns the other person as the audience of what userID does, nil when
// that one was removed.
func (c *Conversation) peer(userID string) []string {
	other := c.pair.other(userID)
	if m := c.members[other]; m != nil && m.removed {
		return nil
	}
	return []string{other}
}

// proven reports whether the two people are known, which a message tells too:
// only the back end comes here without having been admitted.
func (c *Conversation) proven(o *message.Origin, m *repo.Message) bool {
	return c.prove(o.UserID, o.PeerID) || c.prove(m.SenderID, m.ReceiverID)
}

// admitDirect lets in the two people alone. Everyone else is forbidden, also
// when there is no such conversation: an id gives nothing away. Whom the two
// are is not known before one of them addresses the other by receiverId.
func (c *Conversation) admitDirect(h held, o *message.Origin, checked bool) bool {
	c.prove(o.UserID, o.PeerID)
	if !c.pair.has(o.UserID) {
		c.refuseHeld(h, errForbidden())
		return false
	}
	if c.o.DirectShared && !checked && !c.acquainted() {
		return c.check(h, o, c.pair.other(o.UserID))
	}
	return true
}

// acquainted reports whether the two have been in contact: both are
// participants already.
func (c *Conversation) acquainted() bool {
	if c.pair.a == c.pair.b {
		return true
	}
	for _, id := range c.pair.both() {
		if m := c.members[id]; m == nil || !m.stored {
			return false
		}
	}
	return true
}

// areItsPeople reports whether the lists name nobody but the two people.
func (c *Conversation) areItsPeople(lists ...[]string) bool {
	if l := lists[0]; len(l) == 2 {
		c.prove(l[0], l[1])
	}
	for _, l := range lists {
		for _, id := range l {
			if !c.pair.has(id) {
				return false
			}
		}
	}
	return true
}
