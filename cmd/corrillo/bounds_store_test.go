package main

import (
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/corrillo/corrillo/actors"
	"github.com/corrillo/corrillo/repo"
	"github.com/corrillo/corrillo/repo/repotest"
	"github.com/corrillo/corrillo/wire"
)

// storeBounds are those of the way to the database and of what is read from it.
var storeBounds = boundCases{
	"waiting for a writer": func(*testing.T) boundCase {
		return boundCase{args: []string{"--store-pending=20kB", "--store-lanes=1", "--store-save-timeout=1m"}, meet: func(t *testing.T, s *boundServer) string {
			c := connect(t, s.url, "ann", nil)
			rooms := numbered("room", 6)
			release := standStill(t, s, c, rooms...)
			defer release()
			for _, room := range rooms {
				pending := s.value(t, "store_pending_bytes")
				ask(t, c, wire.EventSendMessage, text(room, 9000))
				until(t, "it waits or is refused", func() bool {
					return s.value(t, "store_pending_bytes") >= pending+9000 || s.value(t, `shed_total{kind="send"}`) > 0
				})
			}
			if v := s.value(t, "store_pending_bytes"); v > 20_000 {
				t.Errorf("%v bytes wait", v)
			}
			return refusalOf(t, c)
		}}
	},
	"one transaction": func(*testing.T) boundCase {
		return boundCase{args: []string{"--store-batch-rows=2", "--store-lanes=1", "--store-save-timeout=1m"}, meet: func(t *testing.T, s *boundServer) string {
			c := connect(t, s.url, "ann", nil)
			rooms := numbered("room", 6)
			release := standStill(t, s, c, rooms...)
			defer release()
			for _, room := range rooms {
				ask(t, c, wire.EventSendMessage, text(room, 1))
			}
			s.await(t, "store_pending_groups", 7)
			before := s.value(t, "store_batch_rows")
			release()
			for range rooms {
				if code := reply(t, c); code != "" {
					t.Fatal(code)
				}
			}
			// One was under way, and the last one may not be counted yet.
			if n := s.value(t, "store_batch_rows") - before; n < 3 {
				t.Errorf("six messages went in %v transactions", n-1)
			}
			return "the rest goes with the next"
		}}
	},
	"next group of a conversation": func(*testing.T) boundCase {
		return boundCase{args: []string{"--limits=off", "--store-save-timeout=1m"}, meet: func(t *testing.T, s *boundServer) string {
			c := connect(t, s.url, "ann", nil)
			defer standStill(t, s, c, "room0")()
			for range 700 { // of which some are under way
				ask(t, c, wire.EventSendMessage, text("room0", 1))
			}
			return refusalOf(t, c)
		}}
	},
	"requests that wait in a conversation for it to be read, for a check or for a message": func(*testing.T) boundCase {
		return boundCase{args: []string{"--limits=off"}, meet: func(t *testing.T, s *boundServer) string {
			c := connect(t, s.url, "ann", nil)
			defer standStill(t, s, c)()
			for range 1001 {
				ask(t, c, wire.EventGetHistory, object{"conversationId": "cold"})
			}
			return refusalOf(t, c)
		}}
	},
	"time for a save": func(*testing.T) boundCase {
		return boundCase{args: []string{"--store-save-timeout=2s"}, meet: func(t *testing.T, s *boundServer) string {
			c := connect(t, s.url, "ann", nil)
			defer standStill(t, s, c, "room0")()
			_, err := c.call(wire.EventSendMessage, text("room0", 1))
			s.await(t, "store_flush_errors_total", 1)
			return string(codeOf(err))
		}}
	},
	"reads of the store for conversations": func(*testing.T) boundCase {
		open := make(chan struct{})
		tune := func(o *actors.Options) {
			o.ReadsAtOnce, o.ReadsWaiting, o.Store = 1, 1, &fickle{Store: o.Store, page: open}
		}
		return boundCase{tune: &tuning{actors: tune}, meet: func(t *testing.T, s *boundServer) string {
			defer close(open)
			c := connect(t, s.url, "ann", nil)
			if err := join(c, 1); err != nil {
				t.Fatal(err)
			}
			for range 3 {
				ask(t, c, wire.EventGetHistory, object{"conversationId": "room0"})
			}
			s.await(t, `store_reads{by="conversations"}`, 2)
			return refusalOf(t, c)
		}}
	},
	"reads of the store for sessions": func(*testing.T) boundCase {
		open := make(chan struct{})
		tune := func(o *actors.Options) {
			o.ReadsAtOnce, o.SessionReadsWaiting, o.Store = 1, 1, &fickle{Store: o.Store, page: open}
		}
		return boundCase{tune: &tuning{actors: tune}, meet: func(t *testing.T, s *boundServer) string {
			defer close(open)
			c := connect(t, s.url, "ann", nil)
			for range 3 {
				ask(t, c, wire.EventGetConversations, object{})
			}
			s.await(t, `store_reads{by="sessions"}`, 2)
			return refusalOf(t, c)
		}}
	},
	"messages of a page": func(*testing.T) boundCase {
		// Nothing ends a client that takes its time with them.
		return boundCase{args: []string{"--ping-interval=10m", "--queue-age=10m"}, meet: func(t *testing.T, s *boundServer) string {
			c := connect(t, s.url, "ann", nil)
			const all = 6
			for range all {
				say(t, c, "room0", 900_000)
			}
			var got []int
			for last, more := 0, true; more; {
				var page struct {
					Messages []struct{ Seq int }
					HasMore  bool
				}
				data, err := c.call(wire.EventGetHistory, object{"conversationId": "room0", "afterSeq": last, "limit": 50})
				if err == nil {
					err = json.Unmarshal(data, &page)
				}
				if err != nil || len(page.Messages) == 0 {
					t.Fatal(len(page.Messages), err)
				}
				for _, m := range page.Messages {
					got = append(got, m.Seq)
				}
				last, more = page.Messages[len(page.Messages)-1].Seq, page.HasMore
			}
			if !slices.Equal(got, []int{1, 2, 3, 4, 5, 6}) {
				t.Errorf("the pages have %v", got)
			}
			return "the rest comes with the next page"
		}}
	},
	"messages that one read mark flags in the app's table": func(t *testing.T) boundCase {
		server := repotest.StartMariaDB(t)
		c := boundCase{dir: t.TempDir(), env: []string{"DATABASE_URL=" + server.NewDatabase(t)}, args: []string{"--limits=off"}}
		db := server.Admin(t)
		for _, q := range strings.Split(appTables, ";") {
			if _, err := db.Exec(q); err != nil {
				t.Fatal(err)
			}
		}
		write(t, c.dir, "corrillo.yaml", mirrorSettings)
		c.meet = func(t *testing.T, s *boundServer) string {
			ann := connect(t, s.url, "ann", nil)
			// Fewer at a time than one group takes.
			const all, together = 10_001, 73
			for range all / together {
				for range together {
					ask(t, ann, wire.EventSendMessage, object{"receiverId": "bob", "content": "x"})
				}
				for range together {
					if code := reply(t, ann); code != "" {
						t.Fatal(code)
					}
				}
			}
			bob := connect(t, s.url, "bob", nil)
			if _, err := bob.call(wire.EventMarkRead, object{"receiverId": "ann", "seq": all}); err != nil {
				t.Fatal(err)
			}
			var unread int
			if err := db.QueryRow("SELECT COUNT(*) FROM test1.DirectMessage WHERE NOT isRead").Scan(&unread); err != nil || unread != 1 {
				t.Errorf("%d of %d are not flagged, %v", unread, all, err)
			}
			return "older ones keep what they have"
		}
		return c
	},
}

