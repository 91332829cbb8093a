package mysql

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	sq "github.com/Masterminds/squirrel"

	"github.com/corrillo/corrillo/repo/sqlstore"
)

// slot is a field in its column.
type slot struct {
	mirrorField
	column column
	// empty is written where a message has nothing: NULL, or what comes
	// nearest in a column that has none.
	empty any
}

const (
	layoutMillis  = "2006-01-02 15:04:05.000"
	layoutSeconds = "2006-01-02 15:04:05"
)

// arg is the field's value as the column takes it. Times are cut: a column
// without milliseconds would round them, into the future too.
func (s *slot) arg(r *mirrored) any {
	v := s.value(r)
	t, isTime := v.(time.Time)
	switch {
	case v == nil:
		return s.empty
	case !isTime:
		return v
	case s.column.dataType == "bigint":
		return t.UnixMilli()
	case s.column.precision < 3:
		return t.UTC().Format(layoutSeconds)
	}
	return t.UTC().Format(layoutMillis)
}

// plan is a mirror that fits its table.
type plan struct {
	table     string
	id        string // the column of the message's id
	slots     []slot
	constants []any // behind the slots of a new row
	own       bool  // there are fields of the app's own
	insert    *sqlstore.MultiInsert
	has       string
	edit      update
	delete    update
	markFlag  bool // isRead has a column
	markTime  *slot
	mu        sync.Mutex
	read      map[int]string // by the number of ids
}

// update is a statement on one row: its values, then the id.
type update struct {
	sql   string // empty: nothing to do
	slots []slot
}

func (u *update) args(r *mirrored) []any {
	args := make([]any, 0, len(u.slots)+1)
	for i := range u.slots {
		args = append(args, u.slots[i].arg(r))
	}
	return append(args, r.ID)
}

// planner holds a Mirror against its table.
type planner struct {
	m        *Mirror
	t        *table
	errs     []error
	warnings []string
}

func (p *planner) failf(format string, args ...any) {
	p.errs = append(p.errs, fmt.Errorf("store.mirror: "+format, args...))
}

func (p *planner) warnf(format string, args ...any) {
	p.warnings = append(p.warnings, fmt.Sprintf(format, args...))
}

// newPlan gives everything that is wrong at once, in words.
func newPlan(m *Mirror, t *table, maxRows int) (*plan, []string, error) {
	p := &planner{m: m, t: t}
	p.checkTable()
	columns := p.columns()
	pl := &plan{table: quoteName(t.name), read: map[int]string{}}
	p.addSlots(pl, columns)
	names := make([]string, 0, len(pl.slots)+len(m.Set))
	for i := range pl.slots {
		names = append(names, quoteName(pl.slots[i].column.name))
	}
	for _, name := range slices.Sorted(maps.Keys(m.Set)) {
		c := t.column(name)
		if c == nil {
			p.failf("the table %s has no column %s (in store.mirror.set)", t.name, name)
			continue
		}
		names = append(names, quoteName(c.name))
		pl.constants = append(pl.constants, constant(m.Set[name], c))
	}
	p.checkRest(columns)
	if len(p.errs) > 0 {
		return nil, p.warnings, errors.Join(p.errs...)
	}
	pl.insert = sqlstore.NewMultiInsert(pl.table, names, maxRows)
	pl.has = statement(sq.Select("1").From(pl.table).Where(pl.id+" = ?", 0))
	p.planUpdates(pl)
	return pl, p.warnings, nil
}

func (p *planner) checkTable() {
	t := p.t
	switch {
	case t.view:
		p.warnf("%s is a view: the engine and the indexes below it were not looked at", t.name)
	case !strings.EqualFold(t.engine, "InnoDB"):
		p.failf("the table %s has the engine %s, which has no transactions: a message could be there and not here (ALTER TABLE %s ENGINE = InnoDB)",
			t.name, t.engine, quoteName(t.name))
	}
}

// columns is what goes where: as it was said, or by name.
func (p *planner) columns() map[string]string {
	if len(p.m.Columns) > 0 {
		return p.m.Columns
	}
	out := map[string]string{}
	for _, f := range mirrorFields {
		if c := p.t.column(f.name); c != nil && !c.computed && !p.isSet(c.name) {
			out[f.name] = c.name
		}
	}
	return out
}

func (p *planner) isSet(column string) bool {
	for name := range p.m.Set {
		if strings.EqualFold(name, column) {
			return true
		}
	}
	return false
}

