package mysql_test

import (
	"bytes"
	"database/sql"
	"fmt"
	"log/slog"
	"reflect"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/corrillo/corrillo/repo"
	"github.com/corrillo/corrillo/repo/mysql"
	"github.com/corrillo/corrillo/repo/repotest"
)

// followed is a store on a primary and its replica, and a room with six
// messages.
type followed struct {
	t       *testing.T
	pair    *repotest.Pair
	replica *sql.DB // may do anything there
	store   repo.Store
	log     bytes.Buffer
	at      repo.Position
	ids     []string
}

func follow(t *testing.T) *followed {
	f := &followed{t: t, pair: repotest.StartPair(t)}
	primary := f.pair.Primary.NewDatabase(t)
	o, err := mysql.ParseURL(strings.Replace(primary, f.pair.Primary.Addr(), f.pair.Replica.Addr(), 1))
	if err != nil {
		t.Fatal(err)
	}
	f.store = open(t, primary, func(to *mysql.Options) {
		to.Replica, to.Log = &o, slog.New(slog.NewTextHandler(&f.log, nil))
	})
	f.replica = f.pair.Replica.Admin(t)
	f.save(repo.Group{Messages: repotest.Messages("ann", 6)})
	return f
}

// save writes to the room from where it is.
func (f *followed) save(g repo.Group) {
	f.t.Helper()
	g.ConversationID, g.Epoch, g.LastSeq, g.LastRev = "room", f.at.Epoch, f.at.LastSeq, f.at.LastRev
	r := f.store.Save(f.t.Context(), []repo.Group{g})[0]
	if r.Err != nil {
		f.t.Fatal(r.Err)
	}
	f.at = repo.Position{Epoch: r.Epoch, LastSeq: r.LastSeq, LastRev: r.LastRev}
	for i := range r.Messages {
		f.ids = append(f.ids, r.Messages[i].Stored.ID)
	}
}

func (f *followed) do(q string) {
	f.t.Helper()
	if _, err := f.replica.Exec(q); err != nil {
		f.t.Fatalf("%s: %v", q, err)
	}
}

// caughtUp waits until the replica has applied what the primary has written.
func (f *followed) caughtUp() {
	f.t.Helper()
	var at string
	if err := f.pair.Primary.Admin(f.t).QueryRow("SELECT @@GLOBAL.gtid_binlog_pos").Scan(&at); err != nil {
		f.t.Fatal(err)
	}
	var late int
	if err := f.replica.QueryRow("SELECT MASTER_GTID_WAIT(?, 60)", at).Scan(&late); err != nil || late != 0 {
		f.t.Fatalf("the replica does not follow: %d, %v", late, err)
	}
}

// page reads all of the room as the conversation knows it, and compares it
// with what the primary says. by is who must have given it.
func (f *followed) page(by string) []repo.Message {
	f.t.Helper()
	before := f.store.Stats()
	at := f.at
	got, more, err := f.store.Messages(f.t.Context(), repo.MessageQuery{ConversationID: "room", FromOldest: true, AtLeast: &at})
	if err != nil || more {
		f.t.Fatalf("more %v, %v", more, err)
	}
	st := f.store.Stats()
	is := fmt.Sprintf("replica %d, behind %d, away %d", st.ReplicaReads-before.ReplicaReads, st.ReplicaBehind-before.ReplicaBehind, st.ReplicaAway-before.ReplicaAway)
	want := map[string]string{
		"replica": "replica 1, behind 0, away 0", "behind": "replica 0, behind 1, away 0", "away": "replica 0, behind 0, away 1",
	}[by]
	if is != want {
		f.t.Errorf("%s; want %s", is, want)
	}
	primary, _, err := f.store.Messages(f.t.Context(), repo.MessageQuery{ConversationID: "room", FromOldest: true})
	if err != nil || !reflect.DeepEqual(got, primary) {
		f.t.Errorf("%v\ngot  %+v\nwant %+v", err, got, primary)
	}
	return got
}

