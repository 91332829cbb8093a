package migrations

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strings"

	"github.com/pressly/goose/v3"

	"github.com/corrillo/corrillo/repo"
)

// nodesSince is the version from which on MySQL has the table of nodes.
const nodesSince = 2

// mayMigrate refuses tables that this program does not know, and to change those
// on which nodes of a cluster run: they would fail from then on.
func mayMigrate(ctx context.Context, db *sql.DB, provider *goose.Provider, dialect goose.Dialect, prefix string) error {
	// Without goose's lock, which it takes for more than a look.
	var is int64
	if err := db.QueryRowContext(ctx, "SELECT COALESCE(MAX(version_id), 0) FROM "+prefix+"migration").Scan(&is); err != nil { //nolint:gosec // the prefix has been checked
		return nil //nolint:nilerr // there are no tables yet, or Up says what is wrong
	}
	all := provider.ListSources()
	known := all[len(all)-1].Version
	switch {
	case is > known:
		return fmt.Errorf("the tables are of version %d, and this program knows them up to %d: a newer one has changed them", is, known)
	case is == known, is < nodesSince, dialect != goose.DialectMySQL:
		return nil
	}
	nodes, err := living(ctx, db, prefix)
	if err != nil || len(nodes) == 0 {
		return err
	}
	return fmt.Errorf("%w: the tables are of version %d and are to become %d, which is for when all nodes that run on them have stopped: %s",
		repo.ErrUnavailable, is, known, strings.Join(nodes, ", "))
}

// living names the nodes of a cluster that have a lease.
func living(ctx context.Context, db *sql.DB, prefix string) (nodes []string, err error) {
	rows, err := db.QueryContext(ctx, "SELECT id, address, version FROM "+prefix+"node WHERE expiresAt > UTC_TIMESTAMP(3) ORDER BY id") //nolint:gosec // the prefix has been checked
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, rows.Close()) }()
	for rows.Next() {
		var id, address, version string
		if err := rows.Scan(&id, &address, &version); err != nil {
			return nil, err
		}
		nodes = append(nodes, fmt.Sprintf("%s (%s) at %s", id, version, address))
	}
	return nodes, rows.Err()
}
