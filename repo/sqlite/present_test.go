package sqlite_test

import (
	"errors"
	"os"
	"path/filepath"
	"runtime"
	"testing"

	"github.com/corrillo/corrillo/repo"
	"github.com/corrillo/corrillo/repo/repotest"
	"github.com/corrillo/corrillo/repo/sqlite"
)

// A database file that is removed or replaced under the server takes what is
// saved to the grave: nothing is said to be saved then, and nobody is told that
// the store is there.
func TestStore_FileIsGone(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("an open file cannot be removed")
	}
	must := func(t *testing.T, err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	for label, strike := range map[string]func(t *testing.T, path string){
		"removed": func(t *testing.T, path string) {
			for _, end := range []string{"", "-wal", "-shm"} {
				must(t, os.Remove(path+end))
			}
		},
		"its log removed":  func(t *testing.T, path string) { must(t, os.Remove(path+"-wal")) },
		"its folder moved": func(t *testing.T, path string) { must(t, os.Rename(filepath.Dir(path), filepath.Dir(path)+"2")) },
		"replaced by a copy": func(t *testing.T, path string) {
			text, err := os.ReadFile(path)
			must(t, err)
			must(t, os.WriteFile(path+"2", text, 0o600))
			must(t, os.Rename(path+"2", path))
		},
	} {
		t.Run(label, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "data", "chat.db")
			must(t, os.Mkdir(filepath.Dir(path), 0o700))
			s := open(t, sqlite.Options{Path: path})
			save := func(room string) error {
				r := s.Save(t.Context(), []repo.Group{{ConversationID: room, Messages: repotest.Messages("ann", 1)}})
				return r[0].Err
			}
			must(t, save("before"))
			must(t, s.Ping(t.Context()))
			strike(t, path)
			if err := save("after"); !errors.Is(err, repo.ErrUnavailable) {
				t.Errorf("saved: %v", err)
			}
			if label == "its log removed" {
				return // SQLite itself finds nothing
			}
			if err := s.Ping(t.Context()); !errors.Is(err, repo.ErrUnavailable) {
				t.Errorf("it is there: %v", err)
			}
			if _, err := s.Activate(t.Context(), "before"); !errors.Is(err, repo.ErrUnavailable) {
				t.Errorf("activated: %v", err)
			}
		})
	}
	t.Run("moved away and back", func(t *testing.T) {
		path := filepath.Join(t.TempDir(), "data", "chat.db")
		must(t, os.Mkdir(filepath.Dir(path), 0o700))
		s := open(t, sqlite.Options{Path: path})
		away := filepath.Dir(path) + "2"
		must(t, os.Rename(filepath.Dir(path), away))
		if s.Ping(t.Context()) == nil {
			t.Error("it is there")
		}
		must(t, os.Rename(away, filepath.Dir(path)))
		r := s.Save(t.Context(), []repo.Group{{ConversationID: "room", Messages: repotest.Messages("ann", 1)}})
		must(t, r[0].Err)
	})
}