// fickle is a store that answers late, or not as it is.
type fickle struct {
	repo.Store
	page chan struct{} // pages come once it is closed; nil: at once

	mu   sync.Mutex
	lies bool // what was saved is said to be unknown
}

func (f *fickle) wait() {
	if f.page != nil {
		<-f.page
	}
}

func (f *fickle) Messages(ctx context.Context, q repo.MessageQuery) ([]repo.Message, bool, error) {
	f.wait()
	return f.Store.Messages(ctx, q)
}

func (f *fickle) Conversations(ctx context.Context, userID, cursor string, limit int) ([]repo.ConversationSummary, string, error) {
	f.wait()
	return f.Store.Conversations(ctx, userID, cursor, limit)
}

func (f *fickle) lie(v bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.lies = v
}

func (f *fickle) Save(ctx context.Context, groups []repo.Group) []repo.GroupResult {
	results := f.Store.Save(ctx, groups)
	f.mu.Lock()
	defer f.mu.Unlock()
	for i := range results {
		if f.lies {
			results[i] = repo.GroupResult{Err: fmt.Errorf("test: %w", repo.ErrUnavailable)}
		}
	}
	return results
}

func numbered(name string, n int) (all []string) {
	for i := range n {
		all = append(all, fmt.Sprint(name, i))
	}
	return all
}

// standStill has c join rooms and then lets the server's SQLite write nothing
// more until release: another process holds it. What is stored can be read. A
// message of somebody else is in the writer's hands from then on.
func standStill(t *testing.T, s *boundServer, c *client, rooms ...string) (release func()) {
	t.Helper()
	for _, room := range rooms {
		if _, err := c.call(wire.EventJoinConversation, room); err != nil {
			t.Fatal(err)
		}
	}
	other := connect(t, s.url, "somebody else", nil)
	say(t, other, "plug", 1) // behind whatever the joins have written
	release = holdSQLite(t, filepath.Join(s.dir, "corrillo.db"))
	ask(t, other, wire.EventSendMessage, text("plug", 1))
	s.await(t, "store_pending_groups", 1)
	return release
}

// holdSQLite takes the right to write, as another process may.
func holdSQLite(t *testing.T, path string) (release func()) {
	t.Helper()
	db, err := sql.Open("sqlite", "file:"+path+"?_pragma=busy_timeout(20000)")
	if err != nil {
		t.Fatal(err)
	}
	ctx := context.Background() // the test's ends before its cleanup
	conn, err := db.Conn(ctx)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := conn.ExecContext(ctx, "BEGIN IMMEDIATE"); err != nil {
		t.Fatal(err)
	}
	release = sync.OnceFunc(func() {
		if _, err := conn.ExecContext(ctx, "ROLLBACK"); err != nil {
			t.Error(err)
		}
		_ = conn.Close() // goes back to the pool
		if err := db.Close(); err != nil {
			t.Error(err)
		}
	})
	t.Cleanup(release)
	return release
}
