package webhook_test

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"reflect"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/corrillo/corrillo/wire"
	"github.com/corrillo/corrillo/wire/webhook"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const theSecret = "s3cret-of-the-back-end"

// recorder is a world above that writes down what it was asked for.
type recorder struct {
	mu    sync.Mutex
	calls []any
	err   error                     // answers every call when set
	hook  func(ctx context.Context) // runs inside every call when set
}

func (r *recorder) call(ctx context.Context, what any) error {
	r.mu.Lock()
	r.calls = append(r.calls, what)
	err, hook := r.err, r.hook
	r.mu.Unlock()
	if hook != nil {
		hook(ctx)
	}
	return err
}

func (r *recorder) taken() []any {
	r.mu.Lock()
	defer r.mu.Unlock()
	return append([]any(nil), r.calls...)
}

func (r *recorder) fail(err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.err = err
}

// changed is UpdateMessage or, without content, DeleteMessage.
type changed struct {
	id, content string
	deleted     bool
}

func (r *recorder) PostMessage(ctx context.Context, m wire.InjectedMessage) (wire.Posted, error) {
	id := m.ID
	if id == "" {
		id = "made"
	}
	return wire.Posted{MessageID: id, ConversationID: m.Resolve(m.SenderID), Seq: int64(len(r.taken()) + 1), Delivered: 2}, r.call(ctx, m)
}

func (r *recorder) UpdateMessage(ctx context.Context, id, content string) (wire.Posted, error) {
	return wire.Posted{MessageID: id, ConversationID: "c1", Seq: 4}, r.call(ctx, changed{id: id, content: content})
}

func (r *recorder) DeleteMessage(ctx context.Context, id string) (wire.Posted, error) {
	return wire.Posted{MessageID: id, ConversationID: "c1", Seq: 4}, r.call(ctx, changed{id: id, deleted: true})
}

func (r *recorder) Emit(ctx context.Context, e wire.Emission) (int, error) { return 3, r.call(ctx, e) }

func (r *recorder) ChangeMembership(ctx context.Context, c wire.MembershipChange) error {
	return r.call(ctx, c)
}

func (r *recorder) Revoke(ctx context.Context, userID string) (int, error) {
	return 1, r.call(ctx, userID)
}

func (r *recorder) Presence(ctx context.Context, ids []string) (map[string]wire.PresenceStatus, error) {
	return map[string]wire.PresenceStatus{"a": {Online: true, LastSeen: time.UnixMilli(0)}}, r.call(ctx, append([]string(nil), ids...))
}

// world is a server with a webhook and what stands behind it.
type world struct {
	*recorder
	handler *webhook.Handler
	server  *httptest.Server
}

func newWorld(t testing.TB, o webhook.Options) *world {
	t.Helper()
	w := &world{recorder: &recorder{}}
	var err error
	if w.handler, err = webhook.New(w.recorder, o); err != nil {
		t.Fatal(err)
	}
	w.server = httptest.NewServer(w.handler)
	t.Cleanup(w.server.Close)
	return w
}

func open() webhook.Options { return webhook.Options{Secrets: []string{theSecret}} }

type response struct {
	status int
	header http.Header
	body   string
}

// failure reads {"error": {code, message, retryable}}.
func (r response) failure(t testing.TB) (code, message string, retryable bool) {
	t.Helper()
	var body struct {
		Error struct {
			Code, Message string
			Retryable     bool
		}
	}
	if err := json.Unmarshal([]byte(r.body), &body); err != nil {
		t.Fatalf("%q: %v", r.body, err)
	}
	return body.Error.Code, body.Error.Message, body.Error.Retryable
}

// send makes a request; headers are name, value, name, value...
func (w *world) send(t testing.TB, method, path, body string, headers ...string) response {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, w.server.URL+path, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	for i := 0; i < len(headers); i += 2 {
		req.Header.Set(headers[i], headers[i+1])
	}
	return w.do(t, req)
}

