package sqlstore

import (
	"context"
	"errors"
	"sort"

	"github.com/corrillo/corrillo/repo"
)

var (
	errTwice    = errors.New("the conversation appears twice in one save")
	errBadGroup = errors.New("the conversation id cannot be stored")
)

// Save implements repo.Store.
func (s *Store) Save(ctx context.Context, groups []repo.Group) []repo.GroupResult {
	b := newBatch(s, groups)
	if s.slots == nil {
		b.run(ctx, b.live)
	} else {
		b.runApart(ctx)
	}
	for i := range b.works {
		b.works[i].answerAliases()
		b.works[i].count(s)
	}
	return b.results
}

// batch is one Save under way.
type batch struct {
	s       *Store
	works   []work // parallel to the groups
	live    []*work
	results []repo.GroupResult
	// stepwise: what can go with one query has been tried.
	stepwise bool
}

// work is one group and what became of it so far.
type work struct {
	group   *repo.Group
	result  *repo.GroupResult
	items   []item
	changes []changeItem
	people  []person

	settled bool // the result is final
	// doubt: a transaction with this group was sent to commit and the answer
	// was lost. It may be done even after the fence was passed again, in a
	// transaction that then failed: a query that the server had not begun.
	// Items and changes keep the numbers that they had in that transaction;
	// doubtRev is what lastRev was.
	doubt    bool
	doubtRev int64
	lastSeq  int64 // after the transaction that is being tried
	lastRev  int64
}

// item is one message of a group.
type item struct {
	m      *repo.Message
	result *repo.MessageResult
	// first is the message of this batch that has the same key, nil when
	// this is the first one.
	first   *item
	settled bool
	seq     int64         // in the transaction that is being tried
	found   *repo.Message // the row that has the key, for conflicts
}

func (w *work) id() string { return w.group.ConversationID }

func newBatch(s *Store, groups []repo.Group) *batch {
	b := &batch{s: s, works: make([]work, len(groups)), results: make([]repo.GroupResult, len(groups))}
	total := 0
	for i := range groups {
		total += len(groups[i].Messages)
	}
	items := make([]item, total)
	answers := make([]repo.MessageResult, total)
	keys := make(map[messageKey]*item, 2*total)
	b.live = make([]*work, 0, len(groups))
	for i := range groups {
		g, w := &groups[i], &b.works[i]
		n := len(g.Messages)
		w.group, w.result = g, &b.results[i]
		w.items, items = items[:n:n], items[n:]
		w.result.Messages, answers = answers[:n:n], answers[n:]
		w.result.Epoch, w.result.LastSeq, w.result.LastRev = g.Epoch, g.LastSeq, g.LastRev
		w.addMessages(s, keys)
		w.addChanges(s)
		w.people = foldPeople(s, g)
		if !validID(g.ConversationID) {
			w.rejectAll(errBadGroup)
			continue
		}
		b.live = append(b.live, w)
	}
	b.order()
	return b
}

// order sorts by conversation, so that rows are locked in one order by
// everybody, and fails a conversation's second group.
func (b *batch) order() {
	sort.SliceStable(b.live, func(i, j int) bool { return b.live[i].id() < b.live[j].id() })
	kept := b.live[:0]
	for _, w := range b.live {
		if len(kept) > 0 && kept[len(kept)-1].id() == w.id() {
			w.fail(b.s.unavailable("save", errTwice))
			continue
		}
		kept = append(kept, w)
	}
	b.live = kept
}

