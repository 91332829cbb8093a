package mysql

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/go-sql-driver/mysql"

	"github.com/corrillo/corrillo/repo"
	"github.com/corrillo/corrillo/repo/sqlstore"
)

// mirror is the Companion that writes the app's table.
type mirror struct {
	m       Mirror
	log     *slog.Logger
	maxRows int
	plan    atomic.Pointer[plan]
	report  atomic.Pointer[MirrorReport]

	rows, refused, failed atomic.Int64
	said                  said
}

// MirrorReport is what Migrate found out about a mirror.
type MirrorReport struct {
	Table string
	// Columns tells what goes where, "content: body", in a fixed order.
	Columns []string
	// Warnings are sentences about messages that will be refused.
	Warnings []string
}

var errUnchecked = fmt.Errorf("the mirror's table has not been looked at: %w", repo.ErrUnavailable)

// check reads the table and makes the plan. It tells everything that is wrong
// at once; an error of the connection comes by itself.
func (m *mirror) check(ctx context.Context, db *sql.DB) error {
	t, like, err := readTable(ctx, db, m.m.Table)
	switch {
	case err != nil:
		return fmt.Errorf("look at the mirror's table: %w", err)
	case t == nil && like != "":
		return fmt.Errorf("store.mirror: there is no table %s in the database; did you mean %s?", m.m.Table, like)
	case t == nil:
		return fmt.Errorf("store.mirror: there is no table %s in the database", m.m.Table)
	}
	pl, warnings, err := newPlan(&m.m, t, m.maxRows)
	if err != nil {
		return err
	}
	if err := pl.probe(ctx, db); err != nil {
		return err
	}
	r := &MirrorReport{Table: t.name, Warnings: warnings}
	for i := range pl.slots {
		r.Columns = append(r.Columns, pl.slots[i].name+": "+pl.slots[i].column.name)
	}
	m.report.Store(r)
	m.plan.Store(pl)
	return nil
}

// probe does on no row what will be done: whether the user may, and whether
// the database understands it.
func (p *plan) probe(ctx context.Context, db *sql.DB) error {
	none := &mirrored{Row: sqlstore.Row{Message: &repo.Message{}}}
	var values []any
	for i := range p.slots {
		values = append(values, p.slots[i].arg(none))
	}
	values = append(values, p.constants...)
	one := p.insert.SQL(1)
	head, _, _ := strings.Cut(one, " VALUES ")
	marks := strings.TrimSuffix(strings.Repeat("?,", len(values)), ",")
	probes := []struct {
		what, sql string
		args      []any
	}{
		{"INSERT into", head + " SELECT " + marks + " FROM DUAL WHERE 1 = 0", values},
		{"SELECT from", p.has, []any{""}},
		{"UPDATE", p.edit.sql, p.edit.args(none)},
		{"UPDATE or DELETE from", p.delete.sql, p.delete.args(none)},
	}
	if p.markFlag || p.markTime != nil {
		probes = append(probes, struct {
			what, sql string
			args      []any
		}{"UPDATE", p.readSQL(1), p.readArgs([]string{""}, time.Now())})
	}
	var errs []error
	for _, x := range probes {
		if x.sql == "" {
			continue
		}
		_, err := db.ExecContext(ctx, x.sql, x.args...)
		e, said := errors.AsType[*mysql.MySQLError](err)
		switch {
		case err == nil:
		case !said || classify(err) == sqlstore.ClassTransient:
			return fmt.Errorf("try the mirror's table: %w", err)
		case e.Number == 1142 || e.Number == 1143:
			errs = append(errs, fmt.Errorf("store.mirror: the database user may not %s %s", x.what, p.table))
		default:
			errs = append(errs, fmt.Errorf("store.mirror: the database does not %s %s: %s", x.what, p.table, e.Message))
		}
	}
	return errors.Join(errs...)
}

// Ready implements sqlstore.Companion.
func (m *mirror) Ready() error {
	if m.plan.Load() == nil {
		return errUnchecked
	}
	return nil
}

// Wants implements sqlstore.Companion.
func (m *mirror) Wants(conversationID string) bool {
	switch m.m.Only {
	case "direct":
		return m.m.IsDirect(conversationID)
	case "groups":
		return !m.m.IsDirect(conversationID)
	}
	return true
}

// WantsMarks implements sqlstore.Companion: one flag cannot tell of many
// readers, so only direct conversations have them.
func (m *mirror) WantsMarks(conversationID string) bool {
	p := m.plan.Load()
	return p != nil && (p.markFlag || p.markTime != nil) && m.Wants(conversationID) && m.m.IsDirect(conversationID)
}

