package mysql_test

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"reflect"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/corrillo/corrillo/repo"
	"github.com/corrillo/corrillo/repo/mysql"
	"github.com/corrillo/corrillo/repo/repotest"
)

// killAll ends every connection of the store's user.
func killAll(t *testing.T, admin *sql.DB) {
	rows, err := admin.Query("SELECT id FROM information_schema.processlist WHERE user = 'corrillo'")
	if err != nil {
		t.Error(err)
		return
	}
	defer func() { _ = rows.Close() }()
	var ids []int
	for rows.Next() {
		var id int
		if err := rows.Scan(&id); err != nil {
			t.Error(err)
		}
		ids = append(ids, id)
	}
	if err := rows.Err(); err != nil {
		t.Error(err)
	}
	for _, id := range ids {
		_, _ = admin.Exec("KILL CONNECTION " + strconv.Itoa(id)) // it may have ended by itself
	}
}

// A connection that ends at the worst moment: the batch is there once, and
// the caller hears that it is saved.
func TestSave_ConnectionLost(t *testing.T) {
	server := repotest.StartMariaDB(t)
	admin := server.Admin(t)
	cases := []struct {
		name    string
		rules   []rule
		inDoubt int64
	}{
		{"killed between INSERT and COMMIT", []rule{{prefix: "COMMIT", before: func() { killAll(t, admin) }}}, 1},
		{"COMMIT never arrives", []rule{{prefix: "COMMIT", fate: dropQuery}}, 1},
		{"COMMIT is done and nobody hears", []rule{{prefix: "COMMIT", fate: dropResponse}}, 1},
		{"the same twice, and then the look-up", []rule{
			{prefix: "COMMIT", fate: dropQuery},
			{prefix: "COMMIT", fate: dropResponse},
			{prefix: "UPDATE", fate: dropQuery},
			{prefix: "SELECT id, epoch", fate: dropQuery},
			{prefix: "SELECT conversationId", fate: dropResponse},
		}, 2},
		{"INSERT never arrives", []rule{{prefix: "INSERT INTO corrillo_message", fate: dropQuery}}, 0},
		{"INSERT is done and nobody hears", []rule{{prefix: "INSERT INTO corrillo_message", fate: dropResponse}}, 0},
		{"the fence never arrives", []rule{{prefix: "UPDATE corrillo_conversation", fate: dropQuery}}, 0},
	}
	for _, c := range cases {
		for _, fresh := range []bool{false, true} {
			if fresh && c.rules[len(c.rules)-1].prefix == "UPDATE corrillo_conversation" {
				continue // a new conversation has no fence
			}
			t.Run(fmt.Sprintf("%s/new=%v", c.name, fresh), func(t *testing.T) {
				p := newProxy(t, server.NewDatabase(t))
				s := open(t, p.url, func(o *mysql.Options) { o.OneByOne = true })
				var a repo.Activation
				rooms := []string{"a", "b"}
				groups := make([]repo.Group, len(rooms))
				for i, room := range rooms {
					groups[i] = repo.Group{ConversationID: room, Messages: repotest.Messages("ann", 3)}
				}
				if !fresh {
					for i, r := range s.Save(t.Context(), groups) {
						if r.Err != nil {
							t.Fatal(r.Err)
						}
						a = repo.Activation{Epoch: r.Epoch, LastSeq: r.LastSeq}
						groups[i] = repo.Group{ConversationID: rooms[i], Epoch: a.Epoch, LastSeq: a.LastSeq, Messages: repotest.Messages("ann", 3)}
						groups[i].Changes = []repo.Change{{MessageID: r.Messages[0].Stored.ID, Content: "edited", By: "ann", At: time.Now()}}
					}
				}
				for _, r := range c.rules {
					if fresh && r.prefix == "UPDATE" {
						r.prefix = "INSERT INTO corrillo_conversation"
					}
					p.next(r)
				}
				for i, r := range s.Save(t.Context(), groups) {
					if r.Err != nil || r.LastSeq != a.LastSeq+3 || r.Epoch != 1 {
						t.Fatalf("group %d: %+v", i, r)
					}
					for k := range r.Messages {
						if r.Messages[k].Outcome != repo.OutcomeSaved {
							t.Errorf("group %d, message %d: %+v", i, k, r.Messages[k])
						}
					}
					rows := repotest.WantWhole(t, s, rooms[i])
					if len(rows) != int(a.LastSeq)+3 {
						t.Errorf("%d rows", len(rows))
					}
					for k := range r.Messages {
						if got, want := rows[int(a.LastSeq)+k], r.Messages[k].Stored; !reflect.DeepEqual(got, want) {
							t.Errorf("got  %+v\nwant %+v", got, want)
						}
					}
					if !fresh && (r.LastRev != 1 || r.Changes[0].Outcome != repo.OutcomeSaved || rows[0].Rev != 1) {
						t.Errorf("change: %+v, row %+v", r, rows[0])
					}
				}
				if p.left() != 0 {
					t.Errorf("%d faults did not happen", p.left())
				}
				if st := s.Stats(); st.InDoubt != c.inDoubt {
					t.Errorf("%d commits in doubt, want %d", st.InDoubt, c.inDoubt)
				}
			})
		}
	}
}

