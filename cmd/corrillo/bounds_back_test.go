package main

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/corrillo/corrillo/actors"
	"github.com/corrillo/corrillo/wire"
	"github.com/corrillo/corrillo/wire/webhook"
)

// relayBounds are those of what goes out.
var relayBounds = boundCases{
	"held back behind a join": func(*testing.T) boundCase {
		open := make(chan struct{})
		tune := func(o *actors.Options) {
			o.Recovery.HeldBytes, o.Store = 4000, &fickle{Store: o.Store, page: open}
		}
		return boundCase{tune: &tuning{actors: tune}, meet: func(t *testing.T, s *boundServer) string {
			defer close(open)
			ann, bob := connect(t, s.url, "ann", nil), connect(t, s.url, "bob", nil)
			say(t, ann, "room0", 1)
			ask(t, bob, wire.EventJoinConversation, object{"conversationId": "room0", "afterSeq": 0})
			s.await(t, `store_reads{by="conversations"}`, 1)
			for range 5 {
				say(t, ann, "room0", 1000)
			}
			return closedWith(t, bob, 1013)
		}}
	},
	"messages that wait in a relay lane": func(*testing.T) boundCase {
		lane := newStandingLane()
		store := &fickle{}
		c := boundCase{log: lane, tune: &tuning{actors: func(o *actors.Options) {
			o.RelayPending, o.RelayLanes = 4, 1
			store.Store, o.Store = o.Store, store
		}}}
		c.meet = func(t *testing.T, s *boundServer) string {
			defer lane.goOn()
			ann, bob := connect(t, s.url, "ann", nil), connect(t, s.url, "bob", nil)
			if err := join(bob, 1); err != nil { // for nobody no order is kept
				t.Fatal(err)
			}
			say(t, ann, "room0", 1)
			makeHole(t, ann, store)
			select {
			case <-lane.stands:
			case <-time.After(patience):
				t.Fatal("nothing is read from the store")
			}
			for n := range 6 {
				ask(t, ann, wire.EventSendMessage, text(fmt.Sprint("room", n+1), 1))
			}
			s.await(t, "mailbox_depth", 4)
			s.await(t, "overload_ratio", 1)
			ask(t, ann, wire.EventSendMessage, text("room7", 1))
			s.await(t, `shed_total{kind="send"}`, 1)
			lane.goOn() // until then nothing is written to anybody
			return refusalOf(t, ann)
		}
		return c
	},
	"what keeps the order of a conversation when a delivery was lost": func(*testing.T) boundCase {
		store := &fickle{}
		c := boundCase{tune: &tuning{actors: func(o *actors.Options) {
			o.HoleBytes = 1
			store.Store, o.Store = o.Store, store
		}}}
		c.meet = func(t *testing.T, s *boundServer) string {
			ann, bob := connect(t, s.url, "ann", nil), connect(t, s.url, "bob", nil)
			if err := join(bob, 1); err != nil {
				t.Fatal(err)
			}
			say(t, ann, "room0", 1)
			makeHole(t, ann, store)
			return closedWith(t, bob, 1011)
		}
		return c
	},
}

// makeHole has a message of room0 stored without anybody knowing.
func makeHole(t *testing.T, c *client, store *fickle) {
	t.Helper()
	store.lie(true)
	if _, err := c.call(wire.EventSendMessage, text("room0", 1)); codeOf(err) != wire.CodeUnavailable {
		t.Errorf("a message of which nothing is known: %v", err)
	}
	store.lie(false)
}

// standingLane is a log that keeps a relay lane where it says that it reads
// from the store.
type standingLane struct {
	stands chan struct{}
	once   sync.Once
	open   chan struct{}
	goOn   func()
}

func newStandingLane() *standingLane {
	l := &standingLane{stands: make(chan struct{}), open: make(chan struct{})}
	l.goOn = sync.OnceFunc(func() { close(l.open) })
	return l
}

// Enabled implements slog.Handler.
func (l *standingLane) Enabled(context.Context, slog.Level) bool { return true }

