package importer

import (
	"cmp"
	"context"
	"sync"
	"time"

	lru "github.com/hashicorp/golang-lru/v2"

	"github.com/corrillo/corrillo/repo"
)

// conversationsKept bounds the conversations whose state is remembered: one
// that was forgotten is activated again.
const conversationsKept = 50_000

// activations is how many conversations are activated at once.
const activations = 8

// conversation is what the import knows of a conversation. Whoever else writes
// to it has raised the epoch, and the next Save finds out.
type conversation struct {
	id                      string
	epoch, lastSeq, lastRev int64 // all 0: there is no row yet, as far as is known
	lastActivity            time.Time
	// people are the rows of the participant table, those removed included.
	people map[string]repo.Participant
	// members are those of the app's table, with their roles; nil where there
	// is no such table or it has not been asked.
	members map[string]string
}

// conversations remembers states.
type conversations struct {
	store Store
	known *lru.Cache[string, *conversation]
}

func newConversations(store Store) (*conversations, error) {
	known, err := lru.New[string, *conversation](conversationsKept)
	return &conversations{store: store, known: known}, err
}

// get gives a conversation, taken for new when it is not known.
func (c *conversations) get(id string) *conversation {
	if known, ok := c.known.Get(id); ok {
		return known
	}
	fresh := &conversation{id: id, people: map[string]repo.Participant{}}
	c.known.Add(id, fresh)
	return fresh
}

// activate reads the states anew, several beside each other.
func (c *conversations) activate(ctx context.Context, list []*conversation) error {
	var wg sync.WaitGroup
	errs := make([]error, min(activations, len(list)))
	for worker := range errs {
		wg.Go(func() {
			for i := worker; i < len(list) && errs[worker] == nil; i += activations {
				errs[worker] = c.activateOne(ctx, list[i])
			}
		})
	}
	wg.Wait()
	return cmp.Or(errs...) // one says it
}

func (c *conversations) activateOne(ctx context.Context, v *conversation) error {
	a, err := c.store.Activate(ctx, v.id)
	if err != nil {
		return err
	}
	v.epoch, v.lastSeq, v.lastRev, v.lastActivity = a.Epoch, a.LastSeq, a.LastRev, a.LastActivityAt
	v.people = make(map[string]repo.Participant, len(a.Participants))
	for _, p := range a.Participants {
		v.people[p.UserID] = p
	}
	return nil
}

// group begins what is saved of it.
func (v *conversation) group() repo.Group {
	return repo.Group{ConversationID: v.id, Epoch: v.epoch, LastSeq: v.lastSeq, LastRev: v.lastRev}
}

// saved takes over what was committed.
func (v *conversation) saved(g *repo.Group, r *repo.GroupResult) {
	v.epoch, v.lastSeq, v.lastRev = r.Epoch, r.LastSeq, r.LastRev
	for i := range g.Messages {
		if at := g.Messages[i].CreatedAt; at.After(v.lastActivity) {
			v.lastActivity = at
		}
	}
	for _, p := range g.Participants {
		now, ok := v.people[p.UserID]
		if !ok {
			now = repo.Participant{ConversationID: v.id, UserID: p.UserID, PeerID: p.PeerID, Role: p.Role}
		}
		now.LastReadSeq = max(now.LastReadSeq, p.ReadSeq)
		if p.Remove {
			now.RemovedAt = p.At
		}
		v.people[p.UserID] = now
	}
}