// The look-up of a repeat is lost with its connection.
func TestSave_RepeatAndConnectionLost(t *testing.T) {
	p := newProxy(t, repotest.MariaDB(t))
	s := open(t, p.url)
	first := repotest.Message("ann", "1", "one")
	stored, _ := repotest.SendUntilAcked(t, s, "room", first)
	for range 2 {
		p.next(rule{prefix: "SELECT conversationId", fate: dropResponse})
	}
	again, _ := repotest.SendUntilAcked(t, s, "room", first)
	if !reflect.DeepEqual(again, stored) || p.left() != 0 {
		t.Errorf("got %+v, want %+v; %d faults did not happen", again, stored, p.left())
	}
	repotest.WantWhole(t, s, "room")
}

// A commit in doubt whose conversation was activated elsewhere before it could
// be looked up: what is in the table decides.
func TestSave_InDoubtAndOvertaken(t *testing.T) {
	for _, f := range forms {
		t.Run(f.name, func(t *testing.T) { testInDoubtAndOvertaken(t, f) })
	}
}

func testInDoubtAndOvertaken(t *testing.T, f form) {
	url := repotest.MariaDB(t)
	for _, c := range []struct {
		name string
		fate fate
	}{{"it was done", dropResponse}, {"it was not done", dropQuery}} {
		for _, what := range []string{"messages", "a change", "a new conversation"} {
			t.Run(c.name+"/"+what, func(t *testing.T) {
				p := newProxy(t, url)
				s, rival := open(t, p.url, f.set), open(t, url)
				room := c.name + what
				g := repo.Group{ConversationID: room}
				if what != "a new conversation" {
					r := s.Save(t.Context(), []repo.Group{{ConversationID: room, Messages: repotest.Messages("ann", 1)}})[0]
					g.Epoch, g.LastSeq = r.Epoch, r.LastSeq
					if what == "a change" {
						g.Changes = []repo.Change{{MessageID: r.Messages[0].Stored.ID, Content: "edited", By: "ann", At: time.Now()}}
					}
				}
				if what != "a change" {
					g.Messages = repotest.Messages("bob", 2)
				}
				if what == "a change" { // never goes with one query
					p.next(rule{prefix: "COMMIT", fate: c.fate})
				} else {
					p.next(rule{prefix: f.commits, fate: c.fate})
				}
				overtake := func() { repotest.SendUntilAcked(t, rival, room, repotest.Message("eve", "1", "overtakes")) }
				if what == "a new conversation" {
					p.next(rule{prefix: "INSERT", before: overtake})
				} else {
					p.next(rule{prefix: "UPDATE", before: overtake})
				}
				r := s.Save(t.Context(), []repo.Group{g})[0]
				if c.fate == dropQuery && !errors.Is(r.Err, repo.ErrFenced) || c.fate == dropResponse && r.Err != nil {
					t.Errorf("got %+v", r)
				}
				rows := repotest.WantWhole(t, s, room)
				for i := range r.Messages {
					if c.fate == dropResponse && !reflect.DeepEqual(rows[r.Messages[i].Stored.Seq-1], r.Messages[i].Stored) {
						t.Errorf("message %d is not what was acked", i)
					}
				}
				if p.left() != 0 {
					t.Errorf("%d faults did not happen", p.left())
				}
			})
		}
	}
}

