package main

import (
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"path/filepath"
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

// fortress is a server with a room of ann and bob and a direct conversation
// of the two, and someone who listens to both.
type fortress struct {
	*testServer
	t        *testing.T
	dir      string
	env      []string
	mode     string
	direct   string
	roomMsg  string // ann's message in the room
	dmMsg    string // and in the direct conversation
	bob      *client
	listener *listening
}

const callOffer = "call_offer" // an event that is passed through

func build(t *testing.T, mode string) *fortress {
	t.Helper()
	f := &fortress{t: t, dir: t.TempDir(), mode: mode, direct: wire.DirectID("ann", "bob"),
		env: []string{"JWT_SECRET=a secret of some length, at least 32", "WEBHOOK_SECRET=hook"}}
	args := []string{"--authz-membership=" + mode, "--events-passthrough=" + callOffer}
	if mode == "query" {
		args = append(args, "--authz-query=SELECT 1 FROM (SELECT :userId AS u, :conversationId AS c) q"+
			" WHERE (c = 'room' AND u IN ('ann', 'bob', 'former')) OR (c = 'own' AND u = 'stranger')")
	}
	f.testServer = serve(t, f.dir, true, f.env, args...)
	f.hook("membership", object{"conversationId": "room", "add": []string{"ann", "bob", "former"}})
	f.hook("membership", object{"conversationId": "own", "add": []string{"stranger"}})
	former := f.user("former")
	f.must(former, "join_conversation", object{"conversationId": "room"})
	f.hook("membership", object{"conversationId": "room", "remove": []string{"former"}})

	ann := f.user("ann")
	f.bob = f.user("bob")
	id := func(data json.RawMessage) string {
		var m struct{ MessageID string }
		if err := json.Unmarshal(data, &m); err != nil {
			t.Fatal(err)
		}
		return m.MessageID
	}
	f.roomMsg = id(f.must(ann, "send_message", object{"conversationId": "room", "content": "among us"}))
	f.dmMsg = id(f.must(ann, "send_message", object{"receiverId": "bob", "content": "between us"}))
	for _, c := range []*client{ann, f.bob} {
		f.must(c, "mark_read", object{"messageId": f.roomMsg})
		f.must(c, "mark_read", object{"messageId": f.dmMsg})
	}
	ears := f.user("ann")
	f.must(ears, "join_conversation", object{"conversationId": "room"})
	f.must(ears, "join_conversation", object{"receiverId": "bob"})
	f.listener = listenTo(t, ears)
	return f
}

func (f *fortress) token(sub string, more ...string) string {
	f.t.Helper()
	out, stderr, code := corrillo(f.t, f.dir, f.env, append([]string{"token", "--sub=" + sub}, more...)...)
	if code != 0 {
		f.t.Fatal(stderr)
	}
	return strings.TrimSpace(out)
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
	for _, to := range []object{{"conversationId": "room"}, {"receiverId": "ann"}} {
		to["content"] = "the end of " + fmt.Sprint(to)
		f.must(f.bob, "send_message", to)
		for _, e := range f.listener.until(f.t, fmt.Sprint(to["content"])) {
			f.t.Errorf("ann was told: %s", e)
		}
	}
}

// attempt is a request that must fail.
type attempt struct {
	name    string
	event   string
	payload any
	want    wire.Code
}

// about lists every event that can be about a conversation.
func about(name string, address object, messageID string, want wire.Code) []attempt {
	with := func(more object) object {
		out := object{}
		for _, part := range []object{address, more} {
			for k, v := range part {
				out[k] = v
			}
		}
		return out
	}
	list := []attempt{
		{"", "join_conversation", with(object{"afterSeq": 0, "afterRev": 0}), want},
		{"", "send_message", with(object{"content": "x", "tempId": "t1"}), want},
		{"as ann", "send_message", with(object{"content": "x", "senderId": "ann"}), want},
		{"", "typing", with(nil), want},
		{"no more", "typing", with(object{"isTyping": false}), want},
		{"by seq", "mark_read", with(object{"seq": 1}), want},
		{"by id", "mark_read", with(object{"messageId": messageID}), want},
		{"", "edit_message", with(object{"messageId": messageID, "content": "y"}), want},
		{"", "delete_message", with(object{"messageId": messageID}), want},
		{"", "get_history", with(nil), want},
		{"from the first", "get_history", with(object{"afterSeq": 0}), want},
		{"", "get_members", with(nil), want},
		{"with a cursor", "get_members", with(object{"cursor": "AAAAAAAA"}), want},
		{"", callOffer, with(object{"sdp": "v=0"}), want},
		{"as ann", callOffer, with(object{"senderId": "ann"}), want},
	}
	for i := range list {
		list[i].name = strings.TrimSpace(name + " " + list[i].name)
	}
	return list
}

func byIDAlone(messageID string, want wire.Code) []attempt {
	return []attempt{
		{"by id alone", "mark_read", object{"messageId": messageID}, want},
		{"by bare id", "read_message", messageID, want},
		{"by id alone", "edit_message", object{"messageId": messageID, "content": "y"}, want},
		{"by id alone", "delete_message", object{"messageId": messageID}, want},
	}
}

func (f *fortress) try(who string, c *client, list []attempt) {
	f.t.Helper()
	for _, a := range list {
		data, err := c.call(a.event, a.payload)
		e, ok := errors.AsType[*wire.Error](err)
		if !ok && err != nil {
			f.t.Fatalf("%s: %s %s: %v", who, a.event, a.name, err)
		}
		if !ok || e.Code != a.want {
			f.t.Errorf("%s: %s %s: %s %v, want %s", who, a.event, a.name, data, err, a.want)
		}
	}
}

// foreign is all that can be tried at the conversations of others.
func (f *fortress) foreign(room bool) []attempt {
	var list []attempt
	if room {
		list = append(about("room", object{"conversationId": "room"}, f.roomMsg, wire.CodeForbidden), byIDAlone(f.roomMsg, wire.CodeForbidden)...)
	}
	list = append(list, byIDAlone(f.dmMsg, wire.CodeForbidden)...)
	for name, address := range map[string]object{
		"direct":                    {"conversationId": f.direct},
		"direct with a receiver":    {"conversationId": f.direct, "receiverId": "ann"},
		"no such direct":            {"conversationId": "dm:nothing"},
		"direct of the other case":  {"conversationId": "dm:" + strings.ToUpper(f.direct[3:])},
		"direct by senderId's word": {"conversationId": f.direct, "senderId": "ann", "userId": "ann", "directId": f.direct},
	} {
		list = append(list, about(name, address, f.dmMsg, wire.CodeForbidden)...)
	}
	return list
}

// TestAuthz tries every event of the protocol as everyone who may not, in
// every mode of membership: it is refused with its code, nothing is stored,
// and nobody hears of it.
func TestAuthz(t *testing.T) {
	for _, mode := range []string{"open", "members", "query"} {
		t.Run(mode, func(t *testing.T) {
			t.Parallel()
			f := build(t, mode)
			before := f.stored()
			f.try("former", f.user("former"), f.foreign(true))
			stranger := f.user("stranger")
			f.try("stranger", stranger, f.foreign(mode != "open"))
			f.othersMessages(stranger)
			f.othersPresence(stranger)
			f.anonymous()
			f.badTokens()
			f.nothingHappened(before)
			if log := f.output.String(); strings.Contains(log, `"level":"ERROR"`) || strings.Contains(log, "panic") {
				t.Errorf("the log:\n%s", log)
			}
		})
	}
}

// othersMessages names messages of others in a conversation of one's own, and
// speaks as another there.
func (f *fortress) othersMessages(stranger *client) {
	f.t.Helper()
	for _, id := range []string{f.roomMsg, f.dmMsg} {
		f.try("stranger", stranger, []attempt{
			{"another's in mine", "mark_read", object{"conversationId": "own", "messageId": id}, wire.CodeNotFound},
			{"another's in mine", "edit_message", object{"conversationId": "own", "messageId": id, "content": "y"}, wire.CodeNotFound},
			{"another's in mine", "delete_message", object{"conversationId": "own", "messageId": id}, wire.CodeNotFound},
		})
	}
	f.try("stranger", stranger, []attempt{
		{"as ann", "send_message", object{"conversationId": "own", "content": "x", "senderId": "ann"}, wire.CodeForbidden},
		{"as ann to bob", "send_message", object{"receiverId": "bob", "content": "x", "senderId": "ann"}, wire.CodeForbidden},
		{"none such", "mark_read", object{"messageId": "nope"}, wire.CodeNotFound},
		{"none such", "edit_message", object{"messageId": "nope", "content": "y"}, wire.CodeNotFound},
		{"unlisted", "call_answer", object{"conversationId": "own"}, wire.CodeInvalidPayload},
		{"the server's", "new_message", object{"conversationId": "own"}, wire.CodeInvalidPayload},
		{"the server's", "session_revoked", object{}, wire.CodeInvalidPayload},
	})
	if f.mode == "open" { // there anybody may read, but change nothing
		f.try("stranger", stranger, []attempt{
			{"ann's", "edit_message", object{"messageId": f.roomMsg, "content": "y"}, wire.CodeForbidden},
			{"ann's", "delete_message", object{"messageId": f.roomMsg}, wire.CodeForbidden},
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

// anonymous asks for everything without having said who it is.
func (f *fortress) anonymous() {
	f.t.Helper()
	list := append(about("room", object{"conversationId": "room"}, f.roomMsg, wire.CodeNotIdentified), byIDAlone(f.dmMsg, wire.CodeNotIdentified)...)
	list = append(list, about("direct", object{"conversationId": f.direct}, f.dmMsg, wire.CodeNotIdentified)...)
	list = append(list, about("by receiver", object{"receiverId": "ann"}, f.dmMsg, wire.CodeNotIdentified)...)
	list = append(list,
		attempt{"", "get_presence", object{"userIds": []string{"ann"}}, wire.CodeNotIdentified},
		attempt{"", "get_conversations", object{}, wire.CodeNotIdentified},
		attempt{"", "leave_conversation", "room", wire.CodeNotIdentified})
	// Each waits for an identify that does not come: they are tried side by
	// side.
	var wg sync.WaitGroup
	for part := 0; part < len(list); part++ {
		c := f.nobody()
		wg.Go(func() { f.try("nobody", c, list[part:part+1]) })
	}
	wg.Wait()
}

// badTokens tries to be somebody with what proves nothing.
func (f *fortress) badTokens() {
	f.t.Helper()
	good := f.token("stranger")
	claims := jwt.MapClaims{"sub": "ann", "exp": time.Now().Add(-time.Minute).Unix()}
	expired, err := jwt.NewWithClaims(jwt.SigningMethodHS256, claims).SignedString([]byte(f.env[0][len("JWT_SECRET="):]))
	if err != nil {
		f.t.Fatal(err)
	}
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