func (w *world) do(t testing.TB, req *http.Request) response {
	t.Helper()
	resp, err := w.server.Client().Do(req)
	if err != nil {
		t.Fatal(err)
	}
	out, err := io.ReadAll(resp.Body)
	if err = errors.Join(err, resp.Body.Close()); err != nil {
		t.Fatal(err)
	}
	return response{resp.StatusCode, resp.Header, string(out)}
}

func (w *world) post(t testing.TB, endpoint, body string, headers ...string) response {
	t.Helper()
	return w.send(t, http.MethodPost, "/webhook/"+endpoint, body, append([]string{"Authorization", "Bearer " + theSecret}, headers...)...)
}

const message = `{"content":"hi","senderId":"u1","conversationId":"c1"}`

func wantMessage() wire.InjectedMessage {
	return wire.InjectedMessage{SenderID: "u1", SendMessage: wire.SendMessage{
		Address: wire.Address{ConversationID: "c1"}, SenderID: "u1", Content: "hi", Type: "text",
	}}
}

func TestHandler_Endpoints(t *testing.T) {
	mirrored := wantMessage()
	mirrored.ID, mirrored.Mirrored = "m9", true
	cases := []struct {
		label, method, path, body string
		call                      any
		answer                    string
	}{
		{"message", "POST", "/webhook/new-message", message, wantMessage(), `{"messageId":"made","conversationId":"c1","seq":1,"delivered":2}`},
		{"message, wrapped", "POST", "/webhook/new-message", `{"message":` + message + `}`, wantMessage(), `{"messageId":"made","conversationId":"c1","seq":1,"delivered":2}`},
		{"message with an id", "POST", "/webhook/new-message/", `{"id":"m9",` + message[1:], mirrored, `{"messageId":"m9","conversationId":"c1","seq":1,"delivered":2}`},
		{"edit", "POST", "/webhook/message-updated", `{"messageId":"m1","content":"new"}`, changed{id: "m1", content: "new"}, `{"messageId":"m1","conversationId":"c1","seq":4,"delivered":0}`},
		{"deletion", "POST", "/webhook/message-deleted", `{"messageId":"m1"}`, changed{id: "m1", deleted: true}, `{"messageId":"m1","conversationId":"c1","seq":4,"delivered":0}`},
		{"emit", "POST", "/webhook/emit", `{"event":"poll","data":{"q":1},"conversationId":"c1"}`, wire.Emission{Event: "poll", Data: json.RawMessage(`{"q":1}`), ConversationID: "c1"}, `{"delivered":3}`},
		{"notification", "POST", "/webhook/notification", `{"data":{"q":1},"userIds":["a"]}`, wire.Emission{Event: "notification", Data: json.RawMessage(`{"q":1}`), UserIDs: []string{"a"}}, `{"delivered":3}`},
		{"membership", "POST", "/webhook/membership", `{"conversationId":"c1","add":["a"],"remove":["b"]}`, wire.MembershipChange{ConversationID: "c1", Add: []string{"a"}, Remove: []string{"b"}}, `{"status":"ok"}`},
		{"revoke", "POST", "/webhook/revoke", `{"userId":"a"}`, "a", `{"closed":1}`},
		{"presence", "GET", "/webhook/presence?userId=b&userId=a&userId=b", "", []string{"b", "a", "b"}, `{"a":{"status":"online","lastSeen":"1970-01-01T00:00:00.000Z"},"b":{"status":"offline","lastSeen":null}}`},
	}
	seen := map[string]bool{}
	for _, c := range cases {
		t.Run(c.label, func(t *testing.T) {
			w := newWorld(t, open())
			got := w.send(t, c.method, c.path, c.body, "Authorization", theSecret)
			if got.status != http.StatusOK || got.body != c.answer || got.header.Get("Content-Type") != "application/json; charset=utf-8" {
				t.Errorf("answered %d %s %v", got.status, got.body, got.header)
			}
			if calls := w.taken(); !reflect.DeepEqual(calls, []any{c.call}) {
				t.Errorf("asked for %+v\nwant %+v", calls, c.call)
			}
		})
		path, _, _ := strings.Cut(c.path, "?")
		seen[c.method+" "+strings.TrimSuffix(path, "/")] = true
	}
	for _, e := range webhook.Endpoints() {
		if !seen[e] {
			t.Errorf("%s has no case", e)
		}
	}
}

