package sqlstore

import (
	"context"
	"database/sql"
	"time"

	"github.com/corrillo/corrillo/repo"
)

// Companion writes to a table that is not ours what must become true together
// with a Save: every call is made in the Save's own transaction, after the
// same was written to our tables. A statement that fails must leave the
// transaction open and nothing of itself behind. Implementations are safe for
// concurrent use.
type Companion interface {
	// Ready reports why nothing can be written, and nil when all is well. An
	// error fails the Save with repo.ErrUnavailable.
	Ready() error
	// Wants reports whether messages of that conversation are written there.
	Wants(conversationID string) bool
	// WantsMarks reports whether its read marks are.
	WantsMarks(conversationID string) bool

	// Insert writes new messages in one statement. There are never more than
	// the dialect's MaxRows and MaxBytes.
	Insert(ctx context.Context, tx *sql.Tx, rows []Row) error
	// Has reports whether the message is there.
	Has(ctx context.Context, tx *sql.Tx, id string) (bool, error)
	// Change writes what an edit or a deletion has made of a message.
	Change(ctx context.Context, tx *sql.Tx, m *repo.Message) error
	// Read marks messages as read, never more than the dialect's MaxKeys.
	Read(ctx context.Context, tx *sql.Tx, ids []string, at time.Time) error

	// Classify sorts an error of the four methods above. ClassBadData and
	// ClassDuplicate fail what was written alone, ClassOther the whole Save.
	Classify(err error) Class
	// Refuse counts and gives what the sender is told of an error of the
	// first kind. what is "message", "edit", "deletion" or "read mark".
	Refuse(what string, err error) *repo.Refusal
}

// Row is a new message in its place.
type Row struct {
	*repo.Message
	ConversationID string
	Seq            int64
}

// maxMarked bounds the messages that one read mark makes read in the
// companion: the newest ones. What lies further back keeps what it has.
const maxMarked = 10_000

// accompany writes the new messages to the companion.
func (a *attempt) accompany(ctx context.Context) (verdict, error) {
	c := a.s.companion
	if c == nil {
		return verdictCommitted, nil
	}
	if err := c.Ready(); err != nil {
		return verdictFailed, err
	}
	rows := make([]row, 0, len(a.rows))
	for _, r := range a.rows {
		if !r.m.Mirrored && c.Wants(r.w.id()) {
			rows = append(rows, r)
		}
	}
	outcome := verdictCommitted
	for part := range a.portions(rows) {
		v, err := a.accompanyWith(ctx, part)
		if v != verdictCommitted && v != verdictRejected {
			return v, err
		}
		outcome = max(outcome, v)
	}
	return outcome, nil
}

// accompanyWith writes some messages, and looks for those that are refused by
// trying halves.
func (a *attempt) accompanyWith(ctx context.Context, rows []row) (verdict, error) {
	c := a.s.companion
	list := make([]Row, len(rows))
	for i, r := range rows {
		list[i] = Row{Message: r.m, ConversationID: r.w.id(), Seq: r.seq}
	}
	err := c.Insert(ctx, a.tx, list)
	if err == nil {
		return verdictCommitted, nil
	}
	class := c.Classify(err)
	if class != ClassBadData && class != ClassDuplicate {
		return verdictFailed, err
	}
	if len(rows) > 1 {
		outcome := verdictCommitted
		middle := len(rows) / 2
		for _, half := range [][]row{rows[:middle], rows[middle:]} {
			v, err := a.accompanyWith(ctx, half)
			if v != verdictCommitted && v != verdictRejected {
				return v, err
			}
			outcome = max(outcome, v)
		}
		return outcome, nil
	}
	if class == ClassDuplicate {
		// Our table takes no id twice, so what is there under this one is
		// this message: the back end's, which asks again after we lost it.
		there, hasErr := c.Has(ctx, a.tx, rows[0].m.ID)
		if hasErr != nil {
			return verdictFailed, hasErr
		}
		if there {
			return verdictCommitted, nil
		}
	}
	rows[0].settle(repo.MessageResult{Outcome: repo.OutcomeRejected, Err: c.Refuse("message", err)})
	return verdictRejected, nil
}

