package actors_test

import (
	"math"
	"math/rand/v2"
	"sync"
	"testing"
	"time"

	"github.com/corrillo/corrillo/repo"
	"github.com/corrillo/corrillo/wire"
)

// posted is a message of a rider's.
type posted struct {
	id string
	to object // what was sent
}

// pool are the messages of all riders that were acked.
type pool struct {
	mu     sync.Mutex
	byUser map[string][]posted
}

func (p *pool) add(m posted) {
	user, _ := m.to["senderId"].(string)
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.byUser == nil {
		p.byUser = map[string][]posted{}
	}
	p.byUser[user] = append(p.byUser[user], m)
}

// pick gives one of a user's.
func (p *pool) pick(rng *rand.Rand, user string) (m posted, ok bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	all := p.byUser[user]
	if len(all) == 0 {
		return posted{}, false
	}
	return all[rng.IntN(len(all))], true
}

// changesHeard is what a rider knows of the edits and deletions in the
// conversations that it hears.
type changesHeard struct {
	last    map[string]int64 // rev, per conversation that is heard; rooms: since the join's reply
	skipped []skipped
}

// skipped are the changes between two that were heard one after the other: they
// must be of messages that were changed again.
type skipped struct {
	id          string
	after, next int64
}

func (c *changesHeard) forget() { c.last = map[string]int64{} }

func (c *changesHeard) note(id string, rev int64) {
	if last := c.last[id]; rev > last+1 {
		c.skipped = append(c.skipped, skipped{id, last, rev})
	}
	c.last[id] = rev
}

func revOf(m map[string]any) int64 {
	n, _ := m["rev"].(float64)
	return int64(n)
}

// heardChange checks that a change is a later one than those before.
func (r *rider) heardChange(id string, rev int64) {
	last, known := r.changes.last[id]
	switch {
	case r.user == "": // changing its identity
	case !known && !wire.IsDirect(id): // a room that was left
	case !known:
		r.changes.last[id] = rev
	case rev > last:
		r.changes.note(id, rev)
	default:
		r.t.Errorf("%s (%s) heard change %d of %s after %d", r.name, r.user, rev, id, last)
	}
}

// joinedAt takes what the reply to a join says of changes; counted: it was asked
// for those after the last one that was heard.
func (r *rider) joinedAt(room string, reply map[string]any, counted bool) {
	lastRev := int64(reply["lastRev"].(float64))
	last, known := r.changes.last[room]
	changed, _ := reply["changed"].([]any)
	if more, _ := reply["hasMore"].(bool); !counted || !known || more {
		r.changes.last[room] = max(last, lastRev)
		return
	}
	for _, e := range changed {
		if rev := revOf(e.(map[string]any)); rev > r.changes.last[room] {
			r.changes.note(room, rev)
		}
	}
	if lastRev > r.changes.last[room] {
		r.changes.note(room, lastRev+1) // to be heard yet, or changed again
		r.changes.last[room] = lastRev
	}
}

// change edits or deletes a message of one's own.
func (r *rider) change(l *link) {
	r.mu.Lock()
	user := r.user
	r.mu.Unlock()
	m, ok := r.pool.pick(r.rng, user)
	if !ok {
		time.Sleep(time.Millisecond)
		return
	}
	payload := object{"messageId": m.id, "content": "edited"}
	for _, where := range []string{"conversationId", "receiverId"} {
		if to, ok := m.to[where]; ok {
			payload[where] = to
		}
	}
	if r.rng.IntN(6) == 0 {
		r.emit(l, "delete_message", payload, nothing)
		return
	}
	r.emit(l, "edit_message", payload, nothing)
}

func changesOf(t *testing.T, store repo.Store, id string) []repo.Message {
	t.Helper()
	page, more, err := store.Changes(t.Context(), id, 0, math.MaxInt64, 100_000)
	if err != nil || more {
		t.Fatal(more, err)
	}
	return page
}

func lastRevs(t *testing.T, store repo.Store) map[string]int64 {
	last := map[string]int64{}
	for _, id := range everywhere() {
		if page := changesOf(t, store, id); len(page) > 0 {
			last[id] = page[len(page)-1].Rev
		}
	}
	return last
}

// checkChanges: nobody was left out of a change that stands.
func checkChanges(t *testing.T, store repo.Store, riders []*rider) {
	total := 0
	for _, id := range everywhere() {
		page := changesOf(t, store, id)
		total += len(page)
		for _, r := range riders {
			r.mu.Lock()
			for _, s := range r.changes.skipped {
				for i := range page {
					if rev := page[i].Rev; s.id == id && rev > s.after && rev < s.next {
						t.Errorf("%s never heard change %d of %s, between %d and %d", r.name, rev, id, s.after, s.next)
					}
				}
			}
			r.mu.Unlock()
		}
	}
	t.Logf("%d messages were changed, up to %v", total, lastRevs(t, store))
}
