package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"time"

	"github.com/sethvargo/go-retry"
	"modernc.org/sqlite" // also registers the driver "sqlite"
	sqlite3 "modernc.org/sqlite/lib"

	"github.com/corrillo/corrillo/repo/migrations"
	"github.com/corrillo/corrillo/repo/sqlstore"
)

// Options says where the database is.
type Options struct {
	// Path is the database file. It is made when it is not there, for its
	// owner's eyes alone (0600).
	Path string
	// TablePrefix begins the name of every table; corrillo_ when empty.
	TablePrefix string
	// MembershipQuery is the operator's authz.query, empty when there is none.
	MembershipQuery string
	// BusyTimeout bounds the wait for another process that writes; 5 s when
	// it is 0.
	BusyTimeout time.Duration
	// Readers is the number of connections that read; when it is 0, one per
	// CPU, and no fewer than 2 and no more than 8.
	Readers int
}

// Store keeps everything in one file.
type Store struct {
	*sqlstore.Store
	file file
}

// Open opens or makes the file. The tables come with Migrate.
func Open(_ context.Context, o Options) (*Store, error) {
	if o.Path == "" {
		return nil, errors.New("open sqlite: the path is empty")
	}
	o.setDefaults()
	path, err := filepath.Abs(o.Path)
	if err != nil {
		return nil, fmt.Errorf("open sqlite: %w", err)
	}
	if err := create(path); err != nil {
		return nil, fmt.Errorf("open sqlite: %w", err)
	}
	seen, err := lookAt(path)
	if err != nil {
		return nil, fmt.Errorf("open sqlite: %w", err)
	}
	writer, err := open(path, o.BusyTimeout, url.Values{"_txlock": {"immediate"}})
	if err != nil {
		return nil, fmt.Errorf("open sqlite: %w", err)
	}
	// SQLite has one writer; one connection queues them in Go, where a
	// context can end the wait.
	writer.SetMaxOpenConns(1)
	reader, err := open(path, o.BusyTimeout, url.Values{"_pragma": {"query_only(1)"}})
	if err != nil {
		return nil, fmt.Errorf("open sqlite: %w", errors.Join(err, writer.Close()))
	}
	reader.SetMaxOpenConns(o.Readers)
	reader.SetMaxIdleConns(o.Readers)
	s, err := sqlstore.New(sqlstore.Options{
		Writer: writer, Reader: reader,
		Dialect:         dialect(),
		TablePrefix:     o.TablePrefix,
		MembershipQuery: o.MembershipQuery,
		Migrate: func(ctx context.Context) error {
			return whileBusy(ctx, o.BusyTimeout, func(ctx context.Context) error {
				return migrations.SQLite(ctx, writer, o.TablePrefix)
			})
		},
	})
	if err != nil {
		return nil, errors.Join(err, writer.Close(), reader.Close())
	}
	return &Store{Store: s, file: seen}, nil
}

func (o *Options) setDefaults() {
	if o.TablePrefix == "" {
		o.TablePrefix = migrations.DefaultPrefix
	}
	if o.BusyTimeout <= 0 {
		o.BusyTimeout = 5 * time.Second
	}
	if o.Readers <= 0 {
		o.Readers = min(max(runtime.NumCPU(), 2), 8)
	}
}

// create makes the file before SQLite does, which would let the umask decide
// who may read it. The -wal and -shm files take over its mode.
func create(path string) error {
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600) //nolint:gosec // the operator names the file
	if err != nil {
		return err
	}
	return f.Close()
}

func open(path string, busy time.Duration, more url.Values) (*sql.DB, error) {
	q := url.Values{"_pragma": {
		// First, so that the others wait as well.
		"busy_timeout(" + strconv.FormatInt(busy.Milliseconds(), 10) + ")",
		"journal_mode(WAL)",
		"synchronous(FULL)",
		"temp_store(MEMORY)",
	}}
	for k, v := range more {
		q[k] = append(q[k], v...)
	}
	u := url.URL{Scheme: "file", Path: path, RawQuery: q.Encode()}
	return sql.Open("sqlite", u.String())
}

// whileBusy tries again for as long as others have the database. SQLite waits
// for them by itself, but not where a new file is switched to WAL.
func whileBusy(ctx context.Context, timeout time.Duration, do retry.RetryFunc) error {
	pause := retry.WithMaxDuration(timeout, retry.NewConstant(20*time.Millisecond))
	return retry.Do(ctx, pause, func(ctx context.Context) error {
		err := do(ctx)
		if e, ok := errors.AsType[*sqlite.Error](err); ok && e.Code()&0xff == sqlite3.SQLITE_BUSY {
			return retry.RetryableError(err)
		}
		return err
	})
}

func dialect() sqlstore.Dialect {
	return sqlstore.Dialect{
		Classify:  classify,
		Greatest:  "MAX",
		Upsert:    func(key string) string { return " ON CONFLICT (" + key + ") DO UPDATE SET " },
		Inserted:  func(column string) string { return "excluded." + column },
		RowValues: true,
		MaxRows:   500, // 15 values each, and 32766 are allowed
		MaxBytes:  16 << 20,
		MaxKeys:   200,
	}
}

// classify sorts SQLite's result codes (https://www.sqlite.org/rescode.html).
func classify(err error) sqlstore.Class {
	e, ok := errors.AsType[*sqlite.Error](err)
	if !ok {
		return sqlstore.ClassOther
	}
	switch e.Code() {
	case sqlite3.SQLITE_CONSTRAINT_UNIQUE, sqlite3.SQLITE_CONSTRAINT_PRIMARYKEY, sqlite3.SQLITE_CONSTRAINT_ROWID:
		return sqlstore.ClassDuplicate
	}
	switch e.Code() & 0xff {
	case sqlite3.SQLITE_CONSTRAINT, sqlite3.SQLITE_TOOBIG, sqlite3.SQLITE_MISMATCH:
		return sqlstore.ClassBadData
	case sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED, sqlite3.SQLITE_INTERRUPT, sqlite3.SQLITE_FULL,
		sqlite3.SQLITE_IOERR, sqlite3.SQLITE_READONLY, sqlite3.SQLITE_NOMEM, sqlite3.SQLITE_CANTOPEN:
		return sqlstore.ClassTransient
	}
	return sqlstore.ClassOther
}
