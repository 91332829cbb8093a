package rules

import (
	"cmp"
	"slices"

	"github.com/corrillo/corrillo/actors/message"
)

// sessions are the sessions that have joined.
type sessions map[message.SessionRef]joined

// joined is the user of a session that has joined, and the serial of its last join.
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

// join subscribes a session. If its user needs a row in the participants' table, that
// goes into the next group, but the join does not wait for it: so what the same client
// sends after the join reaches it as a live message. A row that is lost with the server
// is made by the next join. gone: the session has left meanwhile, so it is answered and
// not subscribed.
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
	c.unsubscribe(ref) // it belonged to another user
	if c.sessions == nil {
		c.sessions = sessions{}
	}
	c.sessions[ref] = joined{m, join}
	c.nodes.add(ref.Node, 1)
	m.sessions++
}

// listening takes in the sessions of one node that had joined before this actor began:
// an actor that failed, or one on another node, had admitted them. What that actor had
// in flight may be committed, which only an activation shows. If this actor is
// activated already, it tells that node how far the conversation has come.
func (c *Conversation) listening(m *message.Listening) {
	for i := range m.Sessions {
		l := &m.Sessions[i]
		if known := c.members[l.UserID]; known != nil && known.removed {
			r := c.relay() // it was removed while another node had the conversation
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
		// The node has missed what was sent before it was known to listen: LastSeq
		// and the like make it look for that.
		if c.relay(); len(c.ready.Relay.Deliver) == 0 && len(m.Sessions) > 0 {
			c.ready.RelayTo = m.Sessions[0].Session.Node
		}
	}
}

// unsubscribe forgets a session, and what is kept only as long as its user has one here.
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
	if len(c.sessions) == 0 { // nobody is left who was told any presence
		c.doubts.told = nil
		c.forgetDoubts()
	}
	c.dropIdle(m)
}

// unjoin takes back a subscription that this very step has put into Relay.Join: the relay
// carries out Leave before Join, so a Leave would not end it. The join is still answered.
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

// takeLeave ends a subscription. It needs nothing of the store and is never refused; it
// waits only behind earlier commands of its session, so that it does not overtake a
// join.
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
		delete(c.doubts.told, who.userID) // a user who comes back is shown anew
	}
	c.answer(o, statusOK())
}

// sessionClosed ends a session's subscription, and those that joins of it which still
// wait would begin. Its other commands are carried out all the same.
func (c *Conversation) sessionClosed(ref message.SessionRef) {
	c.cancel(c.life.waiting, ref)
	for _, k := range c.checks.users {
		c.cancel(k.waiting, ref)
	}
	c.unsubscribe(ref)
	r := c.relay()
	r.Leave = append(r.Leave, ref)
}

// joinFailed ends a subscription that the relay did not carry out, unless the session
// has joined again since. A session that this actor does not know may have, too: by a
// join that the actor before it admitted, and that the relay has yet to tell of.
func (c *Conversation) joinFailed(ref message.SessionRef, join uint64) {
	if s, known := c.sessions[ref]; !known || s.join > join {
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
