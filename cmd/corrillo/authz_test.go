package main

import (
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gobwas/ws"
	"github.com/golang-jwt/jwt/v5"
	_ "modernc.org/sqlite"

	"github.com/corrillo/corrillo/wire"
)

type object = map[string]any

// fortress is a server with a room of ann, bob and some others and a direct
// conversation of ann and bob, and ann, who listens to both.
type fortress struct {
	*testServer
	t        *testing.T
	dir      string
	env      []string
	args     []string
	mode     string
	direct   string
	roomMsg  string   // ann's message in the room
	dmMsg    string   // and in the direct conversation
	bobMsg   string   // bob's in the room
	former   *client  // had joined the room, and was removed
	told     []string // to former since, but for the answers to what it asks
	bob      *client
	listener *listening
}

const callOffer = "call_offer" // an event that is passed through

func build(t *testing.T, mode string) *fortress {
	t.Helper()
	f := &fortress{t: t, dir: t.TempDir(), mode: mode, direct: wire.DirectID("ann", "bob"),
		env: []string{"JWT_SECRET=a secret of some length, at least 32", "WEBHOOK_SECRET=hook"}}
	f.args = []string{"--authz-membership=" + mode, "--events-passthrough=" + callOffer, "--auth-grace=1s", "--auth-jwt-leeway=0s"}
	if mode == "query" {
		f.args = append(f.args, "--authz-query=SELECT 1 FROM (SELECT :userId AS u, :conversationId AS c) q"+
			" WHERE (c = 'room' AND u IN ('ann', 'bob', 'former', 'late', 'revoked')) OR (c = 'own' AND u = 'stranger')")
	}
	f.testServer = serve(t, f.dir, true, f.env, f.args...)
	f.hook("membership", object{"conversationId": "room", "add": []string{"ann", "bob", "former", "late", "revoked"}})
	f.hook("membership", object{"conversationId": "own", "add": []string{"stranger"}})
	f.former = f.user("former")
	f.must(f.former, "join_conversation", object{"conversationId": "room"})
	f.hook("membership", object{"conversationId": "room", "remove": []string{"former"}})
	f.former.onEvent = func(event string, data json.RawMessage) error {
		if event != wire.EventMessageAck && event != wire.EventHeartbeatAck {
			f.told = append(f.told, event+" "+string(data))
		}
		return nil
	}

	ann, bob := f.user("ann"), f.user("bob")
	id := func(data json.RawMessage) string {
		var m struct{ MessageID string }
		if err := json.Unmarshal(data, &m); err != nil {
			t.Fatal(err)
		}
		return m.MessageID
	}
	f.roomMsg = id(f.must(ann, "send_message", object{"conversationId": "room", "content": "among us"}))
	f.dmMsg = id(f.must(ann, "send_message", object{"receiverId": "bob", "content": "between us"}))
	f.bobMsg = id(f.must(bob, "send_message", object{"conversationId": "room", "content": "bob's own"}))
	for _, c := range []*client{ann, bob} {
		f.must(c, "mark_read", object{"messageId": f.bobMsg})
		f.must(c, "mark_read", object{"messageId": f.dmMsg})
	}
	f.watch()
	return f
}

// watch has ann listen and bob ready to speak.
func (f *fortress) watch() {
	f.t.Helper()
	f.bob = f.user("bob")
	ears := f.user("ann")
	f.must(ears, "join_conversation", object{"conversationId": "room"})
	f.must(ears, "join_conversation", object{"receiverId": "bob"})
	f.listener = listenTo(f.t, ears)
}

func (f *fortress) token(sub string, more ...string) string {
	f.t.Helper()
	out, stderr, code := corrillo(f.t, f.dir, f.env, append([]string{"token", "--sub=" + sub}, more...)...)
	if code != 0 {
		f.t.Fatal(stderr)
	}
	return strings.TrimSpace(out)
}

// expiredToken is a token that was good a minute ago.
func (f *fortress) expiredToken(sub string) string {
	f.t.Helper()
	claims := jwt.MapClaims{"sub": sub, "exp": time.Now().Add(-time.Minute).Unix()}
	token, err := jwt.NewWithClaims(jwt.SigningMethodHS256, claims).SignedString([]byte(f.env[0][len("JWT_SECRET="):]))
	if err != nil {
		f.t.Fatal(err)
	}
	return token
}

// user connects with a good token.
func (f *fortress) user(id string) *client {
	f.t.Helper()
	c, err := dial(f.t.Context(), &clientFlags{URL: f.url, Token: f.token(id)}, func(string, json.RawMessage) error { return nil })
	if err != nil {
		f.t.Fatal(err)
	}
	f.t.Cleanup(c.close)
	return c
}