// A replica that has what the conversation knows gives its pages; one that
// lags, in messages or in changes, does not, and nobody sees an older page.
func TestReplica_Lags(t *testing.T) {
	f := follow(t)
	f.caughtUp()
	if n := len(f.page("replica")); n != 6 {
		t.Errorf("%d messages", n)
	}
	// What a caller wants as it is now is never read there.
	before := f.store.Stats().ReplicaReads
	if _, err := f.store.FindMessage(t.Context(), f.ids[0]); err != nil {
		t.Error(err)
	}
	if _, _, err := f.store.Changes(t.Context(), "room", 0, 7, 7); err != nil {
		t.Error(err)
	}
	if f.store.Stats().ReplicaReads != before {
		t.Error("the replica was asked for what must not be old")
	}

	f.do("STOP SLAVE SQL_THREAD")
	old := f.at
	f.page("replica") // nothing has happened yet
	f.save(repo.Group{Messages: repotest.Messages("bob", 1)})
	if n := len(f.page("behind")); n != 7 {
		t.Errorf("%d messages", n)
	}
	f.do("START SLAVE SQL_THREAD")
	f.caughtUp()
	if n := len(f.page("replica")); n != 7 {
		t.Errorf("%d messages", n)
	}
	// Who asks from an earlier place gets no more than that.
	page, more, err := f.store.Messages(t.Context(), repo.MessageQuery{ConversationID: "room", AtLeast: &old})
	if err != nil || more || len(page) != 6 {
		t.Errorf("as it was before: %d messages, more %v, %v", len(page), more, err)
	}

	f.do("STOP SLAVE SQL_THREAD")
	f.save(repo.Group{Changes: []repo.Change{{MessageID: f.ids[2], Content: "edited", By: "ann", At: time.Now()}}})
	if m := f.page("behind")[2]; m.Content != "edited" {
		t.Errorf("a page from before the edit: %+v", m)
	}
	f.do("START SLAVE SQL_THREAD")
	f.caughtUp()
	if m := f.page("replica")[2]; m.Content != "edited" {
		t.Errorf("%+v", m)
	}
	// Another activation has taken over: what this one knows is void.
	a, err := f.store.Activate(t.Context(), "room")
	if err != nil {
		t.Fatal(err)
	}
	f.caughtUp()
	f.page("behind")
	f.at.Epoch = a.Epoch
	f.page("replica")
	// A conversation that the replica has not heard of.
	f.do("STOP SLAVE SQL_THREAD")
	g := repo.Group{ConversationID: "new", Messages: repotest.Messages("ann", 2)}
	if r := f.store.Save(t.Context(), []repo.Group{g}); r[0].Err != nil {
		t.Fatal(r[0].Err)
	}
	page, _, err = f.store.Messages(t.Context(), repo.MessageQuery{ConversationID: "new", AtLeast: &repo.Position{Epoch: 1, LastSeq: 2}})
	if err != nil || len(page) != 2 {
		t.Errorf("%d messages, %v", len(page), err)
	}
}

// A replica that is down, or stands still, costs one read its patience, and
// the others nothing. When it is back it is asked again.
func TestReplica_Away(t *testing.T) {
	f := follow(t)
	f.caughtUp()
	f.page("replica")
	// While the replica stands still no commit of the primary would end.
	f.pair.Replica.Signal(t, syscall.SIGSTOP)
	begun := time.Now()
	for range 3 {
		f.page("away")
	}
	if d := time.Since(begun); d > 20*time.Second { // each would take so long
		t.Errorf("three pages took %s", d)
	}
	f.pair.Replica.Signal(t, syscall.SIGCONT)
	f.back()
	f.pair.Replica.Kill(t)
	f.page("away")
	f.page("away")
	f.pair.Replica.Restart(t)
	f.back()
	for _, line := range []string{"does not answer", "answers again"} {
		if n := strings.Count(f.log.String(), line); n != 2 {
			t.Errorf("%q stands in the log %d times, want 2:\n%s", line, n, f.log.String())
		}
	}
	if strings.Contains(f.log.String(), "p@ss") {
		t.Error("the log has the password")
	}
}

// back reads until the replica has given a page.
func (f *followed) back() {
	f.t.Helper()
	at := f.at
	for before := f.store.Stats().ReplicaReads; f.store.Stats().ReplicaReads == before; time.Sleep(50 * time.Millisecond) {
		if _, _, err := f.store.Messages(f.t.Context(), repo.MessageQuery{ConversationID: "room", AtLeast: &at}); err != nil {
			f.t.Fatal(err)
		}
	}
	f.page("replica")
}