// Handle implements slog.Handler.
func (l *standingLane) Handle(_ context.Context, r slog.Record) error {
	if r.Message == "filling a hole from the store" {
		l.once.Do(func() { close(l.stands) })
		<-l.open
	}
	return nil
}

// WithAttrs implements slog.Handler.
func (l *standingLane) WithAttrs([]slog.Attr) slog.Handler { return l }

// WithGroup implements slog.Handler.
func (l *standingLane) WithGroup(string) slog.Handler { return l }

// webhookBounds are those of the back ends' door.
var webhookBounds = boundCases{
	"bytes of a webhook body": func(*testing.T) boundCase {
		return boundCase{env: []string{"WEBHOOK_SECRET=hook"}, meet: func(t *testing.T, s *boundServer) string {
			code, answer := hook(t, s.url, "emit", `{"event":"`+strings.Repeat("x", webhook.MaxBody)+`"}`)
			if !strings.Contains(answer, "payload_too_large") {
				t.Error(answer)
			}
			return fmt.Sprint("HTTP ", code)
		}}
	},
	"time for a webhook body": func(*testing.T) boundCase {
		tune := &tuning{webhook: func(o *webhook.Options) { o.BodyTimeout = 100 * time.Millisecond }}
		return boundCase{env: []string{"WEBHOOK_SECRET=hook"}, tune: tune, meet: func(t *testing.T, s *boundServer) string {
			code := 0
			until(t, "it is answered", func() bool { // a slow machine may be too late with an answer
				res, err := http.ReadResponse(bufio.NewReader(halfABody(t, s.url)), nil)
				if err != nil {
					return false
				}
				code = res.StatusCode
				return res.Body.Close() == nil
			})
			return fmt.Sprint("HTTP ", code)
		}}
	},
	"remembered webhook answers": func(*testing.T) boundCase {
		tune := &tuning{webhook: func(o *webhook.Options) { o.Remember = 2 }}
		return boundCase{env: []string{"WEBHOOK_SECRET=hook"}, tune: tune, meet: func(t *testing.T, s *boundServer) string {
			const message = `{"conversationId":"room0","senderId":"ann","content":"x"}`
			const event = `{"event":"poll","conversationId":"room0"}`
			first, _ := hookOnce(t, s.url, "new-message", message, "m")
			for _, key := range []string{"a", "b"} {
				hookOnce(t, s.url, "emit", event, key)
			}
			if _, again := hookOnce(t, s.url, "emit", event, "b"); !again {
				t.Error("the newest is forgotten")
			}
			second, again := hookOnce(t, s.url, "new-message", message, "m")
			if again {
				t.Error("more is remembered than may")
			}
			if id, _, _ := strings.Cut(first, ","); !strings.HasPrefix(second, id) || !strings.Contains(second, `"seq":1,"delivered":0`) {
				t.Errorf("%s and then %s", first, second)
			}
			return "oldest go"
		}}
	},
}

// halfABody begins a webhook request with the right secret and never ends it.
func halfABody(t *testing.T, url string) net.Conn {
	t.Helper()
	conn := dialTCP(t, url)
	if _, err := fmt.Fprint(conn, "POST /webhook/emit HTTP/1.1\r\nHost: x\r\nAuthorization: hook\r\nContent-Length: 100\r\n\r\n{"); err != nil {
		t.Fatal(err)
	}
	return conn
}

// hookOnce posts under a key; again: it was answered before.
func hookOnce(t *testing.T, url, endpoint, body, key string) (answer string, again bool) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, url+"/webhook/"+endpoint, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer hook")
	req.Header.Set("Idempotency-Key", key)
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = res.Body.Close() }()
	out, err := io.ReadAll(res.Body)
	if err != nil || res.StatusCode != http.StatusOK {
		t.Fatalf("%d %s %v", res.StatusCode, out, err)
	}
	return string(out), res.Header.Get("Idempotency-Replayed") == "true"
}
