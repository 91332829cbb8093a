package main

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/gobwas/ws/wsutil"

	"github.com/corrillo/corrillo/actors"
	"github.com/corrillo/corrillo/wire"
)

// clientBounds are those of one client or user.
var clientBounds = boundCases{
	"events of a connection": func(*testing.T) boundCase {
		// As many a second at least come at once.
		return boundCase{args: []string{"--limits-burst=5", "--limits-events-per-second=1"}, meet: func(t *testing.T, s *boundServer) string {
			return string(codeOf(join(connect(t, s.url, "ann", nil), 30)))
		}}
	},
	"requests of a connection without an answer": func(*testing.T) boundCase {
		return boundCase{args: []string{"--limits-in-flight=2"}, meet: func(t *testing.T, s *boundServer) string {
			c := connect(t, s.url, "ann", nil)
			release := standStill(t, s, c, "room0")
			for n := range 3 {
				ask(t, c, wire.EventSendMessage, object{"conversationId": "room0", "content": fmt.Sprint(n)})
			}
			told := refusalOf(t, c)
			s.await(t, "requests_unanswered", 2)
			release()
			return told
		}}
	},
	"joined conversations of a connection": func(*testing.T) boundCase {
		return boundCase{args: []string{"--limits-joined=2"}, meet: func(t *testing.T, s *boundServer) string {
			c := connect(t, s.url, "ann", nil)
			told := codeOf(join(c, 3))
			if err := join(c, 2); err != nil {
				t.Errorf("again what it has joined: %v", err)
			}
			return string(told)
		}}
	},
	"connections of a user": func(*testing.T) boundCase {
		return boundCase{args: []string{"--limits-connections-per-user=2"}, meet: func(t *testing.T, s *boundServer) string {
			for range 2 {
				t.Cleanup(connect(t, s.url, "ann", nil).close)
			}
			_, err := dial(t.Context(), &clientFlags{URL: s.url, User: "ann"}, func(string, json.RawMessage) error { return nil })
			connect(t, s.url, "bob", nil).close()
			return string(codeOf(err))
		}}
	},
	"events before `identify`": func(*testing.T) boundCase {
		return boundCase{meet: func(t *testing.T, s *boundServer) string {
			c, err := guest(t, s.url)
			if err != nil {
				t.Fatal(err)
			}
			for range 65 {
				ask(t, c, wire.EventJoinConversation, "room")
			}
			told := refusalOf(t, c)
			ask(t, c, wire.EventIdentify, object{"userId": "ann"})
			for n := range 65 {
				if code := reply(t, c); code != "" {
					t.Fatalf("answer %d of what was kept, and of identify: %s", n, code)
				}
			}
			return told
		}}
	},
	"participants of a conversation, those who were removed included": func(*testing.T) boundCase {
		return boundCase{args: []string{"--limits-members=2"}, env: []string{"WEBHOOK_SECRET=hook"}, meet: func(t *testing.T, s *boundServer) string {
			ann, bob, eve := connect(t, s.url, "ann", nil), connect(t, s.url, "bob", nil), connect(t, s.url, "eve", nil)
			for _, c := range []*client{ann, bob, eve} {
				if err := join(c, 1); err != nil {
					t.Fatal(err)
				}
				say(t, c, "room0", 1)
			}
			if _, answer := hook(t, s.url, "membership", `{"conversationId":"room0","add":["dan"]}`); !strings.Contains(answer, "payload_too_large") {
				t.Error(answer)
			}
			if _, err := bob.call(wire.EventMarkRead, object{"conversationId": "room0", "seq": 3}); err != nil {
				t.Error(err)
			}
			for c, want := range map[*client]int{ann: 1, eve: 0} {
				var list struct{ Conversations []any }
				data, err := c.call(wire.EventGetConversations, object{})
				if err == nil {
					err = json.Unmarshal(data, &list)
				}
				if err != nil || len(list.Conversations) != want {
					t.Errorf("%s, %v: want %d", data, err, want)
				}
			}
			_, err := eve.call(wire.EventMarkRead, object{"conversationId": "room0", "seq": 3})
			return string(codeOf(err))
		}}
	},
	"conversations awake": func(*testing.T) boundCase {
		return boundCase{tune: &tuning{actors: func(o *actors.Options) { o.Awake = 2 }}, meet: func(t *testing.T, s *boundServer) string {
			return string(codeOf(join(connect(t, s.url, "ann", nil), 3)))
		}}
	},
	"sessions without a connection": func(*testing.T) boundCase {
		return boundCase{tune: &tuning{actors: func(o *actors.Options) { o.Recovery.MaxDetached = 2 }}, meet: func(t *testing.T, s *boundServer) string {
			var pids []string
			for n := range 3 {
				c, w := welcomed(t, s.url, "/ws")
				if _, err := c.call(wire.EventIdentify, object{"userId": fmt.Sprint("user", n)}); err != nil {
					t.Fatal(err)
				}
				pids = append(pids, w.PID)
				_ = c.conn.Close() // without a word: it may come back
				s.await(t, "sessions_detached", float64(min(n+1, 2)))
			}
			until(t, "the first one has ended", func() bool { return s.value(t, `actors{kind="session"}`) == 2 })
			if _, w := welcomed(t, s.url, "/ws?pid="+pids[0]); w.Recovered {
				t.Error("the one that waited longest is taken up")
			}
			if _, w := welcomed(t, s.url, "/ws?pid="+pids[1]); !w.Recovered {
				t.Error("another one has ended, too")
			}
			return "the one that waits longest ends"
		}}
	},
	"replay log": func(*testing.T) boundCase {
		return boundCase{args: []string{"--recovery-log-bytes=4kB"}, meet: func(t *testing.T, s *boundServer) string {
			bob, w := welcomed(t, s.url, "/ws")
			if _, err := bob.call(wire.EventIdentify, object{"userId": "bob"}); err != nil {
				t.Fatal(err)
			}
			if err := join(bob, 1); err != nil {
				t.Fatal(err)
			}
			_ = bob.conn.Close()
			ann := connect(t, s.url, "ann", nil)
			for range 10 {
				say(t, ann, "room0", 1000)
			}
			if v := s.value(t, "recovery_log_bytes"); v > 4000 {
				t.Errorf("the log has %v bytes", v)
			}
			if _, w := welcomed(t, s.url, "/ws?pid="+w.PID); w.Recovered {
				t.Error("recovered, with messages missing")
			}
			return "not recovered"
		}}
	},
	"last-seen times that wait for the database": func(*testing.T) boundCase {
		c := boundCase{args: []string{"--presence-grace=0s"}, tune: &tuning{actors: func(o *actors.Options) { o.LastSeenWaiting = 1 }}}
		c.meet = func(t *testing.T, s *boundServer) string {
			for n := range 3 {
				connect(t, s.url, fmt.Sprint("user", n), nil).close()
			}
			s.await(t, "last_seen_dropped_total", 2)
			if v := s.value(t, "last_seen_waiting"); v != 1 {
				t.Errorf("%v wait", v)
			}
			return "the newest are dropped"
		}
		return c
	},
	"webhook requests at once": func(*testing.T) boundCase {
		return boundCase{env: []string{"WEBHOOK_SECRET=hook"}, meet: func(t *testing.T, s *boundServer) string {
			for range 64 {
				halfABody(t, s.url)
			}
			until(t, "one is refused", func() bool {
				halfABody(t, s.url) // for one whose time is over by now
				code, _ := hook(t, s.url, "emit", `{"event":"poll","userId":"ann"}`)
				return code == http.StatusTooManyRequests
			})
			return "HTTP 429"
		}}
	},
}

