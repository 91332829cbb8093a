package rules

import (
	"time"

	"github.com/corrillo/corrillo/actors/message"
	"github.com/corrillo/corrillo/repo"
)

// quietAfter is how long after the last message the memory of repeats is let
// go; from then on the store alone answers them. While the node is overloaded
// the memory is kept: the store may be what stands still.
const quietAfter = 5 * time.Second

// keepTargets is how many messages stay known to read marks after that.
const keepTargets = 8

// keepFree bounds the evicted entries that are kept for new messages.
const keepFree = 64

// postKey is what makes a message the same one: its sender's tempId, or the
// id that the back end gave it.
type postKey struct {
	byID   bool
	sender string
	id     string
}

// postKeys are the keys of one message; the zero value is no key.
type postKeys [2]postKey

// keysOfPost finds the keys. Ids of clients' messages are made by us, so they
// need none.
func keysOfPost(o *message.Origin, m *repo.Message) (k postKeys) {
	if m.TempID != "" {
		k[0] = postKey{sender: m.SenderID, id: m.TempID}
	}
	if o.FromBackEnd() && m.ID != "" {
		k[1] = postKey{byID: true, id: m.ID}
	}
	return k
}

// seen is a message under its keys: pending in a batch, or saved.
type seen struct {
	keys      postKeys
	hash      [32]byte
	batch     *batch // nil when saved
	index     int    // in batch.posts
	id        string
	seq       int64
	createdAt time.Time
}

// target is what a read mark needs to know of a message.
type target struct {
	id     string
	seq    int64
	writer string
}

// recent remembers the last messages: by key, to answer repeats, and by
// place, to find what a read mark names. Pending entries are bounded by the
// groups, saved ones by Options.
type recent struct {
	keys     map[postKey]*seen
	saved    ring[*seen]
	free     []*seen // evicted entries, to be used again; at most keepFree
	last     ring[target]
	lastUsed time.Time
}

// find returns the message with one of the keys, or nil.
func (r *recent) find(keys postKeys) *seen {
	for _, k := range keys {
		if k != (postKey{}) {
			if e := r.keys[k]; e != nil {
				return e
			}
		}
	}
	return nil
}

// begin remembers a message as pending: batch.posts[index].
func (r *recent) begin(keys postKeys, hash [32]byte, b *batch, index int) {
	if keys == (postKeys{}) {
		return
	}
	if r.keys == nil {
		r.keys = map[postKey]*seen{}
	}
	var e *seen
	if n := len(r.free); n > 0 {
		e, r.free = r.free[n-1], r.free[:n-1]
	} else {
		e = &seen{}
	}
	*e = seen{keys: keys, hash: hash, batch: b, index: index}
	for _, k := range keys {
		if k != (postKey{}) {
			r.keys[k] = e
		}
	}
}

// settle turns b's pending entry into a saved one. The oldest saved entry
// over the limit is forgotten.
func (r *recent) settle(keys postKeys, b *batch, stored *repo.Message, limit int) {
	e := r.find(keys)
	if e == nil || e.batch != b {
		return
	}
	e.batch, e.id, e.seq, e.createdAt = nil, stored.ID, stored.Seq, stored.CreatedAt
	if old, evicted := r.saved.push(e, limit); evicted {
		r.drop(old)
		if len(r.free) < keepFree {
			r.free = append(r.free, old)
		}
	}
}

// forget drops b's pending entry.
func (r *recent) forget(keys postKeys, b *batch) {
	if e := r.find(keys); e != nil && e.batch == b {
		r.drop(e)
	}
}

func (r *recent) drop(e *seen) {
	for _, k := range e.keys {
		if r.keys[k] == e {
			delete(r.keys, k)
		}
	}
}

// note remembers a message for read marks.
func (r *recent) note(t target, limit int, now time.Time) {
	r.last.push(t, limit)
	r.lastUsed = now
}

// byID and bySeq find a message, newest first.
func (r *recent) byID(id string) (target, bool) {
	return r.last.find(func(t target) bool { return t.id == id })
}

func (r *recent) bySeq(seq int64) (target, bool) {
	return r.last.find(func(t target) bool { return t.seq == seq })
}

// next is when trim has something to do.
func (r *recent) next() time.Time {
	if r.lastUsed.IsZero() {
		return time.Time{}
	}
	return r.lastUsed.Add(quietAfter)
}

// trimRecent gives the memory of a conversation that has become quiet back, if
// the node has no more to do than it can.
func (c *Conversation) trimRecent() {
	if at := c.recent.next(); at.IsZero() || c.now.Before(at) {
		return
	}
	if c.o.Load.Sheds(message.WorkTyping) {
		c.recent.lastUsed = c.now
		return
	}
	c.recent.trim()
}

// trim forgets what is saved, but the last few places.
func (r *recent) trim() {
	pending := map[postKey]*seen(nil)
	for k, e := range r.keys {
		if e.batch != nil {
			if pending == nil {
				pending = map[postKey]*seen{}
			}
			pending[k] = e
		}
	}
	r.keys, r.saved, r.free = pending, ring[*seen]{}, nil
	r.last.shrink(keepTargets)
	r.lastUsed = time.Time{}
}
