package sqlite_test

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/corrillo/corrillo/repo"
	"github.com/corrillo/corrillo/repo/repotest"
	"github.com/corrillo/corrillo/repo/sqlite"
)

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
