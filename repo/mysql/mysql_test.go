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

// form is a way in which a transaction goes to the server.
type form struct {
	name string
	set  func(*mysql.Options)
	// commits begins the query with which a message is committed.
	commits string
}

var forms = []form{
	{"compound", func(*mysql.Options) {}, "BEGIN NOT ATOMIC"},
	{"several", (*mysql.Options).SecondWay, "START TRANSACTION; "},
	{"one by one", func(o *mysql.Options) { o.OneByOne = true }, "COMMIT"},
}

func TestStore(t *testing.T) {
	repotest.Run(t, func(t *testing.T) repo.Store { return open(t, repotest.MariaDB(t)) })
}

// What is written must be the same in every form.
func TestStore_Forms(t *testing.T) {
	for _, f := range forms[1:] {
		t.Run(f.name, func(t *testing.T) {
			repotest.Run(t, func(t *testing.T) repo.Store { return open(t, repotest.MariaDB(t)+"?connection_limit=1", f.set) },
				"SaveRepeats", "SaveFences", "Participants", "Rivals", "Model")
		})
	}
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
	for _, f := range forms {
		b.Run(f.name, func(b *testing.B) {
			repotest.Bench(b, func(b *testing.B) repo.Store { return open(b, repotest.MariaDB(b), f.set) })
		})
	}
	repotest.BenchMessages(b, func(b *testing.B) repo.Store { return open(b, repotest.MariaDB(b)) })
}
