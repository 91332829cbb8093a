package webhook_test

import (
	"context"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/corrillo/corrillo/wire"
	"github.com/corrillo/corrillo/wire/webhook"
)

func TestHandler_Repeat(t *testing.T) {
	for _, header := range []string{"Idempotency-Key", "webhook-id"} {
		t.Run(header, func(t *testing.T) {
			w := newWorld(t, open())
			first := w.post(t, "new-message", message, header, "k1")
			again := w.post(t, "new-message", message, header, "k1")
			if first.status != 200 || again.status != 200 || first.body != again.body || len(w.taken()) != 1 {
				t.Fatalf("answered %+v and %+v for %d calls", first, again, len(w.taken()))
			}
			if first.header.Get("Idempotency-Replayed") != "" || again.header.Get("Idempotency-Replayed") != "true" {
				t.Error("a repeat does not say that it is one, or the first does")
			}
			other := w.post(t, "new-message", strings.Replace(message, "hi", "ho", 1), header, "k1")
			if code, _, _ := other.failure(t); other.status != 409 || code != "conflict" || len(w.taken()) != 1 {
				t.Errorf("another body was answered %d %s", other.status, other.body)
			}
			if got := w.post(t, "revoke", `{"userId":"a"}`, header, "k1"); got.status != 200 || len(w.taken()) != 2 {
				t.Errorf("the same key at another endpoint was answered %d %s", got.status, got.body)
			}
			w.post(t, "new-message", message, header, "k2")
			w.post(t, "new-message", message)
			w.post(t, "new-message", message)
			if n := len(w.taken()); n != 5 {
				t.Errorf("%d calls: another key or none is no repeat", n)
			}
		})
	}
	t.Run("key too long", func(t *testing.T) {
		if got := newWorld(t, open()).post(t, "revoke", `{"userId":"a"}`, "Idempotency-Key", strings.Repeat("k", 256)); got.status != 400 || !strings.Contains(got.body, "Idempotency-Key: ") {
			t.Errorf("answered %d %s", got.status, got.body)
		}
	})
}

// Who recorded a signed request cannot make it happen twice, nor at another
// endpoint: what is not signed does not count.
func TestHandler_Repeat_Signed(t *testing.T) {
	const body = `{"messageId":"m1","content":"new"}`
	w := newWorld(t, webhook.Options{SigningSecrets: []string{signingSecret}})
	recorded := signed(t, signingSecret, "msg_1", time.Now(), body)
	send := func(endpoint string, more ...string) response {
		return w.send(t, http.MethodPost, "/webhook/"+endpoint, body, append(append([]string(nil), recorded...), more...)...)
	}
	if got := send("message-updated"); got.status != 200 {
		t.Fatalf("answered %d %s", got.status, got.body)
	}
	if got := send("message-updated", "Idempotency-Key", "fresh"); got.status != 200 || got.header.Get("Idempotency-Replayed") != "true" {
		t.Errorf("under another key: answered %d %s", got.status, got.body)
	}
	if got := send("message-deleted"); got.status != 409 {
		t.Errorf("at another endpoint: answered %d %s", got.status, got.body)
	}
	if n := len(w.taken()); n != 1 {
		t.Errorf("%d calls", n)
	}
}

// The query of a question is not signed either.
func TestHandler_Repeat_SignedQuestion(t *testing.T) {
	w := newWorld(t, webhook.Options{SigningSecrets: []string{signingSecret}, Secrets: []string{theSecret}})
	recorded := signed(t, signingSecret, "msg_1", time.Now(), "")
	ask := func(query string, headers ...string) response {
		return w.send(t, http.MethodGet, "/webhook/presence?"+query, "", headers...)
	}
	first := ask("userId=a", recorded...)
	again := ask("userId=a", recorded...)
	if first.status != 200 || again.body != first.body || again.header.Get("Idempotency-Replayed") != "true" {
		t.Errorf("answered %+v and %+v", first, again)
	}
	if got := ask("userId=b", recorded...); got.status != 409 {
		t.Errorf("about another user: answered %d %s", got.status, got.body)
	}
	// Who shows the secret may ask what and how often it likes.
	for _, query := range []string{"userId=a", "userId=b"} {
		if got := ask(query, "Authorization", theSecret, "Idempotency-Key", "k"); got.status != 200 || got.header.Get("Idempotency-Replayed") != "" {
			t.Errorf("answered %d %s", got.status, got.body)
		}
	}
	if n := len(w.taken()); n != 3 {
		t.Errorf("%d calls", n)
	}
}

