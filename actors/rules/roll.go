package rules

import (
	"github.com/corrillo/corrillo/actors/message"
	"github.com/corrillo/corrillo/wire"
)

// enrolled reports whether the user has a row of the participants' table, or
// is on the way to one.
func (m *member) enrolled() bool { return m.stored || m.dirty || m.batch != nil }

// enroll counts a user who is about to be enrolled, unenroll one whose row was
// perhaps not made.
func (c *Conversation) enroll(m *member) {
	if !m.enrolled() {
		c.enrolled++
	}
}

func (c *Conversation) unenroll(m *member) {
	if !m.enrolled() {
		c.enrolled--
	}
}

// takes reports whether so many more users get a row. In a conversation that
// is full nobody new does: who may take part without a row goes on as a guest,
// who is not listed and has no read mark, and all others are refused.
//
// A direct conversation always has room for its two.
func (c *Conversation) takes(more int) bool {
	return c.direct || more == 0 || c.enrolled+more <= c.o.Members
}

// countEnrolled counts anew after an activation. There may be more than
// Options.Members: an import, or an earlier server, has no such bound.
func (c *Conversation) countEnrolled() {
	c.enrolled = 0
	for _, m := range c.members {
		if m.enrolled() {
			c.enrolled++
		}
	}
}

// newcomers counts those of add who are not enrolled, each once.
func (c *Conversation) newcomers(add []string) int {
	seen := make(map[string]bool, len(add))
	for _, id := range add {
		if m := c.members[id]; m == nil || !m.enrolled() {
			seen[id] = true
		}
	}
	return len(seen)
}

// refuseGuest refuses what only a participant can have, in a conversation that
// takes no more of them.
func (c *Conversation) refuseGuest(o *message.Origin) {
	c.ready.Full++
	c.refuse(o, "", wire.Errorf(wire.CodeForbidden, "only participants have a read mark, and this conversation takes no more of them"))
}

// refuseNewcomers refuses to add more participants than the conversation takes.
func (c *Conversation) refuseNewcomers(o *message.Origin) {
	c.ready.Full++
	c.refuse(o, "", wire.Errorf(wire.CodePayloadTooLarge, "a conversation takes at most %d participants", c.o.Members))
}
