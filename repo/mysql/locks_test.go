package mysql_test

import (
	"database/sql"
	"errors"
	"testing"
	"time"

	"github.com/corrillo/corrillo/repo"
	"github.com/corrillo/corrillo/repo/repotest"
)

// Another transaction holds what the batch wants: the batch is tried again.
func TestSave_Locks(t *testing.T) {
	server := repotest.StartMariaDB(t)
	admin := server.Admin(t)
	url := server.NewDatabase(t)
	s := open(t, url)
	groups := func() []repo.Group {
		out := make([]repo.Group, 2)
		for i, room := range []string{"a", "b"} {
			a, err := s.Activate(t.Context(), room)
			if err != nil {
				t.Fatal(err)
			}
			out[i] = repo.Group{ConversationID: room, Epoch: a.Epoch, LastSeq: a.LastSeq, Messages: repotest.Messages("ann", 2)}
		}
		return out
	}
	save := func(g []repo.Group) chan error {
		done := make(chan error, 1)
		go func() {
			r := s.Save(t.Context(), g)
			done <- errors.Join(r[0].Err, r[1].Err)
		}()
		return done
	}
	if err := <-save(groups()); err != nil {
		t.Fatal(err)
	}
	exec := func(tx *sql.Tx, q string) {
		t.Helper()
		if _, err := tx.Exec(q); err != nil {
			t.Fatal(err)
		}
	}
	// until asks until cond holds: there is nothing to be notified by. InnoDB
	// shows its transactions from a copy that it renews only when nobody has
	// looked at it for a tenth of a second.
	until := func(what string, cond func() bool) {
		t.Helper()
		for range 200 {
			if cond() {
				return
			}
			time.Sleep(150 * time.Millisecond)
		}
		t.Fatalf("never: %s", what)
	}
	waits := func() bool {
		n := 0
		if err := admin.QueryRow("SELECT COUNT(*) FROM information_schema.innodb_trx WHERE trx_state = 'LOCK WAIT'").Scan(&n); err != nil {
			t.Fatal(err)
		}
		return n > 0
	}

	t.Run("deadlock", func(t *testing.T) {
		if _, err := admin.Exec("CREATE TABLE test1.heavy (id INT PRIMARY KEY)"); err != nil {
			t.Fatal(err)
		}
		before, g := s.Stats().Retries, groups()
		tx, err := admin.Begin()
		if err != nil {
			t.Fatal(err)
		}
		// Who has written less is the victim.
		exec(tx, "INSERT INTO test1.heavy SELECT seq FROM test1.seq_1_to_2000")
		exec(tx, "UPDATE test1.corrillo_conversation SET epoch = epoch WHERE id = 'b'")
		exec(tx, "SELECT * FROM test1.corrillo_conversation WHERE id = 'b' FOR UPDATE")
		done := save(g)
		until("the save waits", waits)
		exec(tx, "SELECT * FROM test1.corrillo_conversation WHERE id = 'a' FOR UPDATE")
		if err := tx.Commit(); err != nil {
			t.Fatal(err)
		}
		if err := <-done; err != nil {
			t.Error(err)
		}
		if s.Stats().Retries == before {
			t.Error("there was no deadlock")
		}
	})
	t.Run("lock wait timeout", func(t *testing.T) {
		before, g := s.Stats().Retries, groups()
		tx, err := admin.Begin()
		if err != nil {
			t.Fatal(err)
		}
		exec(tx, "SELECT * FROM test1.corrillo_conversation WHERE id = 'b' FOR UPDATE")
		done := save(g)
		until("the save gives up waiting", func() bool { return s.Stats().Retries > before })
		if err := tx.Commit(); err != nil {
			t.Fatal(err)
		}
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
	t.Run("read-only server", func(t *testing.T) {
		before, g := s.Stats().Retries, groups()
		if _, err := admin.Exec("SET GLOBAL read_only = 1"); err != nil {
			t.Fatal(err)
		}
		done := save(g)
		until("the save is refused", func() bool { return s.Stats().Retries > before })
		if _, err := admin.Exec("SET GLOBAL read_only = 0"); err != nil {
			t.Fatal(err)
		}
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
	for _, room := range []string{"a", "b"} {
		if n := len(repotest.WantWhole(t, s, room)); n != 8 {
			t.Errorf("%q has %d messages, want 8", room, n)
		}
	}
}
