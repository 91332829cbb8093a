package sqlstore

import (
	"context"
	"database/sql"
	"time"

	"github.com/corrillo/corrillo/repo"
)

// verdict says how a transaction ended.
type verdict uint8

const (
	// verdictFailed: not committed; the error says why.
	verdictFailed verdict = iota
	// verdictCommitted: everything is durable.
	verdictCommitted
	// verdictDoubt: the commit was sent and not confirmed.
	verdictDoubt
	// verdictMissed: some conversation's row is not as its group knows it.
	verdictMissed
	// verdictDuplicate: some message has a key that is there already.
	verdictDuplicate
	// verdictRejected: some messages or changes were refused and are
	// settled; the others can be tried again at once.
	verdictRejected
)

// attempt is one transaction of a Save.
type attempt struct {
	s     *Store
	tx    *sql.Tx
	works []*work
	args  []any
	rows  []row
}

// row is a message to be inserted.
type row struct {
	*item
	w *work
}

// attempt tries to commit all of live, which is sorted by conversation.
func (b *batch) attempt(ctx context.Context, live []*work) (verdict, error) {
	conn, err := b.s.acquire(ctx, b.s.writer)
	if err != nil {
		return verdictFailed, err
	}
	defer func() {
		// What is wrong with the connection has been reported by its use.
		_ = conn.Close()
	}()
	tx, err := conn.BeginTx(ctx, nil)
	if err != nil {
		return verdictFailed, err
	}
	a := &attempt{s: b.s, tx: tx, works: live}
	if v, err := a.write(ctx); v != verdictCommitted {
		return v, rollback(tx, err)
	}
	if err := tx.Commit(); err != nil {
		b.s.inDoubt.Add(1)
		for _, w := range live {
			w.doubt, w.doubtRev = true, w.lastRev
		}
		return verdictDoubt, err
	}
	b.s.transactions.Add(1)
	return verdictCommitted, nil
}

// write does everything but the commit; verdictCommitted says that it can be
// done.
func (a *attempt) write(ctx context.Context) (verdict, error) {
	a.number()
	steps := [...]func(context.Context) (verdict, error){a.fence, a.create, a.insertMessages, a.change, a.changePeople}
	for i, step := range steps {
		if v, err := step(ctx); v != verdictCommitted {
			return v, err
		}
		if i == 1 {
			for _, w := range a.works {
				w.doubt = false
			}
		}
	}
	return verdictCommitted, nil
}

// number gives the pending messages their seq.
func (a *attempt) number() {
	n := 0
	for _, w := range a.works {
		n += len(w.items)
	}
	a.rows = make([]row, 0, n)
	for _, w := range a.works {
		w.lastSeq, w.lastRev = w.group.LastSeq, w.group.LastRev
		for i := range w.items {
			if it := &w.items[i]; it.pending() {
				w.lastSeq++
				it.seq = w.lastSeq
				a.rows = append(a.rows, row{it, w})
			}
		}
	}
}

// fence takes the lock of every conversation's row and moves it on, if it is
// as the group knows it: the same epoch, nothing written since.
func (a *attempt) fence(ctx context.Context) (verdict, error) {
	for part := range chunks(a.withEpoch(true), a.s.d.MaxKeys) {
		args := a.args[:0]
		for _, w := range part {
			args = append(args, w.id(), w.lastSeq)
		}
		for _, w := range part {
			args = append(args, w.id(), stamp(w.activity(time.Time{})))
		}
		for _, w := range part {
			args = append(args, w.id())
		}
		for _, w := range part {
			args = append(args, w.id(), w.group.Epoch, w.group.LastSeq, w.group.LastRev)
		}
		a.args = args
		res, err := a.tx.ExecContext(ctx, a.s.texts.of(kindFence, len(part)), args...)
		if err != nil {
			return verdictFailed, err
		}
		matched, err := res.RowsAffected()
		if err != nil {
			return verdictFailed, err
		}
		if matched != int64(len(part)) {
			return verdictMissed, nil
		}
	}
	return verdictCommitted, nil
}

