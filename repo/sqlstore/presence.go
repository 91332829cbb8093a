package sqlstore

import (
	"context"
	"database/sql"
	"sort"
	"time"
)

// TouchUsers implements repo.Store. Who cannot be in the tables is left out.
func (s *Store) TouchUsers(ctx context.Context, seen map[string]time.Time) error {
	ids := make([]string, 0, len(seen))
	for id, at := range seen {
		if validID(id) && !at.IsZero() {
			ids = append(ids, id)
		}
	}
	sort.Strings(ids)
	for part := range chunks(ids, s.texts.presence.max) {
		args := make([]any, 0, 2*len(part))
		for _, id := range part {
			args = append(args, id, stamp(seen[id]))
		}
		err := s.again(ctx, "touch users", func() error {
			return s.touch(ctx, s.texts.presence.of(len(part)), args)
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// touch runs the INSERT of some users: in a transaction, or, where they lie on
// many shards, so that each shard commits its own. A part that is written twice
// does no harm.
func (s *Store) touch(ctx context.Context, text string, args []any) error {
	if s.slots == nil {
		return s.inTx(ctx, func(tx *sql.Tx) error {
			_, err := tx.ExecContext(ctx, text, args...)
			return err
		})
	}
	conn, err := s.acquire(ctx, s.writer)
	if err != nil {
		return err
	}
	defer func() {
		// What is wrong with the connection has been reported by its use.
		_ = conn.Close()
	}()
	_, err = conn.ExecContext(ctx, text, args...)
	return err
}

// LastSeen implements repo.Store.
func (s *Store) LastSeen(ctx context.Context, userIDs []string) (map[string]time.Time, error) {
	seen := make(map[string]time.Time, len(userIDs))
	for part := range chunks(validIDs(userIDs), s.d.MaxKeys) {
		err := s.query(ctx, "read last seen", func() {}, s.texts.of(kindLastSeen, len(part)), part, func(rows *sql.Rows) error {
			var id string
			var at timeValue
			err := rows.Scan(&id, &at)
			seen[id] = at.Time
			return err
		})
		if err != nil {
			return nil, err
		}
	}
	return seen, nil
}
