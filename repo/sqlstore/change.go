package sqlstore

import (
	"context"
	"unicode/utf8"

	"github.com/corrillo/corrillo/repo"
)

// changeItem is one change of a group.
type changeItem struct {
	change  *repo.Change
	result  *repo.ChangeResult
	settled bool
	// try is the outcome in the transaction that is being tried.
	try repo.ChangeResult
}

// written reports whether the transaction has a row of this change.
func (c *changeItem) written() bool { return !c.settled && c.try.Outcome == repo.OutcomeSaved }

func (c *changeItem) settle(r repo.ChangeResult) {
	c.settled = true
	*c.result = r
}

func (c *changeItem) commit() {
	if !c.settled {
		c.settle(c.try)
	}
}

func (w *work) addChanges(s *Store) {
	n := len(w.group.Changes)
	if n == 0 {
		return
	}
	w.changes, w.result.Changes = make([]changeItem, n), make([]repo.ChangeResult, n)
	for i := range w.changes {
		c := &w.changes[i]
		c.change, c.result = &w.group.Changes[i], &w.result.Changes[i]
		if !s.d.ChecksText && !(utf8.ValidString(c.change.Content) && utf8.ValidString(c.change.By)) {
			c.settle(repo.ChangeResult{Outcome: repo.OutcomeRejected, Err: errEncoding})
		}
	}
}

// change edits and deletes, after the messages of the same group are in. The
// conversation's row is locked, so nobody else changes what is read here.
func (a *attempt) change(ctx context.Context) (verdict, error) {
	var moved []*work
	for _, w := range a.works {
		if len(w.changes) == 0 {
			continue
		}
		if v, err := a.changeIn(ctx, w); v != verdictCommitted {
			return v, err
		}
		if w.lastRev > w.group.LastRev {
			moved = append(moved, w)
		}
	}
	for part := range chunks(moved, a.s.d.MaxKeys) {
		args := a.args[:0]
		for _, w := range part {
			args = append(args, w.id(), w.lastRev)
		}
		for _, w := range part {
			args = append(args, w.id())
		}
		a.args = args
		if _, err := a.tx.ExecContext(ctx, a.s.texts.of(kindRevs, len(part)), args...); err != nil {
			return verdictFailed, err
		}
	}
	return verdictCommitted, nil
}

func (a *attempt) changeIn(ctx context.Context, w *work) (verdict, error) {
	targets, some := make(map[string]*repo.Message, min(len(w.changes), targetsAtOnce)), false
	for i := range w.changes {
		c := &w.changes[i]
		if c.settled {
			continue
		}
		if some && a.changed > repo.PageBytes {
			c.try = repo.ChangeResult{Outcome: repo.OutcomeLater}
			continue
		}
		some = true
		m, read := targets[c.change.MessageID]
		if !read {
			if err := a.read(ctx, w, w.changes[i:], targets); err != nil {
				return verdictFailed, err
			}
			m = targets[c.change.MessageID]
		}
		if m != nil {
			a.changed += m.Size()
		}
		c.try = judge(c.change, m)
		if c.try.Outcome != repo.OutcomeSaved {
			continue
		}
		w.lastRev++
		apply(c.change, m, w.lastRev)
		c.try.Stored = *m
		_, err := a.tx.ExecContext(ctx, a.s.texts.updateMessage, m.Rev, m.Content, textOrNull(m.Metadata), textOrNull(m.ReplyTo),
			textOrNull(m.Extra), stampOrNull(m.EditedAt), stampOrNull(m.DeletedAt), orNull(m.DeletedBy), m.ConversationID, m.Seq)
		if err == nil {
			if v, err := a.accompanyChange(ctx, w, c); v != verdictCommitted {
				return v, err
			}
			continue
		}
		if a.s.classify(err) == ClassBadData {
			c.settle(repo.ChangeResult{Outcome: repo.OutcomeRejected, Err: err})
			return verdictRejected, nil
		}
		return verdictFailed, err
	}
	return verdictCommitted, nil
}

// targetsAtOnce bounds the messages to be changed that are read at once: how large
// they are is known behind that.
const targetsAtOnce = 16

// read adds to targets the next messages that are changed; nil stands for one that
// is not there.
func (a *attempt) read(ctx context.Context, w *work, changes []changeItem, targets map[string]*repo.Message) error {
	args := append(make([]any, 0, 1+targetsAtOnce), w.id())
	for i := range changes {
		c := &changes[i]
		id := c.change.MessageID
		if _, known := targets[id]; known || c.settled {
			continue
		}
		targets[id] = nil
		if !validID(id) {
			continue
		}
		if args = append(args, id); len(args) > targetsAtOnce {
			break
		}
	}
	if len(args) == 1 {
		return nil
	}
	rows, err := a.tx.QueryContext(ctx, a.s.texts.of(kindTargets, len(args)-1), args...)
	if err != nil {
		return err
	}
	messages, err := appendMessages(nil, rows)
	if err != nil {
		return err
	}
	for i := range messages {
		targets[messages[i].ID] = &messages[i]
	}
	return nil
}

// judge says what a change would come to. m is nil when there is no message.
func judge(c *repo.Change, m *repo.Message) repo.ChangeResult {
	switch {
	case m == nil:
		return repo.ChangeResult{Outcome: repo.OutcomeNotFound}
	case c.OnlySender && c.By != m.SenderID:
		return repo.ChangeResult{Outcome: repo.OutcomeRefused}
	case m.DeletedAt.IsZero():
		return repo.ChangeResult{Outcome: repo.OutcomeSaved}
	case c.Kind == repo.ChangeDelete:
		return repo.ChangeResult{Outcome: repo.OutcomeRepeat, Stored: *m}
	default:
		return repo.ChangeResult{Outcome: repo.OutcomeRefused}
	}
}

// apply makes m what it is after the change. A tombstone keeps who wrote it
// and where it stood, and nothing of what it said.
func apply(c *repo.Change, m *repo.Message, rev int64) {
	m.Rev = rev
	if c.Kind == repo.ChangeEdit {
		m.Content, m.EditedAt = c.Content, stored(c.At)
		return
	}
	m.Content, m.Metadata, m.ReplyTo, m.Extra = "", nil, nil, nil
	m.DeletedAt, m.DeletedBy = stored(c.At), c.By
}
