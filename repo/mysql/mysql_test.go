package mysql_test

import (
	"testing"

	"github.com/corrillo/corrillo/repo"
	"github.com/corrillo/corrillo/repo/mysql"
	"github.com/corrillo/corrillo/repo/repotest"
)

func TestMain(m *testing.M) { repotest.Main(m) }

// open gives a migrated store on the database of that URL.
func open(t testing.TB, url string, more ...func(*mysql.Options)) repo.Store {
	t.Helper()
	o, err := mysql.ParseURL(url)
	if err != nil {
		t.Fatalf("ParseURL: %v", err)
	}
	for _, f := range more {
		f(&o)
	}
	s, err := mysql.Open(t.Context(), o)
	if err != nil {
		t.Fatalf("Open: %v", err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Errorf("Close: %v", err)
		}
	})
	if err := s.Migrate(t.Context()); err != nil {
		t.Fatalf("Migrate: %v", err)
	}
	return s
}

func TestStore(t *testing.T) {
	repotest.Run(t, func(t *testing.T) repo.Store { return open(t, repotest.MariaDB(t)) })
}

// Everything must also work over a single connection (connection_limit=1).
func TestStore_OneConnection(t *testing.T) {
	repotest.Run(t, func(t *testing.T) repo.Store { return open(t, repotest.MariaDB(t)+"?connection_limit=1") })
}
