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
	// verdictStepwise: nothing was written; the statements have to go one by
	// one, at once.
	verdictStepwise
)

// attempt is one transaction of a Save.
type attempt struct {
	s     *Store
	tx    *sql.Tx
	works []*work
	args  []any
	rows  []row
	// changed is how many bytes the messages have that were changed.
	changed int
}

// row is a message to be inserted.
type row struct {
	*item
	w *work
}

// attempt tries to commit all of live, which is sorted by conversation: the
// first time with one query, if that can be; whatever comes after an outcome
// that needs care goes statement by statement.
func (b *batch) attempt(ctx context.Context, live []*work) (verdict, error) {
	a := &attempt{s: b.s, works: live}
	a.number()
	if !b.stepwise {
		b.stepwise = true
		if e, ok := b.s.envelope(); ok && a.canGoTogether() {
			return b.attemptTogether(ctx, a, e)
		}
	}
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
	a.tx = tx
	if v, err := a.write(ctx); v != verdictCommitted {
		return v, rollback(tx, err)
	}
	if err := tx.Commit(); err != nil {
		b.doubt(live)
		return verdictDoubt, err
	}
	b.s.transactions.Add(1)
	return verdictCommitted, nil
}

// doubt notes that a commit of live was sent and not confirmed.
func (b *batch) doubt(live []*work) {
	b.s.inDoubt.Add(1)
	for _, w := range live {
		w.doubt, w.doubtRev = true, w.lastRev
	}
}

// write does everything but the commit; verdictCommitted says that it can be
// done.
func (a *attempt) write(ctx context.Context) (verdict, error) {
	steps := [...]func(context.Context) (verdict, error){a.fence, a.create, a.insertMessages, a.accompany, a.change, a.accompanyMarks, a.changePeople}
	for _, step := range steps {
		if v, err := step(ctx); v != verdictCommitted {
			return v, err
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
		sql, args := a.fenceOf(part)
		res, err := a.tx.ExecContext(ctx, sql, args...)
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

// fenceOf gives the statement that fences part. Its arguments are good until
// the next statement is made.
func (a *attempt) fenceOf(part []*work) (sql string, args []any) {
	args = a.args[:0]
	if len(part) == 1 {
		w := part[0]
		a.args = append(args, w.lastSeq, stamp(w.activity(time.Time{})), w.id(), w.group.Epoch, w.group.LastSeq, w.group.LastRev)
		return a.s.texts.fenceOne, a.args
	}
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
	return a.s.texts.of(kindFence, len(part)), args
}

// create inserts the rows of new conversations.
func (a *attempt) create(ctx context.Context) (verdict, error) {
	for part := range chunks(a.withEpoch(false), a.s.d.MaxKeys) {
		sql, args := a.createOf(part)
		if _, err := a.tx.ExecContext(ctx, sql, args...); err != nil {
			if a.s.classify(err) == ClassDuplicate {
				return verdictMissed, err
			}
			return verdictFailed, err
		}
	}
	return verdictCommitted, nil
}

// createOf gives the INSERT of the rows of part, like fenceOf.
func (a *attempt) createOf(part []*work) (sql string, args []any) {
	now := time.Now()
	args = a.args[:0]
	for _, w := range part {
		args = append(args, w.id(), int64(1), w.lastSeq, w.lastRev, stamp(w.activity(now)))
	}
	a.args = args
	return a.s.texts.conversation.of(len(part)), args
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
	for part := range a.portions(a.rows) {
		if err := a.insert(ctx, part); err != nil {
			switch a.s.classify(err) {
			case ClassDuplicate:
				return verdictDuplicate, err
			case ClassBadData:
				if v, err := a.isolate(ctx, part, err); v != verdictCommitted {
					return v, err
				}
			default:
				return verdictFailed, err
			}
		}
	}
	return verdictCommitted, nil
}

// portions cuts rows into what one INSERT may have.
func (a *attempt) portions(rows []row) func(yield func([]row) bool) {
	return func(yield func([]row) bool) {
		for len(rows) > 0 {
			n, bytes := 0, 0
			for n < len(rows) && n < a.s.d.MaxRows {
				bytes += rows[n].size()
				if n > 0 && bytes > a.s.d.MaxBytes {
					break
				}
				n++
			}
			if !yield(rows[:n]) {
				return
			}
			rows = rows[n:]
		}
	}
}

func (a *attempt) insert(ctx context.Context, rows []row) error {
	sql, args := a.insertOf(rows)
	_, err := a.tx.ExecContext(ctx, sql, args...)
	return err
}

// insertOf gives the INSERT of rows, like fenceOf.
func (a *attempt) insertOf(rows []row) (sql string, args []any) {
	args = a.args[:0]
	for _, r := range rows {
		args = r.args(args, r.w.id())
	}
	a.args = args
	return a.s.texts.message.of(len(rows)), args
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