func TestHandler_Refusals(t *testing.T) {
	large := `{"content":"` + strings.Repeat("x", webhook.MaxBody) + `"}`
	cases := []struct {
		label, method, path, body string
		status                    int
		code                      wire.Code
		sentence                  string
	}{
		{"empty body", "POST", "/webhook/new-message", ``, 400, wire.CodeInvalidPayload, "payload: must be an object"},
		{"not JSON", "POST", "/webhook/new-message", `a=b`, 400, wire.CodeInvalidPayload, "payload: not valid JSON"},
		{"the field is named", "POST", "/webhook/new-message", `{"content":"hi","conversationId":"c1"}`, 400, wire.CodeInvalidPayload, "senderId: must be"},
		{"edit without content", "POST", "/webhook/message-updated", `{"messageId":"m1"}`, 400, wire.CodeInvalidPayload, "content: must be"},
		{"deletion of nothing", "POST", "/webhook/message-deleted", `{}`, 400, wire.CodeInvalidPayload, "messageId: must be"},
		{"a name of ours", "POST", "/webhook/emit", `{"event":"message_ack","userId":"a"}`, 400, wire.CodeInvalidPayload, "event: is a name"},
		{"to nobody", "POST", "/webhook/notification", `{}`, 400, wire.CodeInvalidPayload, "conversationId: must be given"},
		{"nobody joins", "POST", "/webhook/membership", `{"conversationId":"c"}`, 400, wire.CodeInvalidPayload, "add: must be"},
		{"revoke nobody", "POST", "/webhook/revoke", `{}`, 400, wire.CodeInvalidPayload, "userId: must be"},
		{"presence of nobody", "GET", "/webhook/presence", ``, 400, wire.CodeInvalidPayload, "userId: must be given"},
		{"presence of no id", "GET", "/webhook/presence?userId=%00", ``, 400, wire.CodeInvalidPayload, "userId: must be a string"},
		{"presence of too many", "GET", "/webhook/presence?" + strings.Repeat("userId=a&", 201), ``, 400, wire.CodeInvalidPayload, "userId: must be given"},
		{"no endpoint", "POST", "/webhook/new-messages", message, 404, wire.CodeNotFound, "no such endpoint"},
		{"the prefix itself", "GET", "/webhook/", ``, 404, wire.CodeNotFound, "no such endpoint"},
		{"wrong method", "GET", "/webhook/new-message", ``, 405, wire.CodeInvalidPayload, "takes POST only"},
		{"wrong method of presence", "POST", "/webhook/presence?userId=a", ``, 405, wire.CodeInvalidPayload, "takes GET only"},
		{"too large", "POST", "/webhook/new-message", large, 413, wire.CodePayloadTooLarge, "at most 262144 bytes"},
	}
	for _, c := range cases {
		t.Run(c.label, func(t *testing.T) {
			w := newWorld(t, open())
			got := w.send(t, c.method, c.path, c.body, "Authorization", "Bearer "+theSecret)
			code, sentence, _ := got.failure(t)
			if got.status != c.status || code != string(c.code) || !strings.Contains(sentence, c.sentence) {
				t.Errorf("answered %d %s", got.status, got.body)
			}
			if got.status == 405 && got.header.Get("Allow") == "" {
				t.Error("no Allow header")
			}
			if calls := w.taken(); len(calls) > 0 {
				t.Errorf("asked for %v", calls)
			}
		})
	}
	t.Run("compressed", func(t *testing.T) {
		if got := newWorld(t, open()).post(t, "new-message", message, "Content-Encoding", "gzip"); got.status != http.StatusUnsupportedMediaType {
			t.Errorf("answered %d %s", got.status, got.body)
		}
	})
	t.Run("the largest body", func(t *testing.T) {
		body := `{"senderId":"u1","conversationId":"c1","content":"` + strings.Repeat("x", webhook.MaxBody-100) + `"}`
		body += strings.Repeat(" ", webhook.MaxBody-len(body))
		if got := newWorld(t, open()).post(t, "new-message", body); got.status != http.StatusOK {
			t.Errorf("answered %d %s", got.status, got.body)
		}
	})
}