// nobody connects without a token.
func (f *fortress) nobody() *client {
	f.t.Helper()
	conn, _, _, err := ws.Dial(f.t.Context(), "ws"+strings.TrimPrefix(f.url, "http")+"/ws")
	if err != nil {
		f.t.Fatal(err)
	}
	c := &client{conn: conn, in: conn, onEvent: func(string, json.RawMessage) error { return nil }, stop: func() bool { return true }}
	f.t.Cleanup(c.close)
	return c
}

func (f *fortress) must(c *client, event string, payload any) json.RawMessage {
	f.t.Helper()
	data, err := c.call(event, payload)
	if err != nil {
		f.t.Fatal(err)
	}
	return data
}

func (f *fortress) hook(endpoint string, body any) string {
	f.t.Helper()
	text, err := json.Marshal(body)
	if err != nil {
		f.t.Fatal(err)
	}
	code, answer := hook(f.t, f.url, endpoint, string(text))
	if code != http.StatusOK {
		f.t.Fatalf("%s: %d %s", endpoint, code, answer)
	}
	return answer
}

// stored is all that the database has, but for what counts activations.
func (f *fortress) stored() string {
	f.t.Helper()
	db, err := sql.Open("sqlite", "file:"+filepath.Join(f.dir, "corrillo.db")+"?mode=ro&_pragma=busy_timeout(5000)")
	if err != nil {
		f.t.Fatal(err)
	}
	defer func() { _ = db.Close() }()
	var all strings.Builder
	for _, query := range []string{
		"SELECT conversationId || '|' || seq || '|' || id || '|' || rev || '|' || content || '|' || senderId FROM corrillo_message ORDER BY conversationId, seq",
		"SELECT id || '|' || lastSeq || '|' || lastRev FROM corrillo_conversation ORDER BY id",
		"SELECT conversationId || '|' || userId || '|' || role || '|' || lastReadSeq || '|' || (removedAt IS NULL) FROM corrillo_participant ORDER BY conversationId, userId",
	} {
		rows, err := db.QueryContext(f.t.Context(), query)
		if err != nil {
			f.t.Fatal(err)
		}
		for rows.Next() {
			var row string
			if err := rows.Scan(&row); err != nil {
				f.t.Fatal(err)
			}
			all.WriteString(row + "\n")
		}
		if err := errors.Join(rows.Err(), rows.Close()); err != nil { //nolint:sqlclosecheck // in a loop: not for the end of the test
			f.t.Fatal(err)
		}
		all.WriteString("--\n")
	}
	return all.String()
}

// listening collects the events of a client that does nothing else.
type listening struct {
	mu     sync.Mutex
	events []string
	more   chan struct{}
}

func listenTo(t *testing.T, c *client) *listening {
	l := &listening{more: make(chan struct{}, 1)}
	c.onEvent = func(event string, data json.RawMessage) error {
		l.mu.Lock()
		l.events = append(l.events, event+" "+string(data))
		l.mu.Unlock()
		select {
		case l.more <- struct{}{}:
		default:
		}
		return nil
	}
	var wg sync.WaitGroup
	wg.Go(func() { _ = c.listen() })
	t.Cleanup(func() { c.close(); wg.Wait() })
	return l
}

// until gives what came up to an event that contains the text.
func (l *listening) until(t *testing.T, text string) []string {
	t.Helper()
	for {
		l.mu.Lock()
		for i, e := range l.events {
			if strings.Contains(e, text) {
				got := l.events[:i]
				l.events = l.events[i+1:]
				l.mu.Unlock()
				return got
			}
		}
		l.mu.Unlock()
		select {
		case <-l.more:
		case <-t.Context().Done():
			t.Fatalf("%q never came", text)
		}
	}
}

// nothingHappened fails when anything was stored since before, or told.
func (f *fortress) nothingHappened(before string) {
	f.t.Helper()
	if after := f.stored(); after != before {
		f.t.Errorf("stored before:\n%s\nafter:\n%s", before, after)
	}
	for _, e := range f.untilNow() {
		if !ownMark.MatchString(e) {
			f.t.Errorf("ann was told: %s", e)
		}
	}
}

// ownMark is a read mark of those who may: it may be told a second late.
var ownMark = regexp.MustCompile(`^message_read {"userId":"(ann|bob)"`)

// untilNow gives what ann was told up to now.
func (f *fortress) untilNow() (told []string) {
	f.t.Helper()
	for _, to := range []object{{"conversationId": "room"}, {"receiverId": "ann"}} {
		to["content"] = fmt.Sprint("the end of ", to)
		f.must(f.bob, "send_message", to)
		told = append(told, f.listener.until(f.t, fmt.Sprint(to["content"]))...)
	}
	return told
}

