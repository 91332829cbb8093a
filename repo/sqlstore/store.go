package sqlstore

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/corrillo/corrillo/repo"
	"github.com/corrillo/corrillo/repo/migrations"
)

// Options says what a Store is made of.
type Options struct {
	// Writer and Reader are the pools; the Store closes both. They may be
	// one and the same.
	Writer, Reader *sql.DB
	Dialect        Dialect
	// TablePrefix begins the name of every table.
	TablePrefix string
	// MembershipQuery is the operator's authz.query, empty when there is none.
	MembershipQuery string
	// AcquireTimeout bounds the wait for a connection of the pool. 0: only
	// the context does.
	AcquireTimeout time.Duration
	// Apart, when set, gives each group of a Save a transaction of its own:
	// for a database whose transactions must not span conversations. So many
	// of them are under way at once, those of all Saves together; they take a
	// connection each. 0: a Save is one transaction.
	Apart int
	// Replica, when set, gives the pages that MessageQuery.AtLeast allows.
	Replica *Replica
	// Companion is what every Save writes to besides our tables; nil for none.
	Companion Companion
	// Migrate brings the schema up to date.
	Migrate func(ctx context.Context) error
}

// Store implements repo.Store over database/sql.
type Store struct {
	writer, reader *sql.DB
	d              Dialect
	texts          *texts
	membership     *membershipQuery
	companion      Companion
	replica        *replica // nil: none
	acquireTimeout time.Duration
	slots          chan struct{} // one for each transaction of Options.Apart; nil: a Save is one
	migrate        func(ctx context.Context) error

	transactions, rows, retries, inDoubt, repeats, rejected, fenced, marksCut, pagesCut atomic.Int64
}

var _ repo.Store = (*Store)(nil)

// ErrNoMembershipQuery says that QueryMembership was called and there is no
// query.
var ErrNoMembershipQuery = errors.New("no membership query is set")

// New makes a Store. It does not touch the database.
func New(o Options) (*Store, error) {
	if err := migrations.CheckPrefix(o.TablePrefix); err != nil {
		return nil, err
	}
	s := &Store{
		writer: o.Writer, reader: o.Reader,
		d:              o.Dialect,
		acquireTimeout: o.AcquireTimeout,
		companion:      o.Companion,
		replica:        newReplica(o.Replica),
		migrate:        o.Migrate,
	}
	if o.Apart > 0 {
		s.slots = make(chan struct{}, o.Apart)
	}
	s.texts = newTexts(&s.d, o.TablePrefix)
	if o.MembershipQuery != "" {
		q, err := parseMembershipQuery(o.MembershipQuery, o.Dialect.BackslashEscapes)
		if err != nil {
			return nil, fmt.Errorf("membership query: %w", err)
		}
		s.membership = q
	}
	return s, nil
}

// Ping implements repo.Store. It asks the pool that writes.
func (s *Store) Ping(ctx context.Context) error {
	if err := s.writer.PingContext(ctx); err != nil {
		return s.unavailable("ping", err)
	}
	return nil
}

// Migrate implements repo.Store.
func (s *Store) Migrate(ctx context.Context) error {
	if err := s.migrate(ctx); err != nil {
		return s.wrap("migrate", err)
	}
	return nil
}

// Stats implements repo.Store.
func (s *Store) Stats() repo.Stats {
	w := s.writer.Stats()
	st := repo.Stats{
		Transactions: s.transactions.Load(),
		Rows:         s.rows.Load(),
		Retries:      s.retries.Load(),
		InDoubt:      s.inDoubt.Load(),
		Repeats:      s.repeats.Load(),
		Rejected:     s.rejected.Load(),
		Fenced:       s.fenced.Load(),
		MarksCut:     s.marksCut.Load(),
		PagesCut:     s.pagesCut.Load(),
		OpenConns:    w.OpenConnections,
		InUse:        w.InUse,
	}
	if s.reader != s.writer {
		r := s.reader.Stats()
		st.OpenConns += r.OpenConnections
		st.InUse += r.InUse
	}
	if r := s.replica; r != nil {
		db := r.DB.Stats()
		st.OpenConns += db.OpenConnections
		st.InUse += db.InUse
		st.ReplicaReads, st.ReplicaBehind, st.ReplicaAway = r.reads.Load(), r.behind.Load(), r.away.Load()
	}
	return st
}

// Close implements repo.Store.
func (s *Store) Close() error {
	err := s.writer.Close()
	if s.reader != s.writer {
		err = errors.Join(err, s.reader.Close())
	}
	if s.replica != nil {
		err = errors.Join(err, s.replica.DB.Close())
	}
	return err
}

// acquire takes a connection, waiting no longer than the pool's timeout. The
// caller closes it.
func (s *Store) acquire(ctx context.Context, db *sql.DB) (*sql.Conn, error) {
	if s.acquireTimeout <= 0 {
		return db.Conn(ctx)
	}
	ctx, cancel := context.WithTimeout(ctx, s.acquireTimeout)
	defer cancel()
	return db.Conn(ctx)
}

func (s *Store) envelope() (Envelope, bool) {
	if s.d.Together == nil {
		return Envelope{}, false
	}
	return s.d.Together()
}

// classify sorts any error that a call to the database gave.
func (s *Store) classify(err error) Class {
	switch {
	case errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded),
		errors.Is(err, sql.ErrConnDone), errors.Is(err, sql.ErrTxDone):
		return ClassTransient
	}
	return s.d.Classify(err)
}

func (s *Store) unavailable(what string, err error) error {
	if s.refused(err) {
		return fmt.Errorf("%s: %w: %w", what, repo.ErrRefused, err)
	}
	return fmt.Errorf("%s: %w: %w", what, repo.ErrUnavailable, err)
}

func (s *Store) refused(err error) bool { return s.d.Refused != nil && s.d.Refused(err) }

// wrap adds what was done, and repo.ErrUnavailable where a later try may do.
func (s *Store) wrap(what string, err error) error {
	if s.classify(err) == ClassTransient || s.refused(err) {
		return s.unavailable(what, err)
	}
	return fmt.Errorf("%s: %w", what, err)
}
