package rules

import (
	"maps"
	"slices"

	"github.com/corrillo/corrillo/actors/message"
	"github.com/corrillo/corrillo/repo"
	"github.com/corrillo/corrillo/wire"
)

// member is what is known of one user here.
type member struct {
	userID string
	role   string
	// stored: the participant table has a row, so it may be a membership.
	stored  bool
	removed bool // shut out until the back end adds the user again
	dirty   bool // read is ahead of what is stored, and in reads.dirty
	// durable is the stored read mark, read the one in memory: sending moves
	// it at once. announced is the last one that others were told.
	durable   int64
	read      int64
	announced int64
	telling   *telling // nil: nothing was told within the last Coalesce
	// batch is the one that holds a change of this user at
	// group.Participants[slot]; nil: none does.
	batch    *batch
	slot     int
	sessions int // that have joined
}

// out reports whether the user is removed and on no way back.
func (m *member) out() bool {
	return m.removed && (m.batch == nil || !m.batch.group.Participants[m.slot].Restore)
}

type members map[string]*member

// member returns what is known of the user, beginning with nothing.
func (c *Conversation) member(userID string) *member {
	m := c.members[userID]
	if m == nil {
		if c.members == nil {
			c.members = members{}
		}
		m = &member{userID: userID}
		c.members[userID] = m
	}
	return m
}

// loadMembers takes the participants of an activation. Who has joined stays
// joined, unless removed meanwhile; marks that are not stored yet stay dirty.
func (c *Conversation) loadMembers(stored []repo.Participant) {
	for _, m := range c.members {
		m.stored, m.removed, m.role, m.durable = false, false, "", 0
	}
	if c.members == nil && len(stored) > 0 {
		c.members = make(members, len(stored))
	}
	for i := range stored {
		p := &stored[i]
		m := c.member(p.UserID)
		m.stored, m.removed, m.role = true, !p.RemovedAt.IsZero(), p.Role
		m.durable = p.LastReadSeq
		m.read = max(m.read, m.durable)
		m.announced = max(m.announced, m.durable)
		if c.direct && p.PeerID != "" {
			c.prove(p.UserID, p.PeerID)
		}
	}
	if c.direct && len(stored) == 2 {
		c.prove(stored[0].UserID, stored[1].UserID)
	}
	var out []string
	for _, id := range slices.Sorted(maps.Keys(c.members)) {
		m := c.members[id]
		if m.removed {
			out = append(out, id)
		}
		c.dropIdle(m)
	}
	c.countEnrolled()
	c.pair.changed()
	c.evict(out)
}

// dropIdle forgets a user of whom nothing is known.
func (c *Conversation) dropIdle(m *member) {
	if !m.stored && !m.dirty && m.batch == nil && m.sessions == 0 && m.telling == nil {
		delete(c.members, m.userID)
	}
}

// admit reports whether the client's command may run now. If not, it has been
// refused, or it waits for a check.
func (c *Conversation) admit(h held, o *message.Origin, checked bool) bool {
	if _, leaving := h.cmd.(*message.Leave); leaving {
		return c.inTurn(h, o)
	}
	m := c.members[o.UserID]
	if m != nil && m.removed {
		c.refuseHeld(h, errForbidden())
		return false
	}
	if c.direct {
		return c.admitDirect(h, o, checked)
	}
	switch c.o.Membership {
	case MembershipOpen:
		return true
	case MembershipQuery:
		return checked || c.check(h, o, "")
	case MembershipMembers:
		if o.Claimed || m != nil && m.stored && m.role != repo.RoleClaimed {
			return true
		}
	}
	c.refuseHeld(h, errForbidden())
	return false
}

// bringIn puts the rows that this command's user needs into the next group:
// joining and sending make a participant of an open conversation, and both
// people of a direct one.
func (c *Conversation) bringIn(userID string) {
	switch {
	case c.direct && c.pair.known:
		for _, id := range c.pair.both() {
			if m := c.member(id); !m.stored && m.batch == nil {
				c.participant(m)
			}
		}
	case !c.direct && c.o.Membership == MembershipOpen && userID != "":
		m := c.member(userID)
		switch {
		case m.stored:
		case !m.enrolled() && !c.takes(1):
			c.dropIdle(m)
		case m.batch == nil:
			c.participant(m)
		}
	}
}