// Every code that the world above may answer with has its status, and those
// worth another try say when.
func TestHandler_Statuses(t *testing.T) {
	want := map[wire.Code]struct {
		status     int
		retryAfter bool
	}{
		wire.CodeInvalidPayload: {400, false}, wire.CodeNotIdentified: {401, false}, wire.CodeUnauthorized: {401, false},
		wire.CodeTokenExpired: {401, false}, wire.CodeForbidden: {403, false}, wire.CodeNotFound: {404, false},
		wire.CodeConflict: {409, false}, wire.CodePayloadTooLarge: {413, false}, wire.CodeRateLimited: {429, true},
		wire.CodeOverloaded: {429, true}, wire.CodeUnavailable: {503, true}, wire.CodeDraining: {503, true}, wire.CodeInternal: {500, false},
	}
	w := newWorld(t, open())
	for _, code := range wire.Codes() {
		w.fail(fmt.Errorf("post: %w", wire.Errorf(code, "because")))
		got := w.post(t, "new-message", message)
		gotCode, _, retryable := got.failure(t)
		hasRetry := got.header.Get("Retry-After") != ""
		if got.status != want[code].status || gotCode != string(code) || hasRetry != want[code].retryAfter || retryable != code.Retryable() {
			t.Errorf("%s: answered %d %s %v", code, got.status, got.body, got.header)
		}
	}
	w.fail(errors.New("table `secrets` is broken"))
	if got := w.post(t, "new-message", message); got.status != 500 || strings.Contains(got.body, "secrets") {
		t.Errorf("answered %d %s", got.status, got.body)
	}
	w.fail(fmt.Errorf("call: %w", context.DeadlineExceeded))
	if got := w.post(t, "new-message", message); got.status != 503 || got.header.Get("Retry-After") == "" {
		t.Errorf("answered %d %s", got.status, got.body)
	}
}

func TestHandler_Concurrency(t *testing.T) {
	o := open()
	o.Concurrency = 1
	w := newWorld(t, o)
	entered, release := make(chan struct{}), make(chan struct{})
	w.hook = func(context.Context) { entered <- struct{}{}; <-release }
	first := make(chan response)
	go func() { first <- w.post(t, "new-message", message) }()
	<-entered
	got := w.post(t, "new-message", message)
	if code, _, retryable := got.failure(t); got.status != 429 || code != "overloaded" || !retryable || got.header.Get("Retry-After") != "1" {
		t.Errorf("answered %d %s", got.status, got.body)
	}
	close(release)
	if got := <-first; got.status != http.StatusOK {
		t.Errorf("the first was answered %d %s", got.status, got.body)
	}
	go func() { <-entered }()
	if got := w.post(t, "new-message", message); got.status != http.StatusOK {
		t.Errorf("the place was not given back: %d %s", got.status, got.body)
	}
}

// inTime tries with longer and longer deadlines, until the machine is quick enough:
// an answer has two of them to be taken.
func inTime(t *testing.T, try func(t *testing.T, deadline time.Duration) error) {
	t.Helper()
	for deadline := 30 * time.Millisecond; ; deadline *= 2 {
		err := try(t, deadline)
		if err == nil {
			return
		}
		if deadline > 10*time.Second {
			t.Fatal(err)
		}
	}
}