// accompanyChange writes what became of a message. It reports whether it is
// done, and settles the change when it is refused.
func (a *attempt) accompanyChange(ctx context.Context, w *work, c *changeItem) (verdict, error) {
	with := a.s.companion
	if with == nil || !with.Wants(w.id()) {
		return verdictCommitted, nil
	}
	err := with.Change(ctx, a.tx, &c.try.Stored)
	if err == nil {
		return verdictCommitted, nil
	}
	if class := with.Classify(err); class != ClassBadData && class != ClassDuplicate {
		return verdictFailed, err
	}
	what := "edit"
	if c.change.Kind == repo.ChangeDelete {
		what = "deletion"
	}
	c.settle(repo.ChangeResult{Outcome: repo.OutcomeRejected, Err: with.Refuse(what, err)})
	return verdictRejected, nil
}

// mark is a read mark that the companion hears of.
type mark struct {
	w *work
	p *person
}

// accompanyMarks tells the companion which messages a read mark passes. It
// comes before the mark itself is written: from where it moves is read here.
func (a *attempt) accompanyMarks(ctx context.Context) (verdict, error) {
	c := a.s.companion
	if c == nil {
		return verdictCommitted, nil
	}
	var marks []mark
	for _, w := range a.works {
		for i := range w.people {
			if p := &w.people[i]; p.ReadSeq > 0 && c.WantsMarks(w.id()) {
				marks = append(marks, mark{w, p})
			}
		}
	}
	outcome := verdictCommitted
	for part := range chunks(marks, a.s.d.MaxKeys) {
		from, err := a.marksBefore(ctx, part)
		if err != nil {
			return verdictFailed, err
		}
		for _, m := range part {
			v, err := a.accompanyMark(ctx, m, from[[2]string{m.w.id(), m.p.UserID}])
			if v != verdictCommitted && v != verdictRejected {
				return v, err
			}
			outcome = max(outcome, v)
		}
	}
	return outcome, nil
}

// marksBefore reads the marks as they are.
func (a *attempt) marksBefore(ctx context.Context, marks []mark) (map[[2]string]int64, error) {
	args := make([]any, 0, 2*len(marks))
	for _, m := range marks {
		args = append(args, m.w.id(), m.p.UserID)
	}
	rows, err := a.tx.QueryContext(ctx, a.s.texts.of(kindMarks, len(marks)), args...)
	if err != nil {
		return nil, err
	}
	from := make(map[[2]string]int64, len(marks))
	for rows.Next() {
		var key [2]string
		var seq int64
		if err := rows.Scan(&key[0], &key[1], &seq); err != nil {
			return nil, closeAfter(rows, err)
		}
		from[key] = seq
	}
	return from, closeAfter(rows, nil)
}

// accompanyMark marks what others wrote between two marks of a reader. When
// that is refused, the mark stays where it is.
func (a *attempt) accompanyMark(ctx context.Context, m mark, from int64) (verdict, error) {
	if m.p.ReadSeq <= from {
		return verdictCommitted, nil
	}
	rows, err := a.tx.QueryContext(ctx, a.s.texts.passed, m.w.id(), from, m.p.ReadSeq, m.p.UserID, maxMarked+1)
	if err != nil {
		return verdictFailed, err
	}
	var ids []string
	for rows.Next() {
		var id string
		if err := rows.Scan(&id); err != nil {
			return verdictFailed, closeAfter(rows, err)
		}
		ids = append(ids, id)
	}
	if err := closeAfter(rows, nil); err != nil {
		return verdictFailed, err
	}
	if len(ids) > maxMarked { // one more was asked for to see it
		ids = ids[:maxMarked]
		a.s.marksCut.Add(1)
	}
	c, now := a.s.companion, time.Now()
	for part := range chunks(ids, a.s.d.MaxKeys) {
		err := c.Read(ctx, a.tx, part, now)
		if err == nil {
			continue
		}
		if class := c.Classify(err); class != ClassBadData && class != ClassDuplicate {
			return verdictFailed, err
		}
		if m.w.result.MarksRefused == nil {
			m.w.result.MarksRefused = map[string]error{}
		}
		m.w.result.MarksRefused[m.p.UserID] = c.Refuse("read mark", err)
		m.p.ReadSeq = 0
		return verdictRejected, nil
	}
	return verdictCommitted, nil
}

// MultiInsert is the text of an INSERT of one row or more, kept once for all
// their numbers.
type MultiInsert struct{ text insertText }

// NewMultiInsert makes the text for at most that many rows. Names are taken
// as they are: the caller quotes them.
func NewMultiInsert(table string, columns []string, most int) *MultiInsert {
	return &MultiInsert{newInsertText(table, columns, "", most)}
}

// SQL gives the statement for n rows, from 1 to the most.
func (m *MultiInsert) SQL(n int) string { return m.text.of(n) }
