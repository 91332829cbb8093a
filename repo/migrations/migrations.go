package migrations

import (
	"context"
	"database/sql"
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"regexp"
	"strings"
	"testing/fstest"
	"time"

	"github.com/pressly/goose/v3"
	"github.com/pressly/goose/v3/lock"
)

// DefaultPrefix begins the name of every table unless another is set.
const DefaultPrefix = "corrillo_"

//go:embed mysql/*.sql sqlite/*.sql
var files embed.FS

// placeholder stands for the table prefix in the SQL files.
const placeholder = "{prefix}"

var prefixPattern = regexp.MustCompile(`^[A-Za-z0-9_]{1,32}$`)

// CheckPrefix reports why a table prefix cannot be used: it goes into SQL as
// it is, so only ASCII letters, digits and the underscore are allowed.
func CheckPrefix(prefix string) error {
	if !prefixPattern.MatchString(prefix) {
		return fmt.Errorf("table prefix %q: want 1 to 32 letters, digits or underscores", prefix)
	}
	return nil
}

// Version is the number of the last migration of MySQL. Nodes that give different
// ones work on different tables.
func Version() int {
	names, err := fs.Glob(files, "mysql/*.sql")
	if err != nil {
		panic(err) // of the pattern
	}
	var last int64
	for _, name := range names {
		n, err := goose.NumericComponent(name)
		if err != nil {
			panic(err) // the file was built in
		}
		last = max(last, n)
	}
	return int(last)
}

// MySQL migrates a MySQL database (or one that speaks its protocol). The lock
// is a row with a lease in <prefix>migration_lock, since GET_LOCK does not
// exist everywhere: a process that dies in the middle holds the others up for
// 30 s at most. DDL commits by itself there, so every statement can be run
// again. db must allow three connections. While nodes of a cluster run on the
// tables it changes nothing, and the error is repo.ErrUnavailable.
func MySQL(ctx context.Context, db *sql.DB, prefix string) error {
	rendered, err := render("mysql", prefix)
	if err != nil {
		return err
	}
	return mysqlTo(ctx, db, rendered, prefix)
}

// mysqlTo migrates to the last one of these files.
func mysqlTo(ctx context.Context, db *sql.DB, rendered fs.FS, prefix string) error {
	locker, err := lock.NewMySQLTableLocker(
		lock.WithTableName(prefix+"migration_lock"),
		lock.WithTableLockTimeout(200*time.Millisecond, 600),
		lock.WithTableUnlockTimeout(200*time.Millisecond, 50),
	)
	if err != nil {
		return fmt.Errorf("make the migration lock: %w", err)
	}
	return up(ctx, db, goose.DialectMySQL, rendered, prefix, goose.WithLocker(locker))
}

// SQLite migrates an SQLite database in one write transaction, which is the
// lock as well: it goes away with the process that holds it. db must have a
// busy timeout.
func SQLite(ctx context.Context, db *sql.DB, prefix string) error {
	rendered, err := render("sqlite", prefix)
	if err != nil {
		return err
	}
	return up(ctx, db, goose.DialectSQLite3, rendered, prefix,
		goose.WithSessionLocker(writeLock{}), goose.WithIsolateDDL(true))
}

func up(ctx context.Context, db *sql.DB, dialect goose.Dialect, rendered fs.FS, prefix string, opts ...goose.ProviderOption) error {
	opts = append(opts,
		goose.WithTableName(prefix+"migration"),
		goose.WithDisableGlobalRegistry(true),
		goose.WithSlog(slog.New(slog.DiscardHandler)),
	)
	provider, err := goose.NewProvider(dialect, db, rendered, opts...)
	if err != nil {
		return fmt.Errorf("prepare migrations: %w", err)
	}
	if err := mayMigrate(ctx, db, provider, dialect, prefix); err != nil {
		return fmt.Errorf("migrate: %w", err)
	}
	if _, err := provider.Up(ctx); err != nil {
		return fmt.Errorf("migrate: %w", err)
	}
	return nil
}

// render reads one dialect's files with the prefix filled in.
func render(dir, prefix string) (fstest.MapFS, error) {
	if err := CheckPrefix(prefix); err != nil {
		return nil, err
	}
	entries, err := files.ReadDir(dir)
	if err != nil {
		return nil, fmt.Errorf("read migrations: %w", err)
	}
	out := make(fstest.MapFS, len(entries))
	for _, e := range entries {
		text, err := files.ReadFile(dir + "/" + e.Name())
		if err != nil {
			return nil, fmt.Errorf("read migrations: %w", err)
		}
		text = []byte(strings.ReplaceAll(string(text), placeholder, prefix))
		out[e.Name()] = &fstest.MapFile{Data: text, Mode: 0o444}
	}
	return out, nil
}

// writeLock makes goose's whole run one SQLite write transaction. It asks
// that no migration opens a transaction of its own (NO TRANSACTION).
type writeLock struct{}

// SessionLock implements lock.SessionLocker.
func (writeLock) SessionLock(ctx context.Context, conn *sql.Conn) error {
	if _, err := conn.ExecContext(ctx, "BEGIN IMMEDIATE"); err != nil {
		return fmt.Errorf("lock the database for migration: %w", err)
	}
	return nil
}

// SessionUnlock implements lock.SessionLocker.
func (writeLock) SessionUnlock(ctx context.Context, conn *sql.Conn) error {
	_, err := conn.ExecContext(ctx, "COMMIT")
	if err == nil {
		return nil
	}
	_, rollbackErr := conn.ExecContext(ctx, "ROLLBACK")
	return fmt.Errorf("end the migration: %w", errors.Join(err, rollbackErr))
}