// participant returns the change of m in the next group, made if need be. It
// is valid until the next call.
func (c *Conversation) participant(m *member) *repo.ParticipantChange {
	b := c.pipe.collecting()
	if m.batch != b {
		c.enroll(m)
		m.batch, m.slot = b, len(b.group.Participants)
		p := repo.ParticipantChange{UserID: m.userID, At: c.now}
		if c.direct && c.pair.has(m.userID) {
			p.PeerID = c.pair.other(m.userID)
		}
		if !m.stored && c.claimOnly() {
			p.Role = repo.RoleClaimed
		}
		b.group.Participants = append(b.group.Participants, p)
		b.members = append(b.members, m)
		b.bytes += 120
	}
	return &b.group.Participants[m.slot]
}

// claimOnly reports whether a row made here for a read mark's sake must not
// become a membership: the table is the back end's.
func (c *Conversation) claimOnly() bool {
	return !c.direct && c.o.Membership == MembershipMembers
}

// participantsSaved takes over what the batch's commit made of the users. A
// mark that was refused has not moved.
func (c *Conversation) participantsSaved(b *batch, r *repo.GroupResult) {
	for i, m := range b.members {
		p := &b.group.Participants[i]
		if m.batch == b {
			m.batch = nil
		}
		if !m.stored {
			m.stored, m.role = true, p.Role
		}
		if p.Role != "" {
			m.role = p.Role
		}
		if p.Restore {
			m.removed = false
		}
		if p.Remove {
			m.removed = true
		}
		if r.MarksRefused[m.userID] == nil {
			m.durable = max(m.durable, p.ReadSeq)
			m.read = max(m.read, m.durable)
		}
	}
	if len(b.members) > 0 {
		c.pair.changed()
	}
}

// participantsFailed forgets what the batch would have made of the users. A
// mark that sending moved is of an acked message: it is to be written yet.
func (c *Conversation) participantsFailed(b *batch) {
	for _, m := range b.members {
		if m.batch == b {
			m.batch = nil
			c.unenroll(m)
		}
		if m.read > m.durable {
			c.soil(m)
		}
		c.dropIdle(m)
	}
}

// evict ends the subscriptions of users.
func (c *Conversation) evict(users []string) {
	if len(users) == 0 {
		return
	}
	r := c.relay()
	r.EvictUsers = append(r.EvictUsers, users...)
	for _, ref := range c.sessions.ofUsers(users) {
		c.unsubscribe(ref)
	}
	for _, id := range users {
		delete(c.doubts.told, id)
	}
}

// changeMembership adds and removes participants; for the back end alone. Who
// stands in both lists is removed.
func (c *Conversation) changeMembership(m *message.ChangeMembership) {
	o := &m.Origin
	rows := len(m.Add) + len(m.Remove)
	switch {
	case !o.FromBackEnd():
		c.refuse(o, "", errForbidden())
		return
	case rows > c.o.GroupRows:
		c.refuse(o, "", wire.Errorf(wire.CodePayloadTooLarge, "at most %d users can be changed at once", c.o.GroupRows))
		return
	case c.direct && !c.areItsPeople(m.Add, m.Remove):
		c.refuse(o, "", wire.Errorf(wire.CodeInvalidPayload, "a direct conversation has its two people and no others"))
		return
	case !c.takes(c.newcomers(m.Add)):
		c.refuseNewcomers(o)
		return
	case !c.room(rows, 120*rows):
		c.refuse(o, "", c.crowded())
		return
	}
	at := m.At
	if at.IsZero() {
		at = c.now
	}
	for _, id := range m.Add {
		u := c.member(id)
		p := c.participant(u)
		p.Restore, p.Remove, p.At = true, false, at
		if p.Role == repo.RoleClaimed || u.role == repo.RoleClaimed {
			p.Role = "member"
		}
	}
	for _, id := range m.Remove {
		p := c.participant(c.member(id))
		p.Restore, p.Remove, p.At = false, true, at
	}
	b := c.pipe.collecting()
	b.waiters = append(b.waiters, &pendingMembership{origin: *o, remove: m.Remove})
}

// pendingMembership waits for its rows.
type pendingMembership struct {
	origin message.Origin
	remove []string
}

// saved shows out who was removed, also one who was added again behind it.
func (p *pendingMembership) saved(c *Conversation) {
	c.evict(p.remove)
	c.answer(&p.origin, statusOK())
}

func (p *pendingMembership) failed(c *Conversation, e *wire.Error) { c.refuse(&p.origin, "", e) }
