package sqlite

import (
	"database/sql"
	"net/url"
	"path/filepath"
	"testing"
	"time"
)

// What a commit's durability and a second process's patience hang on.
func TestOpen_Pragmas(t *testing.T) {
	path := filepath.Join(t.TempDir(), "a ?#%.db")
	s, err := Open(t.Context(), Options{Path: path})
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	}()
	if err := s.Migrate(t.Context()); err != nil {
		t.Fatal(err)
	}
	db, err := open(path, 5*time.Second, url.Values{})
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := db.Close(); err != nil {
			t.Error(err)
		}
	}()
	for _, c := range []struct{ pragma, want string }{{"journal_mode", "wal"}, {"synchronous", "2"}, {"busy_timeout", "5000"}} {
		if got := pragma(t, db, c.pragma); got != c.want {
			t.Errorf("%s is %s, want %s", c.pragma, got, c.want)
		}
	}
	var tables int
	if err := db.QueryRowContext(t.Context(), "SELECT COUNT(*) FROM sqlite_master WHERE name = 'corrillo_message'").Scan(&tables); err != nil || tables != 1 {
		t.Errorf("the file at that path is another one: %d, %v", tables, err)
	}
}

func pragma(t *testing.T, db *sql.DB, name string) string {
	t.Helper()
	var v string
	if err := db.QueryRowContext(t.Context(), "PRAGMA "+name).Scan(&v); err != nil {
		t.Fatal(err)
	}
	return v
}
