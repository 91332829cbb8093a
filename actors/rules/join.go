package rules

import (
	"cmp"
	"slices"

	"github.com/corrillo/corrillo/actors/message"
	"github.com/corrillo/corrillo/wire"
)

// sessions are those that have joined.
type sessions map[message.SessionRef]*member

// ofUsers returns the sessions of users, in a fixed order.
func (s sessions) ofUsers(users []string) []message.SessionRef {
	var refs []message.SessionRef
	for ref, m := range s {
		if m.sessions > 0 && slices.Contains(users, m.userID) {
			refs = append(refs, ref)
		}
	}
	slices.SortFunc(refs, func(a, b message.SessionRef) int {
		return cmp.Or(cmp.Compare(a.Node, b.Node), cmp.Compare(a.ID, b.ID))
	})
	return refs
}

// join subscribes a session, after the commit of its user's row when one has
// to be made. gone: the session has left meanwhile, the reply is all it gets.
func (c *Conversation) join(m *message.Join, gone bool) {
	p := &pendingJoin{join: m, gone: gone}
	if u := c.members[m.Origin.UserID]; (u == nil || !u.stored) && !c.room(2, 240) {
		c.refuse(&m.Origin, "", errOverloaded())
		return
	}
	if b := c.bringIn(&m.Origin, m.Origin.UserID); b != nil {
		if len(b.waiters) >= c.o.Waiting {
			c.refuse(&m.Origin, "", errOverloaded())
			return
		}
		b.waiters = append(b.waiters, p)
		return
	}
	p.saved(c)
}

// pendingJoin waits for its user's row.
type pendingJoin struct {
	join *message.Join
	gone bool
}

func (p *pendingJoin) failed(c *Conversation, e *wire.Error) { c.refuse(&p.join.Origin, "", e) }

// saved subscribes the session. A client that says how far it has read gets
// what it missed: live events wait behind the page that the relay's gate
// brings. When nothing can be missed the reply goes at once.
func (p *pendingJoin) saved(c *Conversation) {
	o := &p.join.Origin
	m := c.member(o.UserID)
	if m.removed && !o.FromBackEnd() {
		c.dropIdle(m)
		c.refuse(o, "", errForbidden())
		return
	}
	last := &c.life
	missed := p.join.AfterSeq >= 0 && p.join.AfterSeq < last.lastSeq
	changed := p.join.AfterRev >= 0 && p.join.AfterRev < last.lastRev
	reply := JoinReply{ConversationID: c.id, LastSeq: last.lastSeq, LastRev: last.lastRev, ReadSeq: m.read}
	if p.gone || o.Session.IsZero() {
		c.answer(o, AppendJoinReply(nil, &reply))
		c.dropIdle(m)
		return
	}
	c.subscribe(o.Session, m)
	sub := message.Subscription{Origin: *o, Gated: missed || changed}
	if sub.Gated {
		read := Read{
			Origin: *o, Join: true, AfterSeq: -1, AfterRev: -1,
			ThroughSeq: last.lastSeq, ThroughRev: last.lastRev, ReadSeq: m.read,
		}
		if missed {
			read.AfterSeq = p.join.AfterSeq
		}
		if changed {
			read.AfterRev = p.join.AfterRev
		}
		c.ready.Reads = append(c.ready.Reads, read)
	} else {
		sub.Reply = AppendJoinReply(make([]byte, 0, 160+2*len(c.id)), &reply)
	}
	r := c.relay()
	r.Join = append(r.Join, sub)
}

// subscribe counts a session once, however often it joins.
func (c *Conversation) subscribe(ref message.SessionRef, m *member) {
	if c.sessions[ref] == m {
		return
	}
	c.unsubscribe(ref) // it was someone else's
	if c.sessions == nil {
		c.sessions = sessions{}
	}
	c.sessions[ref] = m
	m.sessions++
	c.ready.Joined = append(c.ready.Joined, m.userID)
}

// unsubscribe forgets a session and what it alone kept up.
func (c *Conversation) unsubscribe(ref message.SessionRef) {
	c.unjoin(ref)
	c.stopTyping(ref)
	m := c.sessions[ref]
	if m == nil {
		return
	}
	delete(c.sessions, ref)
	m.sessions--
	c.ready.Left = append(c.ready.Left, m.userID)
	if m.sessions == 0 {
		c.presence.forget(m.userID)
	}
	c.dropIdle(m)
}

// unjoin takes back what this very step was to subscribe: the relay does
// Leave before Join. The join is answered all the same.
func (c *Conversation) unjoin(ref message.SessionRef) {
	r := &c.ready.Relay
	for i := 0; i < len(r.Join); i++ {
		sub := r.Join[i]
		if sub.Origin.Session != ref {
			continue
		}
		r.Join = slices.Delete(r.Join, i, i+1)
		i--
		if sub.Gated {
			k := slices.IndexFunc(c.ready.Reads, func(rd Read) bool { return rd.Join && rd.Origin.Session == ref })
			rd := c.ready.Reads[k]
			c.ready.Reads = slices.Delete(c.ready.Reads, k, k+1)
			sub.Reply = AppendJoinReply(nil, &JoinReply{
				ConversationID: c.id, LastSeq: rd.ThroughSeq, LastRev: rd.ThroughRev, ReadSeq: rd.ReadSeq, HasMore: true,
			})
		}
		c.answer(&sub.Origin, sub.Reply)
	}
}

// takeLeave ends a subscription; it needs nothing of the store and is never
// refused. It waits only behind earlier commands of its session, so that a
// join is not overtaken.
func (c *Conversation) takeLeave(m *message.Leave) {
	if c.life.phase == warm {
		c.run(held{cmd: m}, false)
		return
	}
	waits := func(h held) bool { return originOf(h.cmd).Session == m.Origin.Session }
	if c.held() < c.o.Waiting && slices.ContainsFunc(c.life.waiting, waits) {
		c.life.waiting = append(c.life.waiting, held{cmd: m})
		return
	}
	c.leave(&m.Origin)
}

func (c *Conversation) leave(o *message.Origin) {
	c.sessionClosed(o.Session)
	c.answer(o, statusOK())
}

// sessionClosed ends a session's subscription, and the ones that its waiting
// joins would begin. What it sent is done all the same.
func (c *Conversation) sessionClosed(ref message.SessionRef) {
	c.cancel(c.life.waiting, ref)
	for _, k := range c.checks.users {
		c.cancel(k.waiting, ref)
	}
	for _, b := range []*batch{c.pipe.flying, c.pipe.again, c.pipe.next} {
		if b == nil {
			continue
		}
		for _, w := range b.waiters {
			if p, ok := w.(*pendingJoin); ok && p.join.Origin.Session == ref {
				p.gone = true
			}
		}
	}
	c.unsubscribe(ref)
	r := c.relay()
	r.Leave = append(r.Leave, ref)
}

func (c *Conversation) cancel(waiting []held, ref message.SessionRef) {
	for i := range waiting {
		if originOf(waiting[i].cmd).Session == ref {
			waiting[i].gone = true
		}
	}
}

// history asks for a page; the shell replies with it.
func (c *Conversation) history(m *message.GetHistory) {
	c.ready.Reads = append(c.ready.Reads, Read{
		Origin: m.Origin, History: true, BeforeSeq: m.BeforeSeq, AfterSeq: m.AfterSeq, Limit: m.Limit,
	})
}
