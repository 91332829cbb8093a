package rules

import (
	"cmp"
	"slices"

	"github.com/corrillo/corrillo/actors/message"
)

// sessions are those that have joined.
type sessions map[message.SessionRef]joined

// joined is whose a session is, and the serial of its last join.
type joined struct {
	*member
	join uint64
}

// ofUsers returns the sessions of users, in a fixed order.
func (s sessions) ofUsers(users []string) []message.SessionRef {
	var refs []message.SessionRef
	for ref, m := range s {
		if m.sessions > 0 && slices.Contains(users, m.userID) {
			refs = append(refs, ref)
		}
	}
	sortRefs(refs)
	return refs
}

func sortRefs(refs []message.SessionRef) {
	slices.SortFunc(refs, func(a, b message.SessionRef) int {
		return cmp.Or(cmp.Compare(a.Node, b.Node), cmp.Compare(a.ID, b.ID))
	})
}

// join subscribes a session. A row that its user needs goes into the next
// group; the join does not wait for it, so that what the same client sends
// after the join reaches it as a live message, and the row of a join that was
// lost with the server is made by the next one. gone: the session has left
// meanwhile, the reply is all it gets.
//
// A client that says how far it has read gets what it missed: live events
// wait behind the page that the relay's gate brings. When nothing can be
// missed the reply goes at once.
func (c *Conversation) join(m *message.Join, gone bool) {
	o := &m.Origin
	if known := c.members[o.UserID]; (known == nil || !known.stored) && !c.room(2, 240) {
		c.refuse(o, "", c.crowded())
		return
	}
	c.bringIn(o.UserID)
	who := c.member(o.UserID)
	last := &c.life
	missed := m.AfterSeq >= 0 && m.AfterSeq < last.lastSeq
	changed := m.AfterRev >= 0 && m.AfterRev < last.lastRev
	reply := JoinReply{ConversationID: c.id, LastSeq: last.lastSeq, LastRev: last.lastRev, ReadSeq: who.read}
	if gone || o.Session.IsZero() {
		c.answer(o, AppendJoinReply(nil, &reply))
		c.dropIdle(who)
		return
	}
	c.subscribe(o.Session, who, o.Serial)
	sub := message.Subscription{Origin: *o, Gated: missed || changed}
	if sub.Gated {
		read := Read{
			Origin: *o, Join: true, AfterSeq: -1, AfterRev: -1,
			ThroughSeq: last.lastSeq, ThroughRev: last.lastRev, ReadSeq: who.read,
		}
		if missed {
			read.AfterSeq = m.AfterSeq
		}
		if changed {
			read.AfterRev = m.AfterRev
		}
		c.ready.Reads = append(c.ready.Reads, read)
	} else {
		sub.Reply = AppendJoinReply(make([]byte, 0, 160+2*len(c.id)), &reply)
	}
	r := c.relay()
	r.Join = append(r.Join, sub)
}

// subscribe counts a session once, however often it joins.
func (c *Conversation) subscribe(ref message.SessionRef, m *member, join uint64) {
	if c.sessions[ref].member == m {
		c.sessions[ref] = joined{m, max(join, c.sessions[ref].join)}
		return
	}
	c.unsubscribe(ref) // it was someone else's
	if c.sessions == nil {
		c.sessions = sessions{}
	}
	c.sessions[ref] = joined{m, join}
	c.nodes.add(ref.Node, 1)
	m.sessions++
}

// listening takes up the sessions that the relay knows to have joined in an
// earlier life of the actor, or of the conversation on another node; they are of
// one node. What that life had in flight may be committed: only an activation
// tells. An actor that has gone on already tells their node how far it is.
func (c *Conversation) listening(m *message.Listening) {
	for i := range m.Sessions {
		l := &m.Sessions[i]
		if known := c.members[l.UserID]; known != nil && known.removed {
			r := c.relay() // it was, while another node had the conversation
			r.EvictUsers = append(r.EvictUsers, l.UserID)
			continue
		}
		c.subscribe(l.Session, c.member(l.UserID), l.Join)
	}
	c.doubtListening(m)
	switch {
	case c.life.phase == cold:
		c.life.doubt = true
		c.activate()
	case c.life.phase == warm && (c.direct || len(m.Sessions) > 0):
		// What was told before this node was known to listen, it has missed.
		if c.relay(); len(c.ready.Relay.Deliver) == 0 && len(m.Sessions) > 0 {
			c.ready.RelayTo = m.Sessions[0].Session.Node
		}
	}
}

// unsubscribe forgets a session and what it alone kept up.
func (c *Conversation) unsubscribe(ref message.SessionRef) {
	c.unjoin(ref)
	c.stopTyping(ref)
	m := c.sessions[ref].member
	if m == nil {
		return
	}
	delete(c.sessions, ref)
	c.nodes.add(ref.Node, -1)
	m.sessions--
	if m.sessions == 0 {
		c.presence.forget(m.userID)
	}
	if len(c.sessions) == 0 { // nobody believes anything
		c.doubts.told = nil
		c.forgetDoubts()
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
	who := c.sessions[o.Session].member
	c.sessionClosed(o.Session)
	if who != nil && who.sessions == 0 {
		delete(c.doubts.told, who.userID) // and is shown anew after coming back
	}
	c.answer(o, statusOK())
}

// sessionClosed ends a session's subscription, and the ones that its waiting
// joins would begin. What it sent is done all the same.
func (c *Conversation) sessionClosed(ref message.SessionRef) {
	c.cancel(c.life.waiting, ref)
	for _, k := range c.checks.users {
		c.cancel(k.waiting, ref)
	}
	c.unsubscribe(ref)
	r := c.relay()
	r.Leave = append(r.Leave, ref)
}

// joinFailed ends a subscription that the relay could not make, unless the
// session has joined again since.
func (c *Conversation) joinFailed(ref message.SessionRef, join uint64) {
	if c.sessions[ref].join > join {
		return
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
		Epoch: c.life.epoch, ThroughSeq: c.life.lastSeq, ThroughRev: c.life.lastRev,
	})
}