// run tries until every group of live has an outcome or ctx has ended.
func (b *batch) run(ctx context.Context, live []*work) {
	backoff := newBackoff()
	blind := 0
	for {
		if live = unsettled(live); len(live) == 0 {
			return
		}
		v, err := b.attempt(ctx, live)
		progress := true
		switch v {
		case verdictCommitted:
			for _, w := range live {
				w.commit()
			}
			return
		case verdictRejected, verdictStepwise:
			continue
		case verdictMissed:
			progress, err = b.resolveMissed(ctx, live)
		case verdictDuplicate:
			var found int
			if found, err = b.findRepeats(ctx, live); err == nil && found == 0 {
				// The row with the key may have gone with its transaction.
				if blind++; blind > 2 {
					b.oneByOne(ctx, live, errUnknownDuplicate)
					return
				}
				progress = false
			}
		}
		if err == nil && progress {
			continue
		}
		if err != nil && b.s.classify(err) != ClassTransient {
			failAll(live, b.s.unavailable("save", err))
			return
		}
		b.s.retries.Add(1)
		if ctxErr := pause(ctx, backoff); ctxErr != nil {
			failAll(live, b.s.unavailable("save", errors.Join(ctxErr, err)))
			return
		}
	}
}

// oneByOne gives each group a transaction of its own, so that the one that
// cannot be saved fails alone.
func (b *batch) oneByOne(ctx context.Context, live []*work, cause error) {
	if len(live) == 1 {
		live[0].fail(b.s.unavailable("save", cause))
		return
	}
	for _, w := range live {
		b.run(ctx, []*work{w})
	}
}

// unsettled keeps the groups that have no outcome yet. A group of which
// nothing is left to write is settled without a transaction, unless it came
// empty: then the row itself is what is wanted.
func unsettled(live []*work) []*work {
	kept := make([]*work, 0, len(live))
	for _, w := range live {
		g := w.group
		if !w.settled && w.isDone() && len(g.Messages)+len(g.Changes)+len(g.Participants) > 0 {
			w.settled = true
		}
		if !w.settled {
			kept = append(kept, w)
		}
	}
	return kept
}

// isDone reports whether nothing is left to write.
func (w *work) isDone() bool {
	if len(w.people) > 0 {
		return false
	}
	for i := range w.items {
		if w.items[i].pending() {
			return false
		}
	}
	for i := range w.changes {
		if !w.changes[i].settled {
			return false
		}
	}
	return true
}

func (it *item) pending() bool { return !it.settled && it.first == nil }

// commit takes over the numbers of the transaction that is now durable.
func (w *work) commit() {
	w.result.Epoch = max(w.group.Epoch, 1)
	w.result.LastSeq, w.result.LastRev = w.lastSeq, w.lastRev
	for i := range w.items {
		it := &w.items[i]
		if !it.pending() {
			continue
		}
		m := *it.m
		m.ConversationID, m.Seq, m.Rev, m.Mirrored = w.id(), it.seq, 0, false
		m.CreatedAt = stored(m.CreatedAt)
		it.settle(repo.MessageResult{Outcome: repo.OutcomeSaved, Stored: m})
	}
	for i := range w.changes {
		w.changes[i].commit()
	}
	w.settled = true
}

func (it *item) settle(r repo.MessageResult) {
	it.settled = true
	*it.result = r
}

func (w *work) fail(err error) {
	w.settled = true
	w.result.Err = err
}

func failAll(live []*work, err error) {
	for _, w := range live {
		w.fail(err)
	}
}

// rejectAll answers a group that can never be stored.
func (w *work) rejectAll(err error) {
	for i := range w.items {
		w.items[i].first = nil
		w.items[i].settle(repo.MessageResult{Outcome: repo.OutcomeRejected, Err: err})
	}
	for i := range w.changes {
		w.changes[i].settle(repo.ChangeResult{Outcome: repo.OutcomeRejected, Err: err})
	}
	w.settled = true
}

// count adds the group's outcome to the statistics.
func (w *work) count(s *Store) {
	if err := w.result.Err; err != nil {
		if errors.Is(err, repo.ErrFenced) {
			s.fenced.Add(1)
		}
		return
	}
	for i := range w.result.Messages {
		switch w.result.Messages[i].Outcome {
		case repo.OutcomeSaved:
			s.rows.Add(1)
		case repo.OutcomeRepeat:
			s.repeats.Add(1)
		case repo.OutcomeRejected:
			s.rejected.Add(1)
		}
	}
	for i := range w.result.Changes {
		if w.result.Changes[i].Outcome == repo.OutcomeRejected {
			s.rejected.Add(1)
		}
	}
}