// addSlots checks every column that is used, in the order of the fields.
func (p *planner) addSlots(pl *plan, columns map[string]string) {
	order := MirrorFields()
	for _, name := range slices.Sorted(maps.Keys(columns)) {
		if strings.HasPrefix(name, ownPrefix) {
			order = append(order, name)
			pl.own = true
		}
	}
	if columns["id"] == "" {
		p.failf("the table %s has no column id: say in store.mirror.columns where the message's id goes (id: COLUMN)", p.t.name)
	}
	for _, name := range order {
		column := columns[name]
		if column == "" {
			continue
		}
		f, _ := findField(name)
		c := p.t.column(column)
		if c == nil {
			p.failf("the table %s has no column %s (for %s); it has %s", p.t.name, column, name, p.names())
			continue
		}
		s := slot{mirrorField: f, column: *c}
		p.checkSlot(&s)
		pl.slots = append(pl.slots, s)
		if name == "id" {
			pl.id = quoteName(c.name)
		}
	}
}

func (p *planner) names() string {
	names := make([]string, len(p.t.columns))
	for i := range p.t.columns {
		names[i] = p.t.columns[i].name
	}
	return strings.Join(names, ", ")
}

// checkRest finds columns that would be left without a value.
func (p *planner) checkRest(columns map[string]string) {
	used := map[string]bool{}
	for _, name := range columns {
		used[strings.ToLower(name)] = true
	}
	for i := range p.t.columns {
		c := &p.t.columns[i]
		if c.nullable || c.byDefault || used[strings.ToLower(c.name)] || p.isSet(c.name) {
			continue
		}
		p.failf("the column %s of %s needs a value (NOT NULL without a default) and gets none: map it in store.mirror.columns, "+
			"give it a constant in store.mirror.set, or a default in the table", c.name, p.t.name)
	}
}

// deleted is what a deletion does, with auto settled.
func (p *planner) deleted(pl *plan) string {
	switch d := p.m.Deleted; {
	case d != "" && d != "auto":
		return d
	case pl.slot("deletedAt") != nil:
		return "clear"
	}
	return "remove"
}

func (p *plan) slot(name string) *slot {
	for i := range p.slots {
		if p.slots[i].name == name {
			return &p.slots[i]
		}
	}
	return nil
}

func (p *planner) planUpdates(pl *plan) {
	pl.edit = pl.update("content", "rev", "editedAt", "updatedAt")
	switch p.deleted(pl) {
	case "remove":
		pl.delete = update{sql: statement(sq.Delete(pl.table).Where(pl.id+" = ?", 0))}
	case "keep":
		pl.delete = pl.update("rev", "deletedAt", "deletedBy", "updatedAt")
	default:
		what := []string{"content", "metadata", "replyTo", "rev", "deletedAt", "deletedBy", "updatedAt"}
		for i := range pl.slots {
			if pl.slots[i].kind == kindOwn {
				what = append(what, pl.slots[i].name)
			}
		}
		pl.delete = pl.update(what...)
	}
	pl.markFlag, pl.markTime = pl.slot("isRead") != nil, pl.slot("readAt")
}

// update sets those of the fields that have a column.
func (p *plan) update(fields ...string) update {
	var u update
	b := sq.Update(p.table)
	for _, name := range fields {
		if s := p.slot(name); s != nil {
			u.slots = append(u.slots, *s)
			b = b.Set(quoteName(s.column.name), 0)
		}
	}
	if len(u.slots) > 0 {
		u.sql = statement(b.Where(p.id+" = ?", 0))
	}
	return u
}

// readSQL marks n messages as read; the time of the first mark stays. Its
// arguments are the time, when there is a column for it, and the ids.
func (p *plan) readSQL(n int) string {
	p.mu.Lock()
	defer p.mu.Unlock()
	s := p.read[n]
	if s == "" {
		b := sq.Update(p.table)
		if p.markFlag {
			b = b.Set(quoteName(p.slot("isRead").column.name), sq.Expr("1"))
		}
		if p.markTime != nil {
			name := quoteName(p.markTime.column.name)
			b = b.Set(name, sq.Expr("COALESCE("+name+", ?)", 0))
		}
		s = statement(b.Where(sq.Eq{p.id: make([]any, n)}))
		p.read[n] = s
	}
	return s
}

// statement returns a statement's SQL; its arguments were only there to count.
func statement(s sq.Sqlizer) string {
	text, _, err := s.ToSql()
	if err != nil {
		// Every statement has a table, a column and a condition.
		panic("mysql: " + err.Error())
	}
	return text
}

// constant is a value of store.mirror.set: true and false are numbers where
// the column holds such.
func constant(v string, c *column) any {
	if isNumber(c.dataType) {
		switch v {
		case "true":
			return int64(1)
		case "false":
			return int64(0)
		}
	}
	return v
}
