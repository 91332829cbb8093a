package sqlstore

import (
	"context"
	"fmt"

	"github.com/corrillo/corrillo/repo"
)

// state is what decides about a group: its conversation's row.
type state struct{ epoch, lastSeq, lastRev int64 }

// resolveMissed settles the groups that did not pass the fence. One whose
// commit was in doubt is saved if its rows are there with the numbers that
// it gave them; every other one is fenced. It reports whether any was settled.
//
// Whatever moved a row had to take its lock, and so came after a commit in
// doubt was over, or before its query was begun, which then meets a fence that
// has moved: what is not there now will not come later. A row that has not
// moved says nothing; its group tries again, and waits for the lock.
func (b *batch) resolveMissed(ctx context.Context, live []*work) (bool, error) {
	states, err := b.s.states(ctx, live)
	if err != nil {
		return false, fmt.Errorf("read the fence: %w", err)
	}
	var missed, doubtful []*work
	for _, w := range live {
		st, there := states[w.id()]
		g := w.group
		if g.Epoch == 0 && !there || g.Epoch > 0 && there && st == (state{g.Epoch, g.LastSeq, g.LastRev}) {
			continue
		}
		missed = append(missed, w)
		if w.doubt {
			doubtful = append(doubtful, w)
		}
	}
	ours, err := b.findOurs(ctx, doubtful)
	if err != nil {
		return false, fmt.Errorf("look up a commit in doubt: %w", err)
	}
	for _, w := range missed {
		if ours[w] {
			w.lastRev = w.doubtRev
			w.commit()
		} else {
			w.fail(fmt.Errorf("save: %w", repo.ErrFenced))
		}
	}
	return len(missed) > 0, nil
}

// states reads the rows of the groups' conversations as they are committed.
func (s *Store) states(ctx context.Context, live []*work) (map[string]state, error) {
	conn, err := s.acquire(ctx, s.writer)
	if err != nil {
		return nil, err
	}
	defer func() {
		// What is wrong with the connection has been reported by its use.
		_ = conn.Close()
	}()
	out := make(map[string]state, len(live))
	for part := range chunks(live, s.d.MaxKeys) {
		ids := make([]any, len(part))
		for i, w := range part {
			ids[i] = w.id()
		}
		rows, err := conn.QueryContext(ctx, s.texts.of(kindStates, len(part)), ids...)
		if err != nil {
			return nil, err
		}
		for rows.Next() {
			var id string
			var st state
			if err := rows.Scan(&id, &st.epoch, &st.lastSeq, &st.lastRev); err != nil {
				return nil, closeAfter(rows, err)
			}
			out[id] = st
		}
		if err := closeAfter(rows, nil); err != nil {
			return nil, err
		}
	}
	return out, nil
}

// findOurs tells which of the groups in doubt are in the database: all that
// they wrote, under the numbers that they gave it.
func (b *batch) findOurs(ctx context.Context, doubtful []*work) (map[*work]bool, error) {
	ours := make(map[*work]bool, len(doubtful))
	if len(doubtful) == 0 {
		return ours, nil
	}
	var ids []any
	for _, w := range doubtful {
		for i := range w.items {
			if it := &w.items[i]; it.pending() {
				ids = append(ids, it.m.ID)
			}
		}
		for i := range w.changes {
			if c := &w.changes[i]; c.written() {
				ids = append(ids, c.change.MessageID)
			}
		}
	}
	rows, err := b.s.lookUp(ctx, kindByID, ids, 1)
	if err != nil {
		return nil, err
	}
	byID := make(map[string]*repo.Message, len(rows))
	for i := range rows {
		byID[rows[i].ID] = &rows[i]
	}
	for _, w := range doubtful {
		ours[w] = w.isThere(byID)
	}
	return ours, nil
}

// isThere: a group that wrote neither messages nor changes left no trace to
// be known by, and is taken for not there; doing it again does no harm.
func (w *work) isThere(rows map[string]*repo.Message) bool {
	some := false
	for i := range w.items {
		it := &w.items[i]
		if !it.pending() {
			continue
		}
		r := rows[it.m.ID]
		if r == nil || r.ConversationID != w.id() || r.Seq != it.seq || r.Hash != it.m.Hash {
			return false
		}
		some = true
	}
	if some {
		return true
	}
	// A later change in the same group may have overwritten an earlier one:
	// the last one of each message is what must be there.
	last := map[string]*changeItem{}
	for i := range w.changes {
		if c := &w.changes[i]; c.written() {
			last[c.change.MessageID] = c
		}
	}
	for id, c := range last {
		r := rows[id]
		if r == nil || r.Rev != c.try.Stored.Rev || r.Content != c.try.Stored.Content ||
			!r.EditedAt.Equal(c.try.Stored.EditedAt) || !r.DeletedAt.Equal(c.try.Stored.DeletedAt) {
			return false
		}
		some = true
	}
	return some
}