// throughKills lets each of writers send, two to a room, while the server is
// killed and started again some times, with 20 acks before each time and after
// the last. It gives what was acked to each.
func throughKills(t *testing.T, server *repotest.Server, kills, writers int, store func(i int) repo.Store) [][]repo.Message {
	t.Helper()
	stop, acks := make(chan struct{}), make(chan struct{}, 1)
	var wg sync.WaitGroup
	acked := make([][]repo.Message, writers)
	for i := range acked {
		wg.Go(func() {
			for n := 0; ; n++ {
				select {
				case <-stop:
					return
				default:
				}
				stored, ok := repotest.SendUntilAcked(t, store(i), roomOf(i), repotest.Message(fmt.Sprint("user", i), fmt.Sprint(n), "text"))
				if !ok {
					return
				}
				acked[i] = append(acked[i], stored)
				select {
				case acks <- struct{}{}:
				default:
				}
			}
		})
	}
	some := func() {
		for range 20 {
			<-acks
		}
	}
	for range kills {
		some()
		server.Kill(t)
		server.Restart(t)
	}
	some()
	close(stop)
	wg.Wait()
	return acked
}

func roomOf(writer int) string { return fmt.Sprint("room", writer/2) }

// kill -9 of the server while messages are being saved, again and again.
func TestSave_ServerKilled(t *testing.T) {
	server := repotest.StartMariaDB(t)
	url := server.NewDatabase(t)
	stores := []repo.Store{open(t, url), open(t, url)}
	acked := throughKills(t, server, 3, 6, func(i int) repo.Store { return stores[i%2] })
	for i := range acked {
		rows := repotest.WantWhole(t, stores[0], roomOf(i))
		for _, m := range acked[i] {
			if rows[m.Seq-1].ID != m.ID {
				t.Errorf("acked %q at %d of %s, the table has %q", m.ID, m.Seq, roomOf(i), rows[m.Seq-1].ID)
			}
		}
	}
}

// A server that is away: an error that says so in time, and full service when
// it is back, with nothing restarted.
func TestStore_ServerAway(t *testing.T) {
	server := repotest.StartMariaDB(t)
	url := server.NewDatabase(t)
	s := open(t, url)
	m := repotest.Message("ann", "1", "one")
	stored, _ := repotest.SendUntilAcked(t, s, "room", m)
	server.Stop(t)

	ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
	defer cancel()
	group := repo.Group{ConversationID: "room", Epoch: 1, LastSeq: stored.Seq, Messages: repotest.Messages("bob", 2)}
	_, errActivate := s.Activate(ctx, "room")
	o, err := mysql.ParseURL(url)
	if err != nil {
		t.Fatal(err)
	}
	late, err := mysql.Open(t.Context(), o)
	if err != nil {
		t.Fatalf("Open needs the server: %v", err)
	}
	for name, err := range map[string]error{
		"Ping": s.Ping(ctx), "Save": s.Save(ctx, []repo.Group{group})[0].Err, "Activate": errActivate,
		"Ping of a new store": late.Ping(ctx), "Migrate": late.Migrate(ctx),
	} {
		if !errors.Is(err, repo.ErrUnavailable) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if err := late.Close(); err != nil {
		t.Error(err)
	}

	saved := make(chan repo.GroupResult)
	go func() { saved <- s.Save(t.Context(), []repo.Group{group})[0] }()
	server.Restart(t)
	if r := <-saved; r.Err != nil || r.LastSeq != 3 {
		t.Errorf("a save across the restart: %+v", r)
	}
	repotest.WantWhole(t, s, "room")
}

// A message that the server's max_allowed_packet forbids fails alone; many
// that are together larger do not fail at all.
func TestSave_SmallPackets(t *testing.T) {
	server := repotest.StartMariaDB(t)
	if _, err := server.Admin(t).Exec("SET GLOBAL max_allowed_packet = 1048576"); err != nil {
		t.Fatal(err)
	}
	s := open(t, server.NewDatabase(t))
	batch := repotest.Messages("ann", 12)
	for i := range batch {
		batch[i].Content = strings.Repeat("'", 300_000)
	}
	batch[7].Content = strings.Repeat("x", 3<<20)
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	r := s.Save(ctx, []repo.Group{{ConversationID: "room", Messages: batch}})[0]
	if r.Err != nil {
		t.Fatal(r.Err)
	}
	for i := range r.Messages {
		want := repo.OutcomeSaved
		if i == 7 {
			want = repo.OutcomeRejected
		}
		if got := r.Messages[i]; got.Outcome != want {
			t.Errorf("message %d: outcome %d, %v", i, got.Outcome, got.Err)
		}
	}
	if n := len(repotest.WantWhole(t, s, "room")); n != 11 {
		t.Errorf("%d rows", n)
	}
}
