package webhook_test

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/corrillo/corrillo/wire"
	"github.com/corrillo/corrillo/wire/webhook"
)

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

func wantMessage() wire.InjectedMessage {
	return wire.InjectedMessage{SenderID: "u1", SendMessage: wire.SendMessage{
		Address: wire.Address{ConversationID: "c1"}, SenderID: "u1", Content: "hi", Type: "text",
	}}
}
