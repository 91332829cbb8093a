package main

import (
	"context"
	"encoding/json"
	"fmt"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/corrillo/corrillo/repo/repotest"
	"github.com/corrillo/corrillo/wire"
)

// standing is a database that can be made to write nothing, while it reads.
type standing struct {
	env   []string
	stand func(t *testing.T, s *boundServer) (release func())
}

var standingStores = map[string]func(t *testing.T) standing{
	"SQLite that another process holds": func(*testing.T) standing {
		return standing{stand: func(t *testing.T, s *boundServer) func() {
			return holdSQLite(t, filepath.Join(s.dir, "corrillo.db"))
		}}
	},
	"MariaDB during a backup": func(t *testing.T) standing {
		db := repotest.StartMariaDB(t)
		return standing{env: []string{"DATABASE_URL=" + db.NewDatabase(t)}, stand: func(t *testing.T, _ *boundServer) func() {
			ctx := context.Background() // the test's ends before its cleanup
			conn, err := db.Admin(t).Conn(ctx)
			if err != nil {
				t.Fatal(err)
			}
			if _, err := conn.ExecContext(ctx, "FLUSH TABLES WITH READ LOCK"); err != nil {
				t.Fatal(err)
			}
			return sync.OnceFunc(func() {
				if _, err := conn.ExecContext(ctx, "UNLOCK TABLES"); err != nil {
					t.Error(err)
				}
				_ = conn.Close() // goes back to the pool
			})
		}}
	},
}

// When the database stands still, what matters least is left undone first:
// typing and presence, then new joins, then messages. Acks that were given and
// reads of what is stored go on all the while, and nothing that was taken is
// lost.
func TestServe_Overload(t *testing.T) {
	for name, create := range standingStores {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			store := create(t)
			c := boundCase{env: store.env, args: []string{
				"--limits=off", "--store-lanes=1", "--store-pending=100kB", "--store-save-timeout=1m", "--events-passthrough=wave",
			}}
			overload(t, c.serve(t, nil), store)
		})
	}
}

func overload(t *testing.T, s *boundServer, store standing) {
	ann, other := connect(t, s.url, "ann", nil), connect(t, s.url, "somebody else", nil)
	rooms := append(numbered("room", 12), "lobby")
	for _, room := range rooms {
		if _, err := ann.call(wire.EventJoinConversation, room); err != nil {
			t.Fatal(err)
		}
	}
	bob, dora, erin := connect(t, s.url, "bob", nil), connect(t, s.url, "dora", nil), connect(t, s.url, "erin", nil)
	if _, err := bob.call(wire.EventJoinConversation, "lobby"); err != nil {
		t.Fatal(err)
	}
	heard := listenTo(t, bob)
	call := func(c *client, event string, payload any, want wire.Code) json.RawMessage {
		t.Helper()
		data, err := c.call(event, payload)
		if code := codeOf(err); code != want || err != nil && code == "" {
			t.Errorf("%s: %v, want %q", event, err, want)
		}
		return data
	}
	// typing ends and begins anew, which is always told.
	typing := func() {
		t.Helper()
		call(ann, wire.EventTyping, object{"conversationId": "lobby", "isTyping": false}, "")
		call(ann, wire.EventTyping, object{"conversationId": "lobby"}, "")
	}

	typing()
	heard.until(t, `"isTyping":true`)
	say(t, other, "plug", 1) // behind whatever the joins have written
	first := object{"conversationId": "lobby", "content": "hello", "tempId": "first"}
	acked, err := ann.call(wire.EventSendMessage, first)
	if err != nil {
		t.Fatal(err)
	}
	release := store.stand(t, s)
	defer release()
	ask(t, other, wire.EventSendMessage, text("plug", 1))
	s.await(t, "store_pending_groups", 1)

	// fill sends until the lane is that full.
	sent := 0
	writer := connect(t, s.url, "ann", nil)
	fill := func(fullness float64) {
		t.Helper()
		for s.value(t, "store_pending_bytes") < fullness*100_000 {
			before := s.value(t, "store_pending_bytes")
			ask(t, writer, wire.EventSendMessage, text(rooms[sent], 9000))
			sent++
			until(t, "it waits", func() bool { return s.value(t, "store_pending_bytes") > before })
		}
		s.await(t, "overload_ratio", fullness)
	}
	// unheard fails when bob has heard of a kind of event that contains text.
	unheard := func(kind, text string) {
		t.Helper()
		if _, err := ann.call("wave", object{"conversationId": "lobby", "after": kind}); err != nil {
			t.Fatal(err)
		}
		for _, e := range heard.until(t, `"after":"`+kind+`"`) {
			if strings.HasPrefix(e, kind+" ") && strings.Contains(e, text) {
				t.Errorf("bob heard %s", e)
			}
		}
	}
	fill(.5)
	typing()
	unheard(wire.EventTyping, `"isTyping":true`) // false may be that it has expired
	call(dora, wire.EventJoinConversation, "lobby", "")
	s.await(t, `shed_total{kind="presence"}`, 1)
	unheard(wire.EventPresence, `"dora"`)

	fill(.75)
	call(erin, wire.EventJoinConversation, "lobby", wire.CodeOverloaded)
	call(dora, wire.EventJoinConversation, object{"conversationId": "lobby", "afterSeq": 0}, "")

	for s.value(t, `shed_total{kind="send"}`) == 0 {
		if sent == len(rooms) {
			t.Fatal("everything was taken")
		}
		before := s.value(t, "store_pending_bytes")
		ask(t, writer, wire.EventSendMessage, text(rooms[sent], 9000))
		sent++
		until(t, "it waits or is refused", func() bool {
			return s.value(t, "store_pending_bytes") > before || s.value(t, `shed_total{kind="send"}`) > 0
		})
	}
	if code := reply(t, writer); code != wire.CodeOverloaded {
		t.Errorf("a message that does not fit: %q", code)
	}
	if again := call(ann, wire.EventSendMessage, first, ""); string(again) != string(acked) {
		t.Errorf("a repeat was acked with %s, the first one with %s", again, acked)
	}
	for _, c := range []*client{ann, dora} {
		if page := call(c, wire.EventGetHistory, object{"conversationId": "lobby"}, ""); !strings.Contains(string(page), `"hello"`) {
			t.Errorf("history: %s", page)
		}
	}
	call(ann, wire.EventGetConversations, object{}, "")
	call(ann, wire.EventHeartbeat, nil, "")
	for kind, least := range map[string]float64{"typing": 2, "presence": 1, "join": 1, "send": 1} {
		if v := s.value(t, fmt.Sprintf("shed_total{kind=%q}", kind)); v < least {
			t.Errorf("%v of kind %s were counted", v, kind)
		}
	}

	release()
	for n := range sent - 1 {
		if code := reply(t, writer); code != "" {
			t.Errorf("message %d that was taken: %s", n+1, code)
		}
	}
	heard.until(t, `"userId":"dora","status":"online"`)
	until(t, "it has room", func() bool { return s.value(t, "overload_ratio") < .5 })
	call(erin, wire.EventJoinConversation, "lobby", "")
	typing()
	heard.until(t, `"isTyping":true`)
}
