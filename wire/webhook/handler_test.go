package webhook_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"reflect"
	"strings"
	"testing"

	"go.uber.org/goleak"

	"github.com/corrillo/corrillo/wire"
	"github.com/corrillo/corrillo/wire/webhook"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const theSecret = "s3cret-of-the-back-end"

const message = `{"content":"hi","senderId":"u1","conversationId":"c1"}`

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
