package rules

import (
	"errors"
	"sync"
	"time"

	"github.com/corrillo/corrillo/actors/message"
	"github.com/corrillo/corrillo/repo"
	"github.com/corrillo/corrillo/wire"
)

// pipeline is the way of every write: one group in flight, the next one
// filling up behind it.
type pipeline struct {
	flying *batch // in the lane's hands until GroupSaved
	again  *batch // was fenced; saved again after the activation, before next
	next   *batch // nil: nothing to save yet
}

// emptied are batches to be filled again, by any conversation: one that is
// quiet keeps none.
var emptied = sync.Pool{New: func() any { return &batch{} }}

// batch is a group and who waits for it. posts, changes and members parallel
// the group's Messages, Changes and Participants.
type batch struct {
	group   repo.Group
	bytes   int
	posts   []pendingPost
	changes []pendingChange
	members []*member
	waiters []waiter
	tries   int       // how often it was fenced
	fenced  time.Time // for the first time
}

// waiter is a command whose answer waits for a batch's participants.
type waiter interface {
	saved(c *Conversation)
	failed(c *Conversation, e *wire.Error)
}

// keepCap bounds what an emptied batch keeps allocated, in rows.
const keepCap = 64

func (b *batch) rows() int {
	return len(b.group.Messages) + len(b.group.Changes) + len(b.group.Participants)
}

func (b *batch) empty() bool { return b == nil || b.rows() == 0 && len(b.waiters) == 0 }

func (b *batch) commands() int {
	if b == nil {
		return 0
	}
	n := len(b.posts) + len(b.changes) + len(b.waiters)
	for i := range b.posts {
		n += len(b.posts[i].more)
	}
	return n
}

func (p *pipeline) empty() bool { return p.flying == nil && p.again == nil && p.next.empty() }

func (p *pipeline) commands() int {
	return p.flying.commands() + p.again.commands() + p.next.commands()
}

// collecting returns the batch that takes new writes.
func (p *pipeline) collecting() *batch {
	if p.next == nil {
		p.next, _ = emptied.Get().(*batch)
	}
	return p.next
}

// room reports whether the next group takes that much more. An empty one
// takes any single message, however large.
func (c *Conversation) room(rows, bytes int) bool {
	b := c.pipe.next
	if b.empty() {
		return true
	}
	return b.rows()+rows <= c.o.GroupRows && b.bytes+bytes <= c.o.GroupBytes && len(b.waiters) < c.o.Waiting
}

// flush emits the next group when none is in flight.
func (c *Conversation) flush() {
	p := &c.pipe
	if c.life.phase != warm || p.flying != nil {
		return
	}
	b := p.again
	p.again = nil
	if b == nil {
		c.collectMarks()
		if b = p.next; b.empty() {
			return
		}
		p.next = nil
	}
	b.group.ConversationID = c.id
	b.group.Epoch, b.group.LastSeq, b.group.LastRev = c.life.epoch, c.life.lastSeq, c.life.lastRev
	b.group.Serial = c.nextID()
	p.flying = b
	c.ready.Save = &b.group
}

// groupSaved takes the outcome of the group in flight.
func (c *Conversation) groupSaved(m *message.GroupSaved) {
	b := c.pipe.flying
	if b == nil || m.Serial != 0 && m.Serial != b.group.Serial {
		return // of a group that was given up
	}
	c.pipe.flying = nil
	r := &m.Result
	switch {
	case r.Err == nil && len(r.Messages) == len(b.posts) && len(r.Changes) == len(b.changes):
		c.committed(b, r)
		c.recycle(b)
	case r.Err == nil:
		// The rows are there, but whose they are is not known.
		c.giveUp(b, errInternal())
	case errors.Is(r.Err, repo.ErrFenced):
		if b.tries == 0 {
			b.fenced = c.now
		}
		if b.tries < c.o.FencedTries && c.now.Sub(b.fenced) < c.o.FencedFor {
			b.tries++
			c.pipe.again = b
			c.activate()
			return
		}
		c.failBatch(b, errUnavailable())
		c.activate()
	case errors.Is(r.Err, message.ErrOverloaded):
		c.failBatch(b, errOverloaded())
		c.recycle(b)
	case errors.Is(r.Err, repo.ErrUnavailable):
		c.giveUp(b, errUnavailable())
	default:
		c.giveUp(b, errInternal())
	}
}

// giveUp fails a batch whose outcome is not known. Its rows may be committed,
// so nothing goes on before an activation has told the truth.
func (c *Conversation) giveUp(b *batch, e *wire.Error) {
	c.failBatch(b, e)
	c.life.doubt = true
	c.activate()
}

// committed lets out what the group's commit has made true: each message
// behind its acks in the order of seq, then the changes, then what waited for
// a participant's row.
func (c *Conversation) committed(b *batch, r *repo.GroupResult) {
	c.life.epoch, c.life.lastSeq, c.life.lastRev = r.Epoch, r.LastSeq, r.LastRev
	if n := len(b.posts) + len(b.changes); n > 0 {
		relay := c.relay()
		relay.Deliver = make([]message.Delivery, 0, n)
		acks := make([]message.Reply, n)
		for i := range b.posts {
			c.postSaved(b, i, &r.Messages[i], acks[i:i:i+1])
		}
		acks = acks[len(b.posts):]
		for i := range b.changes {
			c.changeSaved(&b.changes[i], &r.Changes[i], acks[i:i:i+1])
		}
	}
	c.putBack(b, r.Changes)
	c.participantsSaved(b, r)
	for _, w := range b.waiters {
		if m, ok := w.(*pendingMark); ok {
			if err := r.MarksRefused[m.origin.UserID]; err != nil {
				m.failed(c, errRejected(err, "the store cannot keep this read mark"))
				continue
			}
		}
		w.saved(c)
	}
}

// failBatch refuses every command of a batch.
func (c *Conversation) failBatch(b *batch, e *wire.Error) {
	for i := range b.posts {
		c.postFailed(b, i, e)
	}
	for i := range b.changes {
		c.refuse(&b.changes[i].origin, "", e)
	}
	for _, w := range b.waiters {
		w.failed(c, e)
	}
	c.participantsFailed(b)
}

// failPipeline gives up everything that is to be saved. A batch in flight may
// still be committed.
func (c *Conversation) failPipeline(e *wire.Error) {
	p := &c.pipe
	flying, again, next := p.flying, p.again, p.next
	*p = pipeline{}
	if flying != nil {
		c.life.doubt = true
	}
	for _, b := range []*batch{flying, again, next} {
		if b != nil {
			c.failBatch(b, e)
		}
	}
}

// recycle keeps an emptied batch for later. The lane is done with its group.
func (c *Conversation) recycle(b *batch) {
	if cap(b.group.Messages)+cap(b.group.Changes)+cap(b.group.Participants) > keepCap || cap(b.waiters) > keepCap {
		return
	}
	clear(b.group.Messages)
	clear(b.group.Changes)
	clear(b.group.Participants)
	clear(b.posts)
	clear(b.changes)
	clear(b.members)
	clear(b.waiters)
	*b = batch{
		group: repo.Group{
			Messages:     b.group.Messages[:0],
			Changes:      b.group.Changes[:0],
			Participants: b.group.Participants[:0],
		},
		posts:   b.posts[:0],
		changes: b.changes[:0],
		members: b.members[:0],
		waiters: b.waiters[:0],
	}
	emptied.Put(b)
}