// Insert implements sqlstore.Companion.
func (m *mirror) Insert(ctx context.Context, tx *sql.Tx, rows []sqlstore.Row) error {
	p := m.plan.Load()
	args := make([]any, 0, len(rows)*(len(p.slots)+len(p.constants)))
	for i := range rows {
		r := m.mirrored(p, rows[i])
		for j := range p.slots {
			v := p.slots[j].arg(r)
			if err := p.slots[j].misread(v); err != nil {
				return m.wrap(err)
			}
			args = append(args, v)
		}
		args = append(args, p.constants...)
	}
	if _, err := tx.ExecContext(ctx, p.insert.SQL(len(rows)), args...); err != nil {
		return m.wrap(err)
	}
	m.rows.Add(int64(len(rows)))
	return nil
}

func (m *mirror) mirrored(p *plan, row sqlstore.Row) *mirrored {
	r := &mirrored{Row: row, direct: m.m.IsDirect(row.ConversationID)}
	if p.own && len(row.Extra) > 0 {
		object := make([]byte, 0, len(row.Extra)+2)
		object = append(append(append(object, '{'), row.Extra...), '}')
		if json.Unmarshal(object, &r.own) != nil {
			r.own = nil // what we stored is JSON
		}
	}
	return r
}

// Has implements sqlstore.Companion.
func (m *mirror) Has(ctx context.Context, tx *sql.Tx, id string) (bool, error) {
	var one int
	err := tx.QueryRowContext(ctx, m.plan.Load().has, id).Scan(&one)
	if errors.Is(err, sql.ErrNoRows) {
		return false, nil
	}
	return err == nil, m.wrap(err)
}

// Change implements sqlstore.Companion. A message that the app's table does
// not have is not its concern: no row, no harm.
func (m *mirror) Change(ctx context.Context, tx *sql.Tx, msg *repo.Message) error {
	p := m.plan.Load()
	u := &p.edit
	if !msg.DeletedAt.IsZero() {
		u = &p.delete
	}
	if u.sql == "" {
		return nil
	}
	r := m.mirrored(p, sqlstore.Row{Message: msg, ConversationID: msg.ConversationID, Seq: msg.Seq})
	args := u.args(r)
	for i := range u.slots {
		if err := u.slots[i].misread(args[i]); err != nil {
			return m.wrap(err)
		}
	}
	_, err := tx.ExecContext(ctx, u.sql, args...)
	return m.wrap(err)
}

// Read implements sqlstore.Companion.
func (m *mirror) Read(ctx context.Context, tx *sql.Tx, ids []string, at time.Time) error {
	p := m.plan.Load()
	_, err := tx.ExecContext(ctx, p.readSQL(len(ids)), p.readArgs(ids, at)...)
	return m.wrap(err)
}

func (p *plan) readArgs(ids []string, at time.Time) []any {
	args := make([]any, 0, len(ids)+1)
	if s := p.markTime; s != nil {
		set := *s
		set.value = func(*mirrored) any { return at }
		args = append(args, set.arg(nil))
	}
	for _, id := range ids {
		args = append(args, id)
	}
	return args
}

// wrap names the table, and counts what no message is to blame for.
func (m *mirror) wrap(err error) error {
	if err == nil {
		return nil
	}
	if m.Classify(err) == sqlstore.ClassOther {
		m.failed.Add(1)
		if n := m.said.again("failed"); n > 0 {
			m.log.Error("the app's table cannot be written: no message is saved", "table", m.m.Table, "error", err, "times", n)
		}
	}
	return fmt.Errorf("mirror into %s: %w", m.m.Table, err)
}

// sayEvery is how often the same is logged.
const sayEvery = time.Minute

// said keeps the log quiet. Its zero value is ready.
type said struct {
	mu    sync.Mutex
	last  map[string]time.Time
	times map[string]int
}

// again counts one more of what, and returns how many there were since the
// last time that it returned something; 0 means to say nothing yet.
func (s *said) again(what string) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.last == nil {
		s.last, s.times = map[string]time.Time{}, map[string]int{}
	}
	s.times[what]++
	now := time.Now()
	if last, before := s.last[what]; before && now.Sub(last) < sayEvery {
		return 0
	}
	n := s.times[what]
	s.last[what], s.times[what] = now, 0
	return n
}
