package importer

import (
	"context"
	"database/sql"
	"fmt"
	"strconv"

	sq "github.com/Masterminds/squirrel"
)

// The bounds of what is held of the app's table at once: the keys of a
// window, and the bytes of a batch's rows (a single row may be larger).
const (
	windowKeys = 50_000
	batchBytes = 8 << 20
)

// source reads the app's table of messages in the order of (createdAt, id).
//
// It reads a window of keys first, then the rows behind them by id. So a table
// without an index on createdAt is sorted once for each window and not once
// for each batch, and one that has it is not sorted at all.
type source struct {
	db    *sql.DB
	m     *mapping
	where string
}

// key is a row's place, as the database writes it.
type key struct {
	At string `json:"createdAt"`
	ID string `json:"id"`
}

// record is a row: its key, and the values of the mapping's fields in their
// order, nil for NULL.
type record struct {
	key    key
	values [][]byte
}

// query begins a SELECT over the rows that are to be imported.
func (s *source) query(columns ...string) sq.SelectBuilder {
	b := sq.Select(columns...).From(quote(s.m.table.name))
	if s.where != "" {
		b = b.Where("(" + s.where + "\n)") // the line's end ends a comment
	}
	return b
}

// native is a key's part in the column's own type: a large number compared
// with text would lose digits.
func native(c column, text string) any {
	if c.isWhole() {
		if n, err := strconv.ParseInt(text, 10, 64); err == nil {
			return n
		}
		if n, err := strconv.ParseUint(text, 10, 64); err == nil {
			return n
		}
	}
	return text
}

func (s *source) count(ctx context.Context) (n int64, err error) {
	text, args, err := s.query("COUNT(*)").ToSql()
	if err != nil {
		return 0, err
	}
	if err := s.db.QueryRowContext(ctx, text, args...).Scan(&n); err != nil {
		return 0, fmt.Errorf("count the rows of %s: %w", s.m.table.name, err)
	}
	return n, nil
}

// window gives the keys behind after, windowKeys at most; nil after is the
// beginning.
func (s *source) window(ctx context.Context, after *key) ([]key, error) {
	at, id := s.m.column("createdAt"), s.m.column("id")
	a, i := quote(at.name), quote(id.name)
	b := s.query(a, i).Where(a+" IS NOT NULL").OrderBy(a, i).Limit(windowKeys)
	if after != nil {
		t := native(at, after.At)
		b = b.Where(a+" >= ? AND ("+a+" > ? OR "+i+" > ?)", t, t, native(id, after.ID))
	}
	text, args, err := b.ToSql()
	if err != nil {
		return nil, err
	}
	var keys []key
	err = each(ctx, s.db, func(rows *sql.Rows) error {
		var k key
		err := rows.Scan(&k.At, &k.ID)
		keys = append(keys, k)
		return err
	}, text, args...)
	if err != nil {
		return nil, fmt.Errorf("read the order of %s: %w", s.m.table.name, err)
	}
	return keys, nil
}

// undated gives the ids of rows without createdAt behind after.
func (s *source) undated(ctx context.Context, after string) ([]string, error) {
	at, id := s.m.column("createdAt"), s.m.column("id")
	if !at.nullable {
		return nil, nil
	}
	b := s.query(quote(id.name)).Where(quote(at.name) + " IS NULL").OrderBy(quote(id.name)).Limit(windowKeys)
	if after != "" {
		b = b.Where(quote(id.name)+" > ?", native(id, after))
	}
	text, args, err := b.ToSql()
	if err != nil {
		return nil, err
	}
	var ids []string
	err = each(ctx, s.db, func(rows *sql.Rows) error {
		var s string
		err := rows.Scan(&s)
		ids = append(ids, s)
		return err
	}, text, args...)
	if err != nil {
		return nil, fmt.Errorf("read the rows of %s without createdAt: %w", s.m.table.name, err)
	}
	return ids, nil
}

// read gives the rows of keys in their order, to yield, in as many parts as
// their size asks for. A row that went away meanwhile is left out.
func (s *source) read(ctx context.Context, keys []key, yield func(keys []key, rows []record) error) error {
	rows, fits, err := s.rows(ctx, keys)
	if err != nil {
		return fmt.Errorf("read the rows of %s: %w", s.m.table.name, err)
	}
	if fits || len(keys) == 1 {
		return yield(keys, rows)
	}
	half := len(keys) / 2
	if err := s.read(ctx, keys[:half], yield); err != nil {
		return err
	}
	return s.read(ctx, keys[half:], yield)
}

func (s *source) rows(ctx context.Context, keys []key) (out []record, fits bool, err error) {
	id := s.m.column("id")
	columns := []string{quote(id.name)}
	for _, f := range s.m.fields {
		columns = append(columns, quote(f.column.name))
	}
	ids := make([]any, len(keys))
	for i := range keys {
		ids[i] = native(id, keys[i].ID)
	}
	text, args, err := sq.Select(columns...).From(quote(s.m.table.name)).Where(sq.Eq{quote(id.name): ids}).ToSql()
	if err != nil {
		return nil, false, err
	}
	found, size := make(map[string][][]byte, len(keys)), 0
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	err = each(ctx, s.db, func(rows *sql.Rows) error {
		values := make([][]byte, len(columns))
		if err := rows.Scan(pointers(values)...); err != nil {
			return err
		}
		for _, v := range values {
			size += len(v)
		}
		if size > batchBytes && len(keys) > 1 {
			cancel() // the rest need not come
			return errTooLarge
		}
		found[string(values[0])] = values[1:]
		return nil
	}, text, args...)
	if size > batchBytes && len(keys) > 1 {
		return nil, false, nil
	}
	if err != nil {
		return nil, false, err
	}
	out = make([]record, 0, len(found))
	for _, k := range keys {
		if values, ok := found[k.ID]; ok {
			out = append(out, record{k, values})
		}
	}
	return out, true, nil
}

var errTooLarge = fmt.Errorf("the batch is too large")

func pointers(values [][]byte) []any {
	out := make([]any, len(values))
	for i := range values {
		out[i] = &values[i]
	}
	return out
}
