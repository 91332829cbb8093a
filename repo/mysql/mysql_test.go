package mysql_test

import (
	"errors"
	"sync"
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
	repotest.Run(t, func(t *testing.T) repo.Store { return open(t, repotest.MariaDB(t)+"?connection_limit=1") },
		"SaveRepeats", "SaveFences", "Change", "Conversations", "Migrate", "Rivals")
}

func TestStore_Prefix(t *testing.T) {
	url := repotest.MariaDB(t)
	a, b := open(t, url), open(t, url, func(o *mysql.Options) { o.TablePrefix = "other_" })
	repotest.SendUntilAcked(t, a, "room", repotest.Message("ann", "1", "one"))
	if rows := repotest.WantWhole(t, b, "room"); len(rows) != 0 {
		t.Errorf("two prefixes share %d rows", len(rows))
	}
}

// Two servers on one database by mistake.
func TestStore_TwoServers(t *testing.T) {
	url := repotest.MariaDB(t)
	repotest.Fight(t, []repo.Store{open(t, url), open(t, url), open(t, url)}, 30)
}

// Several processes may start at once on an empty database.
func TestStore_MigrateTogether(t *testing.T) {
	url := repotest.MariaDB(t)
	o, err := mysql.ParseURL(url)
	if err != nil {
		t.Fatal(err)
	}
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			s, err := mysql.Open(t.Context(), o)
			if err != nil {
				t.Error(err)
				return
			}
			if err := errors.Join(s.Migrate(t.Context()), s.Close()); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	repotest.SendUntilAcked(t, open(t, url), "room", repotest.Message("ann", "1", "one"))
}

func TestStore_QueryMembership(t *testing.T) {
	with := open(t, repotest.MariaDB(t), func(o *mysql.Options) { o.MembershipQuery = repotest.MembershipQuery })
	repotest.CheckMembership(t, with, open(t, repotest.MariaDB(t)))
}

func BenchmarkStore(b *testing.B) {
	openB := func(b *testing.B) repo.Store { return open(b, repotest.MariaDB(b)) }
	repotest.Bench(b, openB)
	repotest.BenchMessages(b, openB)
}