// A body that does not arrive ends in an answer, and so does one that nobody
// wants to read.
func TestHandler_SlowBody(t *testing.T) {
	for label, c := range map[string]struct {
		secret string
		status int
		result string // as it is counted
	}{
		"right secret": {theSecret, http.StatusRequestTimeout, "timeout"},
		"wrong secret": {"guess", http.StatusUnauthorized, "unauthorized"},
	} {
		t.Run(label, func(t *testing.T) {
			inTime(t, func(t *testing.T, deadline time.Duration) error {
				o := open()
				o.BodyTimeout = deadline
				w := newWorld(t, o)
				conn, err := net.Dial("tcp", w.server.Listener.Addr().String())
				if err != nil {
					t.Fatal(err)
				}
				defer func() { _ = conn.Close() }()
				if _, err = fmt.Fprintf(conn, "POST /webhook/new-message HTTP/1.1\r\nHost: x\r\nAuthorization: %s\r\nContent-Length: 100\r\n\r\n{", c.secret); err != nil {
					t.Fatal(err)
				}
				in := bufio.NewReader(conn)
				status, err := answered(in)
				if err != nil {
					return err
				}
				if status != c.status {
					t.Errorf("answered %d", status)
				}
				if got := w.handler.Stats(); !reflect.DeepEqual(got, []webhook.Stat{{Endpoint: "new-message", Result: c.result, Count: 1}}) {
					t.Errorf("counted as %+v", got)
				}
				if _, err := in.ReadByte(); !errors.Is(err, io.EOF) && !errors.Is(err, syscall.ECONNRESET) {
					t.Errorf("the connection stays open: %v", err)
				}
				return nil
			})
		})
	}
}

// answered reads an answer.
func answered(in *bufio.Reader) (status int, err error) {
	resp, err := http.ReadResponse(in, nil)
	if err != nil {
		return 0, err
	}
	_, err = io.Copy(io.Discard, resp.Body)
	return resp.StatusCode, errors.Join(err, resp.Body.Close())
}

// The deadline of a body must not end a request that works on for longer, nor
// the next one on the same connection.
func TestHandler_DeadlineIsLifted(t *testing.T) {
	inTime(t, func(t *testing.T, deadline time.Duration) error {
		o := open()
		o.BodyTimeout = deadline
		w := newWorld(t, o)
		w.hook = func(context.Context) { time.Sleep(3 * deadline) } // the deadline itself is what has to pass
		conn, err := net.Dial("tcp", w.server.Listener.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = conn.Close() }()
		in := bufio.NewReader(conn)
		for range 2 {
			if _, err = fmt.Fprintf(conn, "POST /webhook/new-message HTTP/1.1\r\nHost: x\r\nAuthorization: %s\r\nContent-Length: %d\r\n\r\n%s", theSecret, len(message), message); err != nil {
				return err
			}
			status, err := answered(in)
			if err != nil {
				return err
			}
			if status != http.StatusOK {
				t.Fatalf("answered %d", status)
			}
		}
		return nil
	})
}

func TestHandler_Panic(t *testing.T) {
	w := newWorld(t, open())
	w.hook = func(context.Context) { panic("boom") }
	got := w.post(t, "new-message", message, "Idempotency-Key", "k")
	if code, _, _ := got.failure(t); got.status != 500 || code != "internal" || strings.Contains(got.body, "boom") {
		t.Errorf("answered %d %s", got.status, got.body)
	}
	w.mu.Lock()
	w.hook = nil
	w.mu.Unlock()
	if got := w.post(t, "new-message", message, "Idempotency-Key", "k"); got.status != http.StatusOK {
		t.Errorf("then answered %d %s", got.status, got.body)
	}
}

func TestHandler_Stats(t *testing.T) {
	w := newWorld(t, open())
	w.post(t, "new-message", message, "Idempotency-Key", "k")
	w.post(t, "new-message", message, "Idempotency-Key", "k")
	w.post(t, "new-message", `{}`)
	w.post(t, "nothing", `{}`)
	w.send(t, http.MethodPost, "/webhook/revoke", `{}`)
	want := []webhook.Stat{
		{Endpoint: "new-message", Result: "ok", Count: 1}, {Endpoint: "new-message", Result: "repeat", Count: 1},
		{Endpoint: "new-message", Result: "invalid_payload", Count: 1}, {Endpoint: "revoke", Result: "unauthorized", Count: 1},
		{Endpoint: "other", Result: "not_found", Count: 1},
	}
	if got := w.handler.Stats(); !reflect.DeepEqual(got, want) {
		t.Errorf("got %+v", got)
	}
}