// greeting is what the first frame of /ws says.
type greeting struct {
	PID       string
	Recovered bool
}

// welcomed opens /ws and reads the first frame.
func welcomed(t *testing.T, url, path string) (*client, greeting) {
	t.Helper()
	c := raw(t, url, path)
	_ = c.conn.SetDeadline(time.Now().Add(patience))
	f, err := c.read()
	var w greeting
	if err == nil {
		err = json.Unmarshal(f.Data, &w)
	}
	if err != nil || f.Event != "welcome" {
		t.Fatalf("%s: %+v %v", path, f, err)
	}
	return c, w
}

// ask sends a request and does not wait for its answer.
func ask(t *testing.T, c *client, event string, payload any) (id uint64) {
	t.Helper()
	data, err := json.Marshal(payload)
	if err != nil {
		t.Fatal(err)
	}
	c.nextID++
	out, err := json.Marshal(frame{Event: event, Data: data, ID: c.nextID})
	if err != nil {
		t.Fatal(err)
	}
	_ = c.conn.SetDeadline(time.Now().Add(patience))
	if err := wsutil.WriteClientText(c.conn, out); err != nil {
		t.Fatal(err)
	}
	return c.nextID
}

// reply reads the next answer to a request, whichever it is of, and gives its
// code; empty: it was granted.
func reply(t *testing.T, c *client) wire.Code {
	t.Helper()
	_ = c.conn.SetDeadline(time.Now().Add(patience))
	for {
		f, err := c.read()
		if err != nil {
			t.Fatal(err)
		}
		if f.Event != "" {
			continue
		}
		var r refusal
		if err := json.Unmarshal(f.Data, &r); err == nil && (r.Status == "error" || r.Status == "failed") {
			return r.Error.Code
		}
		return ""
	}
}

// refusalOf reads up to the next refusal.
func refusalOf(t *testing.T, c *client) string {
	t.Helper()
	for {
		if code := reply(t, c); code != "" {
			return string(code)
		}
	}
}

// say sends a message of that many bytes and waits for its ack.
func say(t *testing.T, c *client, room string, size int) {
	t.Helper()
	if _, err := c.call(wire.EventSendMessage, text(room, size)); err != nil {
		t.Fatal(err)
	}
}

func text(room string, size int) object {
	content := make([]byte, size)
	for i := range content {
		content[i] = 'x'
	}
	return object{"conversationId": room, "content": string(content)}
}
