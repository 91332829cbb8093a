package sqlite_test

import (
	"errors"
	"os"
	"path/filepath"
	"sync"
	"testing"

	"github.com/corrillo/corrillo/repo"
	"github.com/corrillo/corrillo/repo/repotest"
	"github.com/corrillo/corrillo/repo/sqlite"
)

func TestMain(m *testing.M) { repotest.Main(m) }

func open(t testing.TB, o sqlite.Options) repo.Store {
	t.Helper()
	if o.Path == "" {
		o.Path = filepath.Join(t.TempDir(), "chat.db")
	}
	s, err := sqlite.Open(t.Context(), o)
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
	repotest.Run(t, func(t *testing.T) repo.Store { return open(t, sqlite.Options{}) })
}

func TestOpen_FileMode(t *testing.T) {
	path := filepath.Join(t.TempDir(), "chat.db")
	open(t, sqlite.Options{Path: path})
	for _, name := range []string{path, path + "-wal", path + "-shm"} {
		info, err := os.Stat(name)
		if err != nil {
			t.Fatal(err)
		}
		if mode := info.Mode().Perm(); mode != 0o600 {
			t.Errorf("%s has mode %o", filepath.Base(name), mode)
		}
	}
}

// Two servers on one file by mistake.
func TestStore_TwoServers(t *testing.T) {
	path := filepath.Join(t.TempDir(), "chat.db")
	repotest.Fight(t, []repo.Store{open(t, sqlite.Options{Path: path}), open(t, sqlite.Options{Path: path})}, 30)
}

func TestStore_MigrateTogether(t *testing.T) {
	path := filepath.Join(t.TempDir(), "chat.db")
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			s, err := sqlite.Open(t.Context(), sqlite.Options{Path: path})
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
	repotest.SendUntilAcked(t, open(t, sqlite.Options{Path: path}), "room", repotest.Message("ann", "1", "one"))
}

func TestOpen_Refuses(t *testing.T) {
	dir := t.TempDir()
	for name, o := range map[string]sqlite.Options{
		"no path":   {},
		"no folder": {Path: filepath.Join(dir, "no", "chat.db")},
		"prefix":    {Path: filepath.Join(dir, "a.db"), TablePrefix: "x; DROP TABLE y"},
		"query":     {Path: filepath.Join(dir, "b.db"), MembershipQuery: "DELETE FROM x"},
	} {
		if s, err := sqlite.Open(t.Context(), o); err == nil {
			t.Errorf("%s: Open gave %v", name, s)
		}
	}
}

func TestStore_QueryMembership(t *testing.T) {
	repotest.CheckMembership(t, open(t, sqlite.Options{MembershipQuery: repotest.MembershipQuery}), open(t, sqlite.Options{}))
}

func BenchmarkStore(b *testing.B) {
	openB := func(b *testing.B) repo.Store { return open(b, sqlite.Options{}) }
	repotest.Bench(b, openB)
	repotest.BenchMessages(b, openB)
}