// settle waits until all is told and stored of what was done.
func (f *fortress) settle() {
	f.t.Helper()
	f.untilNow()
	for _, id := range []string{"ann", "bob"} {
		c := f.user(id)
		for _, conversation := range []string{"room", f.direct} {
			f.must(c, "mark_read", object{"conversationId": conversation, "seq": 1 << 30})
		}
	}
}

// attempt is one request, and the code that it is refused with; granted for
// none.
type attempt struct {
	how     string
	event   string
	payload any
	want    wire.Code
}

const granted wire.Code = ""

func (f *fortress) try(who string, c *client, list []attempt) {
	f.t.Helper()
	for _, a := range list {
		data, err := c.call(a.event, a.payload)
		if code := codeOf(err); code != a.want || err != nil && code == "" {
			f.t.Errorf("%s: %s %s: %s %v, want %q", who, a.event, a.how, data, err, a.want)
		}
	}
}

// TestAuthz_Told: what one is told says nothing of those one has nothing to do
// with, and what proves nothing opens nothing.
func TestAuthz_Told(t *testing.T) {
	for _, mode := range []string{"open", "members"} {
		t.Run(mode, func(t *testing.T) {
			t.Parallel()
			f := build(t, mode)
			before := f.stored()
			f.othersPresence(f.user("stranger"))
			f.badTokens()
			f.nothingHappened(before)
		})
	}
}

// othersPresence: where membership is not open, strangers are left out.
func (f *fortress) othersPresence(stranger *client) {
	f.t.Helper()
	got := string(f.must(stranger, "get_presence", object{"userIds": []string{"ann", "bob", "former"}}))
	if f.mode != "open" && got != "{}" {
		f.t.Errorf("a stranger sees %s", got)
	}
	// Who begins a direct conversation with someone learns no more than that.
	got = string(f.must(stranger, "get_members", object{"receiverId": "ann"}))
	if hidden := strings.Contains(got, `"userId":"ann","role":"member","readSeq":0,"status":"offline","lastSeen":null`); hidden != (f.mode != "open") {
		f.t.Errorf("a stranger sees of ann %s", got)
	}
	if got := string(f.must(f.bob, "get_members", object{"conversationId": "room"})); strings.Contains(got, "former") ||
		strings.Count(got, `"status":"online"`) != 2 {
		f.t.Errorf("bob sees %s", got)
	}
	if got := string(f.must(stranger, "get_conversations", object{})); strings.Contains(got, "room") || strings.Contains(got, "between") {
		f.t.Errorf("a stranger's conversations: %s", got)
	}
	if got := string(f.must(f.user("former"), "get_conversations", object{})); strings.Contains(got, "among us") {
		f.t.Errorf("a former member's conversations: %s", got)
	}
}

// badTokens tries to be somebody with what proves nothing.
func (f *fortress) badTokens() {
	f.t.Helper()
	good, expired := f.token("stranger"), f.expiredToken("ann")
	for name, tc := range map[string]struct {
		token string
		want  wire.Code
	}{
		"expired":  {expired, wire.CodeTokenExpired},
		"forged":   {good[:strings.LastIndexByte(good, '.')] + ".AAAA", wire.CodeUnauthorized},
		"none":     {"x", wire.CodeUnauthorized},
		"unsigned": {"eyJhbGciOiJub25lIn0.eyJzdWIiOiJhbm4iLCJleHAiOjQ4MDAwMDAwMDB9.", wire.CodeUnauthorized},
	} {
		_, err := dial(f.t.Context(), &clientFlags{URL: f.url, Token: tc.token}, func(string, json.RawMessage) error { return nil })
		if e, ok := errors.AsType[*wire.Error](err); !ok || e.Code != tc.want {
			f.t.Errorf("a token that is %s, when connecting: %v", name, err)
		}
		f.try(name, f.nobody(), []attempt{{name, "identify", object{"userId": "ann", "token": tc.token}, tc.want}})
	}
	f.try("nobody", f.nobody(), []attempt{
		{"without a token", "identify", object{"userId": "ann"}, wire.CodeUnauthorized},
		{"another's name", "identify", object{"userId": "ann", "token": good}, wire.CodeForbidden},
		{"a bare id", "identify", "ann", wire.CodeUnauthorized},
	})
	c := f.user("stranger")
	f.try("stranger", c, []attempt{
		{"as another", "identify", object{"userId": "ann"}, wire.CodeForbidden},
		{"as another, by token", "identify", object{"userId": "ann", "token": good}, wire.CodeForbidden},
		{"after that", "get_history", object{"conversationId": f.direct}, wire.CodeForbidden},
	})
}
