package rules

import (
	"errors"
	"strconv"
	"time"

	"github.com/corrillo/corrillo/actors/message"
	"github.com/corrillo/corrillo/repo"
	"github.com/corrillo/corrillo/wire"
)

// reads are the read marks on their way to the store and to the others.
type reads struct {
	// dirty are the members whose mark was moved by sending and is not
	// written yet; they go with the first group after dueAt.
	dirty []*member
	dueAt time.Time
	// told are those whose mark was told within the last Coalesce, oldest
	// first.
	told    []*telling
	lookups map[uint64]*message.MarkRead
}

// telling is a read mark that others were told, and the next one to tell.
type telling struct {
	member *member
	at     time.Time
	ahead  bool // target is yet to be told
	target target
	readAt time.Time
}

// next is when a mark is to be told.
func (r *reads) next() time.Time {
	for _, t := range r.told {
		if t.ahead {
			return t.at
		}
	}
	return time.Time{}
}

func (r *reads) telling() bool { return !r.next().IsZero() }

// foundMark is a mark_read whose message is known.
type foundMark struct {
	o      *message.Origin
	target target
}

// markRead raises the user's mark to a message; a seq beyond the last stands
// for the last, of the messages in flight too: a page of history may have shown
// them already.
func (c *Conversation) markRead(m *message.MarkRead) {
	o := &m.Origin
	if m.MessageID != "" {
		if t, ok := c.recent.byID(m.MessageID); ok {
			c.raiseMark(o, t)
			return
		}
		c.lookUp(m, Lookup{MessageID: m.MessageID})
		return
	}
	if b := c.pipe.flying; b != nil && len(b.posts) > 0 && m.Seq > c.life.lastSeq {
		if len(b.waiters) >= c.o.Waiting {
			c.refuse(o, "", c.tooMany())
			return
		}
		b.waiters = append(b.waiters, (*earlyMark)(m))
		return
	}
	seq := min(m.Seq, c.life.lastSeq)
	if u := c.members[o.UserID]; seq <= 0 || u != nil && seq <= u.announced {
		c.answerMark(o)
		return
	}
	if t, ok := c.recent.bySeq(seq); ok {
		c.raiseMark(o, t)
		return
	}
	c.lookUp(m, Lookup{Seq: seq})
}

func (c *Conversation) lookUp(m *message.MarkRead, l Lookup) {
	if c.held() >= c.o.Waiting {
		c.refuse(&m.Origin, "", c.tooMany())
		return
	}
	if c.reads.lookups == nil {
		c.reads.lookups = map[uint64]*message.MarkRead{}
	}
	l.ID = c.nextID()
	c.reads.lookups[l.ID] = m
	c.ready.Lookups = append(c.ready.Lookups, l)
}

// messageFound goes on with the mark_read that waited for it. A message of
// another conversation is no message of this one.
func (c *Conversation) messageFound(f *message.MessageFound) {
	m := c.reads.lookups[f.Lookup]
	if m == nil {
		return
	}
	delete(c.reads.lookups, f.Lookup)
	switch {
	case errors.Is(f.Err, repo.ErrNotFound):
		c.refuse(&m.Origin, "", errNoMessage())
	case f.Err != nil:
		c.refuse(&m.Origin, "", errNoAnswer(f.Err))
	case f.Message.ConversationID != c.id:
		c.refuse(&m.Origin, "", errNoMessage())
	default:
		t := target{id: f.Message.ID, seq: f.Message.Seq, writer: f.Message.SenderID}
		c.take(held{cmd: &foundMark{o: &m.Origin, target: t}})
	}
}

// earlyMark is a mark_read of what may be in flight: it is looked at again when
// that is there.
type earlyMark message.MarkRead

func (m *earlyMark) saved(c *Conversation) { c.markRead((*message.MarkRead)(m)) }

func (m *earlyMark) failed(c *Conversation, e *wire.Error) { c.refuse(&m.Origin, "", e) }

// raiseMark writes the mark with the next group and answers after its commit;
// at once when it does not move.
func (c *Conversation) raiseMark(o *message.Origin, t target) {
	u := c.member(o.UserID)
	if t.seq <= u.durable {
		c.tell(u, t, c.now)
		c.answerMark(o)
		c.dropIdle(u)
		return
	}
	if !u.enrolled() && !c.takes(1) {
		c.dropIdle(u)
		c.refuseGuest(o)
		return
	}
	if !c.room(1, 120) {
		c.dropIdle(u)
		c.refuse(o, "", c.crowded())
		return
	}
	p := c.participant(u)
	p.ReadSeq = max(p.ReadSeq, t.seq, u.read)
	b := c.pipe.collecting()
	b.waiters = append(b.waiters, &pendingMark{origin: *o, target: t, readAt: c.now})
}

// pendingMark waits for its mark to be stored.
type pendingMark struct {
	origin message.Origin
	target target
	readAt time.Time
}

