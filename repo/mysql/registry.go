package mysql

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/corrillo/corrillo/repo"
	"github.com/corrillo/corrillo/repo/sqlstore"
)

// Registry implements repo.Registry in the store's database, by the database's
// clock. It has one connection of its own beside the store's pool, so that a node
// does not lose its lease because many clients read history.
type Registry struct {
	db    *sql.DB
	texts registryTexts
	ttl   atomic.Int64 // a Duration: the ttl of the last Register or Renew
}

// A lease that would last longer than leaseTimes this node's own ttl, and longer than
// leaseMost, counts as expired: it was written before the database's clock was put
// back.
const (
	leaseTimes = 10
	leaseMost  = time.Minute
)

// most returns the argument of leaseOver: the longest time, in microseconds, that a
// lease may have left.
func (r *Registry) most() int64 {
	return max(leaseTimes*time.Duration(r.ttl.Load()), leaseMost).Microseconds()
}

var _ repo.Registry = (*Registry)(nil)

// OpenRegistry makes a Registry in the database of o. Of the other options it uses
// those about connections, and TablePrefix. Like Open it does not connect yet. The
// store's Migrate makes the tables.
func OpenRegistry(o Options) (*Registry, error) {
	o.setDefaults()
	// Sending transactions as one query is not worth it here, and the mirror is the
	// store's.
	o.OneByOne, o.Mirror = true, nil
	c, err := newConnector(&o)
	if err != nil {
		return nil, fmt.Errorf("open the registry: %w", err)
	}
	c.setup = append(c.setup, o.sessionQuiet())
	db := sql.OpenDB(c)
	db.SetMaxOpenConns(1)
	db.SetMaxIdleConns(1)
	db.SetConnMaxLifetime(o.MaxLifetime)
	return &Registry{db: db, texts: newRegistryTexts(o.TablePrefix)}, nil
}

// Close implements repo.Registry.
func (r *Registry) Close() error { return r.db.Close() }

// Register implements repo.Registry.
func (r *Registry) Register(ctx context.Context, l repo.Lease, ttl time.Duration) error {
	if err := l.Check(); err != nil {
		return err
	}
	r.ttl.Store(int64(ttl))
	_, err := r.db.ExecContext(ctx, r.texts.register, l.ID, l.Address, l.Version, l.Schema, nullable(l.Meta), ttl.Microseconds())
	return registryError("register the node", err)
}

// Renew implements repo.Registry.
func (r *Registry) Renew(ctx context.Context, l repo.Lease, ttl time.Duration) error {
	if err := l.Check(); err != nil {
		return err
	}
	r.ttl.Store(int64(ttl))
	res, err := r.db.ExecContext(ctx, r.texts.renew, l.Address, l.Version, l.Schema, nullable(l.Meta), ttl.Microseconds(), l.ID)
	if err == nil {
		err = wantRow(res, repo.ErrLeaseLost)
	}
	return registryError("renew the lease", err)
}

// Remove implements repo.Registry.
func (r *Registry) Remove(ctx context.Context, id string) error {
	_, err := r.db.ExecContext(ctx, r.texts.remove(1), id)
	return registryError("remove the lease", err)
}

// Read implements repo.Registry: one statement sees one moment.
func (r *Registry) Read(ctx context.Context) (repo.Registered, error) {
	got, err := r.read(ctx)
	return got, registryError("read the registry", err)
}

func (r *Registry) read(ctx context.Context) (got repo.Registered, err error) {
	rows, err := r.db.QueryContext(ctx, r.texts.read, recordID, r.most())
	if err != nil {
		return got, err
	}
	defer func() { _ = rows.Close() }() // rows.Err returns the error
	for rows.Next() {
		var l repo.LeaseSeen
		var generation int64
		var text sql.NullString
		if err := rows.Scan(&l.ID, &generation, &text, &l.Address, &l.Version, &l.Schema, &l.Expired, &got.Now); err != nil {
			return got, err
		}
		if l.ID == "" {
			got.Record.Generation = uint64(generation)
			if err := json.Unmarshal([]byte(text.String), &got.Record.Members); err != nil {
				return got, fmt.Errorf("members of generation %d: %w", generation, err)
			}
			continue
		}
		if text.Valid {
			l.Meta = []byte(text.String)
		}
		got.Leases = append(got.Leases, l)
	}
	return got, rows.Err()
}

