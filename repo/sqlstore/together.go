package sqlstore

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"strconv"
	"strings"
)

// Envelope is what stands around the statements of a transaction that go to
// the server as one query. Statements are separated by semicolons, and one
// that fails must keep those after it from being run.
type Envelope struct{ Begin, End string }

// Guard is an expression that is value when the statement before it has
// matched exactly n rows. Otherwise it is an error, of MySQL's number 1690,
// whatever the modes of the session; and should a server not know that error,
// it is NULL.
func Guard(n int, value string) string {
	return "IF(18446744073709551615 + (ROW_COUNT() <> " + strconv.Itoa(n) + "), " + value + ", NULL)"
}

// together is a whole transaction in the making: its statements, and the
// arguments of all of them.
type together struct {
	text strings.Builder
	args []driver.NamedValue
	// guard is the number of rows that the fence must have matched, until
	// the statement after the fence has been told; then 0.
	guard int
}

// canGoTogether reports whether all that live wants can be said in advance.
// Changes cannot: they depend on what they read. Nor can the companion's
// rows, whose refusals are sorted one by one.
//
// A query that is lost may be run by the server when its sender has long
// given it up and gone on. It does no harm if the fence has moved since, so
// the group must be one that moves it, or one that says nothing that could be
// out of date: read marks only go forward.
func (a *attempt) canGoTogether() bool {
	c := a.s.companion
	if c != nil && c.Ready() != nil {
		return false
	}
	bytes := 0
	for _, r := range a.rows {
		if c != nil && !r.m.Mirrored && c.Wants(r.w.id()) {
			return false
		}
		bytes += r.size()
	}
	people := 0
	for _, w := range a.works {
		if len(w.changes) > 0 {
			return false
		}
		moves := w.lastSeq > w.group.LastSeq || w.group.Epoch == 0
		if !moves && len(w.people) == 0 {
			return false
		}
		for i := range w.people {
			p := &w.people[i]
			if !moves && (p.Role != "" || p.Restore || p.Remove) {
				return false
			}
			if c != nil && p.ReadSeq > 0 && c.WantsMarks(w.id()) {
				return false
			}
		}
		people += len(w.people)
	}
	return len(a.works) <= a.s.d.MaxTogether && len(a.rows) <= a.s.d.MaxTogether && people <= a.s.d.MaxTogether &&
		bytes <= a.s.d.MaxBytes
}

// add appends a statement. After the fence comes an INSERT, whose first value
// is a part of a key: it is the one that fails when the fence was missed.
func (t *together) add(sql string, args []any) {
	t.text.WriteString("; ")
	if t.guard > 0 {
		head, rest, _ := strings.Cut(sql, "(?")
		t.text.WriteString(head + "(" + Guard(t.guard, "?"))
		sql, t.guard = rest, 0
	}
	t.text.WriteString(sql)
	for _, v := range args {
		t.args = append(t.args, driver.NamedValue{Ordinal: len(t.args) + 1, Value: v})
	}
}

// attemptTogether tries to commit all of live with one query. A refusal of
// which the query does not tell enough is verdictStepwise.
func (b *batch) attemptTogether(ctx context.Context, a *attempt, e Envelope) (verdict, error) {
	t := a.compose(e)
	conn, err := b.s.acquire(ctx, b.s.writer)
	if err != nil {
		return verdictFailed, err
	}
	defer func() {
		// What is wrong with the connection has been reported by its use.
		_ = conn.Close()
	}()
	err = t.run(ctx, conn)
	switch {
	case err == nil:
		b.s.transactions.Add(1)
		return verdictCommitted, nil
	case errors.Is(err, driver.ErrSkip):
		return verdictStepwise, nil // the driver has sent nothing
	}
	switch b.s.classify(err) {
	case ClassDuplicate:
		if len(a.withEpoch(false)) > 0 {
			return verdictStepwise, nil // a message's key, or a conversation's
		}
		return verdictDuplicate, err
	case ClassTransient:
		if b.s.d.Undone(err) {
			return verdictFailed, err
		}
		b.doubt(a.works)
		return verdictDoubt, err
	}
	return verdictStepwise, nil
}

// compose says all of the transaction, in the order of the steps of write.
func (a *attempt) compose(e Envelope) *together {
	t := &together{args: make([]driver.NamedValue, 0, 10*len(a.works)+len(insertColumns)*len(a.rows))}
	t.text.WriteString(e.Begin)
	if known := a.withEpoch(true); len(known) > 0 {
		sql, args := a.fenceOf(known)
		t.add(sql, args)
		t.guard = len(known)
	}
	if fresh := a.withEpoch(false); len(fresh) > 0 {
		sql, args := a.createOf(fresh)
		t.add(sql, args)
	}
	if len(a.rows) > 0 {
		sql, args := a.insertOf(a.rows)
		t.add(sql, args)
	}
	_ = a.eachUpsert(func(text *insertText, args []any) error {
		t.add(text.of(len(args)/text.columns), args)
		return nil // and so there is no error
	})
	t.text.WriteString(e.End)
	return t
}

// run sends the query. When it fails the transaction is ended, or the
// connection is given up.
func (t *together) run(ctx context.Context, conn *sql.Conn) error {
	var failed error
	err := conn.Raw(func(c any) error {
		exec, ok := c.(driver.ExecerContext)
		if !ok {
			failed = driver.ErrSkip
			return nil
		}
		_, failed = exec.ExecContext(ctx, t.text.String(), t.args)
		if failed == nil || errors.Is(failed, driver.ErrSkip) {
			return nil
		}
		// Also when ctx has ended: who takes the connection next must not
		// find the transaction open.
		if _, err := exec.ExecContext(context.WithoutCancel(ctx), "ROLLBACK", nil); err != nil {
			return driver.ErrBadConn // lets the pool drop it
		}
		return nil
	})
	if failed == nil && err != nil {
		return err // the pool's: nothing was sent
	}
	return failed
}
