package importer

import (
	"context"
	"database/sql"
	"fmt"

	sq "github.com/Masterminds/squirrel"
	lru "github.com/hashicorp/golang-lru/v2"
)

// namesKept bounds the names that are remembered.
const namesKept = 50_000

// names looks up what senders are called, in the app's table of users.
type names struct {
	db    *sql.DB
	m     *mapping // nil: there is no table
	known *lru.Cache[string, string]
}

func newNames(db *sql.DB, m *mapping) (*names, error) {
	known, err := lru.New[string, string](namesKept)
	return &names{db: db, m: m, known: known}, err
}

// of gives the names of the senders of rows that have one.
func (n *names) of(ctx context.Context, rows []record, d *reader) (map[string]string, error) {
	if n.m == nil {
		return nil, nil
	}
	out := map[string]string{}
	var ask []any
	for i := range rows {
		id := d.text(&rows[i], "senderId")
		if _, ok := out[id]; ok || id == "" {
			continue
		}
		name, ok := n.known.Get(id)
		if out[id] = name; !ok {
			ask = append(ask, native(n.m.column("id"), id))
		}
	}
	if len(ask) == 0 {
		return out, nil
	}
	id, name := quote(n.m.column("id").name), quote(n.m.column("name").name)
	text, args, err := sq.Select(id, name).From(quote(n.m.table.name)).Where(sq.Eq{id: ask}).ToSql()
	if err != nil {
		return nil, err
	}
	err = each(ctx, n.db, func(found *sql.Rows) error {
		var id, name sql.NullString
		err := found.Scan(&id, &name)
		out[id.String] = name.String
		return err
	}, text, args...)
	if err != nil {
		return nil, fmt.Errorf("read names from %s: %w", n.m.table.name, err)
	}
	for id, name := range out {
		n.known.Add(id, name)
	}
	return out, nil
}