// create inserts the rows of new conversations.
func (a *attempt) create(ctx context.Context) (verdict, error) {
	now := time.Now()
	for part := range chunks(a.withEpoch(false), a.s.d.MaxKeys) {
		args := a.args[:0]
		for _, w := range part {
			args = append(args, w.id(), int64(1), w.lastSeq, w.lastRev, stamp(w.activity(now)))
		}
		a.args = args
		_, err := a.tx.ExecContext(ctx, a.s.texts.conversation.of(len(part)), args...)
		if err != nil {
			if a.s.classify(err) == ClassDuplicate {
				return verdictMissed, err
			}
			return verdictFailed, err
		}
	}
	return verdictCommitted, nil
}

func (a *attempt) withEpoch(known bool) []*work {
	out := make([]*work, 0, len(a.works))
	for _, w := range a.works {
		if (w.group.Epoch > 0) == known {
			out = append(out, w)
		}
	}
	return out
}

// activity is the time of the newest pending message, or otherwise, when
// there is none. A time that no column takes is left to the message itself.
func (w *work) activity(otherwise time.Time) time.Time {
	newest, some := time.Time{}, false
	for i := range w.items {
		it := &w.items[i]
		if y := it.m.CreatedAt.UTC().Year(); !it.pending() || y < 1970 || y > 9999 {
			continue
		}
		if !some || it.m.CreatedAt.After(newest) {
			newest, some = it.m.CreatedAt, true
		}
	}
	switch {
	case some:
		return newest
	case otherwise.IsZero():
		return time.Unix(0, 0)
	}
	return otherwise
}

// insertMessages writes the rows, as many at once as bounds allow.
func (a *attempt) insertMessages(ctx context.Context) (verdict, error) {
	rest := a.rows
	for len(rest) > 0 {
		n, bytes := 0, 0
		for n < len(rest) && n < a.s.d.MaxRows {
			bytes += rest[n].size()
			if n > 0 && bytes > a.s.d.MaxBytes {
				break
			}
			n++
		}
		if err := a.insert(ctx, rest[:n]); err != nil {
			switch a.s.classify(err) {
			case ClassDuplicate:
				return verdictDuplicate, err
			case ClassBadData:
				if v, err := a.isolate(ctx, rest[:n], err); v != verdictCommitted {
					return v, err
				}
			default:
				return verdictFailed, err
			}
		}
		rest = rest[n:]
	}
	return verdictCommitted, nil
}

func (a *attempt) insert(ctx context.Context, rows []row) error {
	args := a.args[:0]
	for _, r := range rows {
		args = r.args(args, r.w.id())
	}
	a.args = args
	_, err := a.tx.ExecContext(ctx, a.s.texts.message.of(len(rows)), args...)
	return err
}

// isolate finds the rows that the database refuses by trying halves. A
// statement that fails leaves the transaction open and its own rows out. When
// no row alone is refused (together they were too large), all are in.
func (a *attempt) isolate(ctx context.Context, rows []row, cause error) (verdict, error) {
	if len(rows) == 1 {
		rows[0].settle(repo.MessageResult{Outcome: repo.OutcomeRejected, Err: cause})
		return verdictRejected, nil
	}
	outcome := verdictCommitted
	middle := len(rows) / 2
	for _, half := range [][]row{rows[:middle], rows[middle:]} {
		err := a.insert(ctx, half)
		if err == nil {
			continue
		}
		switch a.s.classify(err) {
		case ClassDuplicate:
			return verdictDuplicate, err
		case ClassBadData:
			v, err := a.isolate(ctx, half, err)
			if v != verdictRejected && v != verdictCommitted {
				return v, err
			}
			outcome = max(outcome, v)
		default:
			return verdictFailed, err
		}
	}
	return outcome, nil
}

// chunks cuts list into parts of at most n.
func chunks[T any](list []T, n int) func(yield func([]T) bool) {
	return func(yield func([]T) bool) {
		for len(list) > 0 {
			m := min(n, len(list))
			if !yield(list[:m]) {
				return
			}
			list = list[m:]
		}
	}
}
