package migrations

import (
	"database/sql"
	"errors"
	"net/url"
	"path/filepath"
	"strings"
	"testing"
	"testing/fstest"

	_ "github.com/go-sql-driver/mysql"
	_ "modernc.org/sqlite"

	"github.com/corrillo/corrillo/repo"
	"github.com/corrillo/corrillo/repo/repotest"
)

func TestMain(m *testing.M) { repotest.Main(m) }

// dsn is a database's URL as the driver has it.
func dsn(t *testing.T, text string) string {
	t.Helper()
	u, err := url.Parse(text)
	if err != nil {
		t.Fatal(err)
	}
	password, _ := u.User.Password()
	return u.User.Username() + ":" + password + "@tcp(" + u.Host + ")" + u.Path + "?parseTime=true"
}

func database(t *testing.T, driver, source string) *sql.DB {
	t.Helper()
	db, err := sql.Open(driver, source)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := db.Close(); err != nil {
			t.Error(err)
		}
	})
	return db
}

func run(t *testing.T, db *sql.DB, statement string) {
	t.Helper()
	if _, err := db.ExecContext(t.Context(), statement); err != nil {
		t.Fatal(err)
	}
}

// The version after the last one, whose tables the one before it cannot use.
func next(t *testing.T) fstest.MapFS {
	t.Helper()
	rendered, err := render("mysql", DefaultPrefix)
	if err != nil {
		t.Fatal(err)
	}
	rendered["00099_next.sql"] = &fstest.MapFile{Mode: 0o444, Data: []byte(
		"-- +goose NO TRANSACTION\n-- +goose Up\nALTER TABLE corrillo_message RENAME COLUMN content TO body;\n")}
	return rendered
}

// A version that changes the tables does so when the last node of the one before it
// has stopped, and that one does not begin on what it does not know.
func TestMySQL_UnderNodes(t *testing.T) {
	ctx := t.Context()
	db := database(t, "mysql", dsn(t, repotest.MariaDB(t)))
	if err := MySQL(ctx, db, DefaultPrefix); err != nil {
		t.Fatal(err)
	}
	var is int
	if err := db.QueryRowContext(ctx, "SELECT MAX(version_id) FROM corrillo_migration").Scan(&is); err != nil || is != Version() {
		t.Errorf("the tables are of version %d, want %d; %v", is, Version(), err)
	}
	run(t, db, "INSERT INTO corrillo_node (id, address, version, schemaVersion, joinedAt, expiresAt) VALUES "+
		"('runs', '10.0.0.1:7946', 'v1', 1, UTC_TIMESTAMP(3), UTC_TIMESTAMP(3) + INTERVAL 1 MINUTE), "+
		"('died', '10.0.0.2:7946', 'v1', 1, UTC_TIMESTAMP(3), UTC_TIMESTAMP(3) - INTERVAL 1 MINUTE)")
	if err := MySQL(ctx, db, DefaultPrefix); err != nil {
		t.Errorf("another node of the same version: %v", err)
	}
	err := mysqlTo(ctx, db, next(t), DefaultPrefix)
	if !errors.Is(err, repo.ErrUnavailable) || !strings.HasSuffix(err.Error(), "have stopped: runs (v1) at 10.0.0.1:7946") {
		t.Errorf("a node runs: %v", err)
	}
	run(t, db, "SELECT content FROM corrillo_message")
	run(t, db, "DELETE FROM corrillo_node WHERE id = 'runs'")
	if err := mysqlTo(ctx, db, next(t), DefaultPrefix); err != nil {
		t.Errorf("all have stopped: %v", err)
	}
	run(t, db, "SELECT body FROM corrillo_message")
	if err := MySQL(ctx, db, DefaultPrefix); err == nil || errors.Is(err, repo.ErrUnavailable) || !strings.Contains(err.Error(), "of version 99") {
		t.Errorf("the version before it begins: %v", err)
	}
}

func TestSQLite_OfALaterVersion(t *testing.T) {
	db := database(t, "sqlite", "file:"+filepath.Join(t.TempDir(), "chat.db"))
	if err := SQLite(t.Context(), db, DefaultPrefix); err != nil {
		t.Fatal(err)
	}
	run(t, db, "INSERT INTO corrillo_migration (version_id, is_applied) VALUES (99, 1)")
	if err := SQLite(t.Context(), db, DefaultPrefix); err == nil || !strings.Contains(err.Error(), "of version 99") {
		t.Errorf("got %v", err)
	}
}