// A failure had no effect, or an unknown one: the same request may be sent
// again, and the message keeps its id.
func TestHandler_Repeat_AfterFailure(t *testing.T) {
	w := newWorld(t, open())
	w.fail(wire.Errorf(wire.CodeUnavailable, "away"))
	if got := w.post(t, "new-message", message, "Idempotency-Key", "k"); got.status != 503 {
		t.Fatalf("answered %d %s", got.status, got.body)
	}
	w.fail(nil)
	if got := w.post(t, "new-message", message, "Idempotency-Key", "k"); got.status != 200 {
		t.Fatalf("answered %d %s", got.status, got.body)
	}
	calls := w.taken()
	if len(calls) != 2 || calls[0].(wire.InjectedMessage).ID != calls[1].(wire.InjectedMessage).ID {
		t.Errorf("asked for %+v", calls)
	}
}

// The id of a message under a key is the same in every process, so that the
// store finds a repeat that this process never saw.
func TestHandler_MessageID(t *testing.T) {
	id := func(body string, headers ...string) wire.InjectedMessage {
		w := newWorld(t, open())
		if got := w.post(t, "new-message", body, headers...); got.status != 200 {
			t.Fatalf("answered %d %s", got.status, got.body)
		}
		return w.taken()[0].(wire.InjectedMessage)
	}
	first := id(message, "Idempotency-Key", "k1")
	if again := id(message, "webhook-id", "k1"); first.ID != again.ID {
		t.Errorf("%s and then %s", first.ID, again.ID)
	}
	if first.ID != "f17c98d9-20eb-8a54-8a76-3dfdd4713dbc" {
		t.Errorf("the derivation has changed: %s", first.ID)
	}
	if u, err := uuid.Parse(first.ID); err != nil || u.Version() != 8 || u.Variant() != uuid.RFC4122 {
		t.Errorf("%s is no UUIDv8: %v", first.ID, err)
	}
	if first.Mirrored {
		t.Error("a derived id counts as the back end's own")
	}
	if other := id(message, "Idempotency-Key", "k2"); other.ID == first.ID {
		t.Error("two keys give one id")
	}
	if own := id(`{"id":"m9",`+message[1:], "Idempotency-Key", "k1"); own.ID != "m9" || !own.Mirrored {
		t.Errorf("the back end's own id became %q, mirrored %v", own.ID, own.Mirrored)
	}
	if none := id(message); none.ID != "" || none.Mirrored {
		t.Errorf("without a key the id is %q", none.ID)
	}
}

func TestHandler_Repeat_Bounds(t *testing.T) {
	var mu sync.Mutex
	now := time.Now()
	o := open()
	o.Remember, o.RememberFor = 2, time.Hour
	o.Now = func() time.Time { mu.Lock(); defer mu.Unlock(); return now }
	w := newWorld(t, o)
	post := func(key string) bool {
		return w.post(t, "new-message", message, "Idempotency-Key", key).header.Get("Idempotency-Replayed") == "true"
	}
	for _, key := range []string{"a", "b", "c"} {
		post(key)
	}
	if post("a") {
		t.Error("more is remembered than the bound allows")
	}
	if now, forgotten := w.handler.Remembered(); now != 2 || forgotten != 2 {
		t.Errorf("%d remembered and %d forgotten, want 2 and 2", now, forgotten)
	}
	if !post("c") {
		t.Error("less is remembered than the bound allows")
	}
	mu.Lock()
	now = now.Add(time.Hour)
	mu.Unlock()
	if post("c") {
		t.Error("an answer is remembered for too long")
	}
}

// Repeats of a request that is under way wait for its answer; they do not
// make it happen again, and it goes on when its own client has hung up.
func TestHandler_Repeat_UnderWay(t *testing.T) {
	w := newWorld(t, open())
	entered, release := make(chan struct{}), make(chan struct{})
	var cancelled bool
	w.hook = func(ctx context.Context) {
		close(entered)
		<-release
		cancelled = ctx.Err() != nil
	}
	ctx, hangUp := context.WithCancel(t.Context())
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, w.server.URL+"/webhook/new-message", strings.NewReader(message))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Authorization", theSecret)
	req.Header.Set("Idempotency-Key", "k")
	gone := make(chan struct{})
	go func() {
		defer close(gone)
		if resp, err := w.server.Client().Do(req); err == nil {
			_ = resp.Body.Close()
			t.Error("the first client got an answer after it had hung up")
		}
	}()
	<-entered
	hangUp()
	<-gone
	if got := w.post(t, "new-message", strings.Replace(message, "hi", "ho", 1), "Idempotency-Key", "k"); got.status != 409 {
		t.Errorf("another body was answered %d %s", got.status, got.body)
	}
	const waiting = 5
	answers := make(chan response, waiting)
	for range waiting {
		go func() { answers <- w.post(t, "new-message", message, "Idempotency-Key", "k") }()
	}
	close(release)
	for range waiting {
		if got := <-answers; got.status != 200 || got.header.Get("Idempotency-Replayed") != "true" {
			t.Errorf("answered %d %s", got.status, got.body)
		}
	}
	if cancelled || len(w.taken()) != 1 {
		t.Errorf("%d calls, cancelled %v", len(w.taken()), cancelled)
	}
}
