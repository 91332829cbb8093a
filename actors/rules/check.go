package rules

import (
	"time"

	"github.com/corrillo/corrillo/actors/message"
)

// maxChecks is when answers that are no longer believed are swept out.
const maxChecks = 1024

// checks are the authorizer's answers, and who waits for one. While a check
// of a user is under way, all commands of that user wait in their order.
type checks struct {
	users map[string]*check
	held  int // commands that wait
}

type check struct {
	member  bool
	until   time.Time // member is believed before this
	asked   bool
	waiting []held
}

// check reports whether the authorizer lets the user in. When it does not
// know yet, the command waits.
func (c *Conversation) check(h held, o *message.Origin, peerID string) bool {
	k := c.checks.users[o.UserID]
	if k != nil && !k.asked && c.now.Before(k.until) {
		if !k.member {
			c.refuseHeld(h, errForbidden())
		}
		return k.member
	}
	if c.held() >= c.o.Waiting {
		c.refuseHeld(h, c.tooMany())
		return false
	}
	if k == nil {
		k = &check{}
		c.sweepChecks()
		c.checks.users[o.UserID] = k
	}
	if !k.asked {
		k.asked = true
		c.ready.Checks = append(c.ready.Checks, Check{UserID: o.UserID, PeerID: peerID})
	}
	k.waiting = append(k.waiting, h)
	c.checks.held++
	return false
}

// inTurn lets a command that needs no check pass, unless earlier ones of its
// user wait for one.
func (c *Conversation) inTurn(h held, o *message.Origin) bool {
	k := c.checks.users[o.UserID]
	if k == nil || !k.asked {
		return true
	}
	k.waiting = append(k.waiting, h)
	c.checks.held++
	return false
}

// membershipChecked takes the authorizer's answer. A failure is no answer: it
// is not remembered.
func (c *Conversation) membershipChecked(m *message.MembershipChecked) {
	k := c.checks.users[m.UserID]
	if k == nil || !k.asked {
		return
	}
	waiting := k.waiting
	k.asked, k.waiting = false, nil
	c.checks.held -= len(waiting)
	if m.Err == nil {
		k.member, k.until = m.Member, c.now.Add(c.o.CheckTTL)
	}
	if c.life.phase != warm {
		// An activation has come between; what waits for that came later.
		c.life.waiting = append(waiting, c.life.waiting...)
		c.activate()
		return
	}
	for _, h := range waiting {
		_, leaving := h.cmd.(*message.Leave)
		switch {
		case leaving:
			c.run(h, true)
		case m.Err != nil:
			c.refuseHeld(h, errNoAnswer(m.Err))
		case !m.Member:
			c.refuseHeld(h, errForbidden())
		default:
			c.run(h, true)
		}
	}
}

// sweepChecks makes room for one more user.
func (c *Conversation) sweepChecks() {
	if c.checks.users == nil {
		c.checks.users = map[string]*check{}
	}
	if len(c.checks.users) < maxChecks {
		return
	}
	for id, k := range c.checks.users {
		if !k.asked && !c.now.Before(k.until) {
			delete(c.checks.users, id)
		}
	}
}