func (p *pendingMark) saved(c *Conversation) {
	c.tell(c.member(p.origin.UserID), p.target, p.readAt)
	c.answerMark(&p.origin)
}

func (p *pendingMark) failed(c *Conversation, e *wire.Error) { c.refuse(&p.origin, "", e) }

// answerMark replies with the mark as it is stored: one that sending has moved
// may still be lost with the server.
func (c *Conversation) answerMark(o *message.Origin) {
	var read int64
	if u := c.members[o.UserID]; u != nil {
		read = u.durable
	}
	buf := append(make([]byte, 0, 64+2*len(c.id)), `{"status":"ok"`...)
	buf = appendConversation(buf, c.id)
	buf = append(buf, `,"readSeq":`...)
	buf = strconv.AppendInt(buf, read, 10)
	c.answer(o, append(buf, '}'))
}

// tell broadcasts message_read, the first one at once and then at most one
// per user and Coalesce; never one that is not ahead of the last.
func (c *Conversation) tell(u *member, t target, readAt time.Time) {
	if t.seq <= u.announced {
		return
	}
	u.announced = t.seq
	if w := u.telling; w != nil && c.now.Before(w.at) {
		w.ahead, w.target, w.readAt = true, t, readAt
		return
	}
	c.tellNow(&telling{member: u, target: t, readAt: readAt})
}

func (c *Conversation) tellNow(w *telling) {
	c.deliverRead(w.member.userID, w.target, w.readAt)
	w.ahead, w.at = false, c.now.Add(c.o.Coalesce)
	w.member.telling = w
	c.reads.told = append(c.reads.told, w)
}

// tellReads tells the marks whose time has come, and forgets the pace of
// those who have read nothing more.
func (c *Conversation) tellReads() {
	due := 0
	for due < len(c.reads.told) && !c.now.Before(c.reads.told[due].at) {
		due++
	}
	told := c.reads.told[:due]
	c.reads.told = c.reads.told[due:]
	for _, w := range told {
		if w.member.telling != w {
			continue // told anew since
		}
		if w.ahead {
			c.tellNow(w)
			continue
		}
		w.member.telling = nil
		c.dropIdle(w.member)
	}
	if len(c.reads.told) == 0 {
		c.reads.told = nil
	}
}

// deliverRead sends message_read to the conversation and to every device of
// the writer and of the reader. In a conversation of too many only the
// reader's own devices hear of it.
func (c *Conversation) deliverRead(reader string, t target, readAt time.Time) {
	d := message.Delivery{Event: wire.EventMessageRead}
	peer := ""
	switch {
	case c.direct:
		peer = c.pair.other(reader)
		d.Users = c.people()
	case c.quiet():
		d.Users = []string{reader}
	default:
		d.ToConversation = true
		d.Users = []string{reader}
		if w := c.members[t.writer]; t.writer != "" && t.writer != reader && (w == nil || !w.removed) {
			d.Users = []string{t.writer, reader}
		}
	}
	d.Data = wire.AppendMessageRead(make([]byte, 0, 256), c.id, peer, reader, t.id, t.seq, readAt)
	c.deliver(d)
}

// ownMark moves the mark of a message's sender to it: who has written has
// read. The row follows with a later group.
func (c *Conversation) ownMark(o *message.Origin, m *repo.Message) {
	if m.SenderID == "" {
		return
	}
	u := c.members[m.SenderID]
	if o.FromBackEnd() && (u == nil || !u.stored && u.batch == nil) {
		return // it speaks for someone who takes no part
	}
	if c.direct && !c.pair.has(m.SenderID) {
		return
	}
	if u == nil || !u.enrolled() {
		if !c.takes(1) {
			return // a guest has none
		}
		u = c.member(m.SenderID)
	}
	if u.out() || m.Seq <= u.read {
		return
	}
	u.read = m.Seq
	c.soil(u)
}

// soil marks u's read mark as not yet written.
func (c *Conversation) soil(u *member) {
	if u.dirty {
		return
	}
	c.enroll(u)
	u.dirty = true
	if len(c.reads.dirty) == 0 {
		c.reads.dueAt = c.now.Add(c.o.Coalesce)
		if c.departing {
			c.reads.dueAt = c.now
		}
	}
	c.reads.dirty = append(c.reads.dirty, u)
}

// collectMarks puts the dirty marks into the next group when their time has
// come.
func (c *Conversation) collectMarks() {
	r := &c.reads
	if len(r.dirty) == 0 || c.now.Before(r.dueAt) {
		return
	}
	left := r.dirty[:0]
	for _, u := range r.dirty {
		if u.read <= u.durable {
			u.dirty = false
			c.unenroll(u)
			continue
		}
		if !c.room(1, 120) {
			left = append(left, u)
			continue
		}
		p := c.participant(u)
		p.ReadSeq = max(p.ReadSeq, u.read)
		u.dirty = false
	}
	clear(r.dirty[len(left):])
	r.dirty = left
}