// Propose implements repo.Registry. It locks the record's row first, so proposals are
// decided one at a time. A renewal that waits while its lease is deleted then finds
// none; one that came before the deletion makes it a conflict.
func (r *Registry) Propose(ctx context.Context, p repo.Proposal) error {
	if err := p.Check(); err != nil {
		return err
	}
	members, err := json.Marshal(p.Record.Members)
	if err != nil {
		return fmt.Errorf("propose members: %w", err)
	}
	tx, err := r.db.BeginTx(ctx, nil)
	if err != nil {
		return registryError("propose members", err)
	}
	if err = r.propose(ctx, tx, &p, string(members)); err == nil {
		err = tx.Commit()
	} else {
		// When this fails the connection is lost, which err says already.
		_ = tx.Rollback()
	}
	return registryError(fmt.Sprintf("propose generation %d", p.Record.Generation), err)
}

func (r *Registry) propose(ctx context.Context, tx *sql.Tx, p *repo.Proposal, members string) error {
	if err := r.setRecord(ctx, tx, p.Record.Generation, members); err != nil {
		return err
	}
	if n := len(p.Expired); n > 0 {
		ids := anys(p.Expired)
		if _, err := tx.ExecContext(ctx, r.texts.removeExpired(n), append(ids[:n:n], r.most())...); err != nil {
			return err
		}
		var left int
		if err := tx.QueryRowContext(ctx, r.texts.count(n), ids...).Scan(&left); err != nil {
			return err
		}
		if left > 0 {
			return fmt.Errorf("%d of %d leases have been renewed: %w", left, n, repo.ErrConflict)
		}
	}
	if n := len(p.Removed); n > 0 {
		if _, err := tx.ExecContext(ctx, r.texts.remove(n), anys(p.Removed)...); err != nil {
			return err
		}
	}
	return nil
}

// setRecord is the compare and set of the record. The first one of all, generation 1,
// has no row to compare with and is inserted.
func (r *Registry) setRecord(ctx context.Context, tx *sql.Tx, generation uint64, members string) error {
	if generation == 1 {
		_, err := tx.ExecContext(ctx, r.texts.firstRecord, recordID, 1, members)
		if err != nil && classify(err) == sqlstore.ClassDuplicate {
			return repo.ErrConflict
		}
		return err
	}
	res, err := tx.ExecContext(ctx, r.texts.setRecord, int64(generation), members, recordID, int64(generation-1))
	if err != nil {
		return err
	}
	return wantRow(res, repo.ErrConflict)
}

// wantRow returns the error otherwise when a statement matched no row.
func wantRow(res sql.Result, otherwise error) error {
	n, err := res.RowsAffected()
	if err == nil && n == 0 {
		return otherwise
	}
	return err
}

func nullable(json []byte) any {
	if json == nil {
		return nil
	}
	return string(json)
}

func anys(ids []string) []any {
	out := make([]any, len(ids))
	for i, id := range ids {
		out[i] = id
	}
	return out
}

// registryError adds to an error what was done, and wraps repo.ErrUnavailable where a
// later try may help.
func registryError(what string, err error) error {
	switch {
	case err == nil:
		return nil
	case errors.Is(err, repo.ErrLeaseLost), errors.Is(err, repo.ErrConflict):
		return fmt.Errorf("%s: %w", what, err)
	case refused(err):
		return fmt.Errorf("%s: %w: %w", what, repo.ErrRefused, err)
	case errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded), errors.Is(err, sql.ErrTxDone),
		classify(err) == sqlstore.ClassTransient:
		return fmt.Errorf("%s: %w: %w", what, repo.ErrUnavailable, err)
	default:
		return fmt.Errorf("%s: %w", what, err)
	}
}
