package webhook_test

import (
	"bytes"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"net/url"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/corrillo/corrillo/wire"
	"github.com/corrillo/corrillo/wire/webhook"
)

// FuzzHandler: a body that is taken makes one call, of what encoding/json
// reads in it, and one that is refused makes none; every answer is JSON of one
// of two shapes, with the status of its code; a repeat under the same key gets
// the same answer and makes no call; and nothing happens without the secret.
func FuzzHandler(f *testing.F) {
	for i, body := range []string{
		message, `{"messageId":"m1","content":"new"}`, `{"messageId":7}`, `{"event":"poll","userIds":["a",2,"a"],"userId":"b","x":{"y":1}}`, `{"conversationId":"c","title":"T","data":null}`,
		`{"conversationId":"c","add":["a",1],"remove":["b"]}`, `{"userId":"a"}`, ``,
	} {
		for _, b := range []string{body, `{"message":` + body + `,"senderId":"u9","conversationId":"c9"}`, strings.Replace(body, ":", `:null,"\u0063ontent":`, 1), `[` + body + `]`} {
			f.Add(uint8(i), []byte(b), "userId=a&userId=%62&userId=a", "key")
		}
	}
	f.Add(uint8(0), []byte(`{"message":{"content":"","senderId":"a"},"receiverId":"b","type":"x","content":null}`), "", "")
	f.Add(uint8(7), []byte(nil), "userId=%00&userId=%zz;x", "")
	f.Fuzz(func(t *testing.T, endpoint uint8, body []byte, query, key string) {
		w := &recorder{}
		h, err := webhook.New(w, open())
		if err != nil {
			t.Fatal(err)
		}
		all := webhook.Endpoints()
		method, path, _ := strings.Cut(all[int(endpoint)%len(all)], " ")
		ask := func(secret string) *httptest.ResponseRecorder {
			r := httptest.NewRequest(method, path, bytes.NewReader(body))
			r.URL.RawQuery = query
			r.Header = http.Header{"Authorization": {secret}, "Idempotency-Key": {key}}
			got := httptest.NewRecorder()
			h.ServeHTTP(got, r)
			checkAnswer(t, got)
			return got
		}
		if got := ask("Bearer " + theSecret + "x"); got.Code != http.StatusUnauthorized || len(w.taken()) > 0 {
			t.Fatalf("without the secret: %d, %v", got.Code, w.taken())
		}
		first := ask(theSecret)
		calls := w.taken()
		if want := map[bool]int{true: 1}[first.Code == http.StatusOK]; len(calls) != want {
			t.Fatalf("%s %s: %d, and %d calls", path, body, first.Code, len(calls))
		}
		if first.Code != http.StatusOK {
			return
		}
		if method == http.MethodGet {
			q, _ := url.ParseQuery(query) // as far as it is one
			if asked, ok := calls[0].([]string); !ok || !reflect.DeepEqual(distinct(asked), distinct(q["userId"])) {
				t.Fatalf("%q asks for %v", query, calls[0])
			}
			return
		}
		checkCall(t, body, key, calls[0])
		if key == "" {
			return
		}
		if again := ask(theSecret); again.Code != first.Code || again.Body.String() != first.Body.String() || again.Header().Get("Idempotency-Replayed") != "true" || len(w.taken()) != 1 {
			t.Fatalf("the repeat is answered %d %s", again.Code, again.Body)
		}
		body = append(bytes.Clone(body), ' ')
		if other := ask(theSecret); len(body) <= webhook.MaxBody && other.Code != http.StatusConflict || len(w.taken()) != 1 {
			t.Fatalf("another body under the same key is answered %d %s", other.Code, other.Body)
		}
	})
}

// checkAnswer: a 200 is an object, all else {"error": {code, message,
// retryable}} with the status of the code.
func checkAnswer(t *testing.T, got *httptest.ResponseRecorder) {
	t.Helper()
	var object map[string]json.RawMessage
	if err := json.Unmarshal(got.Body.Bytes(), &object); err != nil || object == nil {
		t.Fatalf("%d %q: %v", got.Code, got.Body, err)
	}
	if got.Code == http.StatusOK {
		return
	}
	var e struct {
		Code      wire.Code
		Message   string
		Retryable *bool
	}
	if err := json.Unmarshal(object["error"], &e); err != nil || len(object) != 1 || e.Message == "" || e.Retryable == nil {
		t.Fatalf("%d %q: %v", got.Code, got.Body, err)
	}
	if status, _ := webhook.Status(e.Code); status != got.Code || *e.Retryable != e.Code.Retryable() {
		t.Fatalf("%s has the status %d", got.Body, got.Code)
	}
}

// fields are the members of an object as encoding/json reads them.
type fields map[string]json.RawMessage

// text is a string, or an integer's digits; "" when there is none.
func (f fields) text(t *testing.T, name string) string {
	t.Helper()
	raw := f[name]
	if len(raw) == 0 || string(raw) == "null" {
		return ""
	}
	return idText(t, raw)
}

func idText(t *testing.T, raw json.RawMessage) string {
	t.Helper()
	var s string
	if raw[0] != '"' {
		if string(raw) == "-0" {
			return "0"
		}
		return string(raw)
	}
	if err := json.Unmarshal(raw, &s); err != nil {
		t.Fatalf("%s: %v", raw, err)
	}
	return s
}

func (f fields) has(name string) bool { return len(f[name]) > 0 && string(f[name]) != "null" }

func (f fields) raw(name string) json.RawMessage {
	if f.has(name) {
		return f[name]
	}
	return nil
}

func (f fields) ids(t *testing.T, name string) (ids []string) {
	t.Helper()
	var list []json.RawMessage
	if f.has(name) {
		if err := json.Unmarshal(f[name], &list); err != nil {
			t.Fatalf("%s: %s: %v", name, f[name], err)
		}
	}
	for _, raw := range list {
		ids = append(ids, idText(t, raw))
	}
	return distinct(ids)
}

func distinct(ids []string) (kept []string) {
	for _, id := range ids {
		if !slices.Contains(kept, id) {
			kept = append(kept, id)
		}
	}
	return kept
}

// checkCall holds what a body has caused against its members.
func checkCall(t *testing.T, body []byte, key string, call any) {
	t.Helper()
	var f fields
	if err := json.Unmarshal(body, &f); err != nil {
		t.Fatalf("%s is taken: %v", body, err)
	}
	same := func(what string, got, want any) {
		t.Helper()
		if !reflect.DeepEqual(got, want) {
			t.Fatalf("%s of %s: got %q, encoding/json %q", what, body, got, want)
		}
	}
	switch c := call.(type) {
	case wire.InjectedMessage:
		m := f.unwrapped(t)
		same("content", c.Content, m.text(t, "content"))
		same("senderId", c.SenderID, m.text(t, "senderId"))
		same("conversationId", c.ConversationID, m.text(t, "conversationId"))
		same("receiverId", c.ReceiverID, m.text(t, "receiverId"))
		same("metadata", c.Metadata, m.raw("metadata"))
		same("replyTo", c.ReplyTo, m.raw("replyTo"))
		if id := m.text(t, "id"); id != "" || key == "" {
			same("id", c.ID, id)
			same("mirrored", c.Mirrored, id != "")
		} else if !wire.ValidID(c.ID) || c.Mirrored {
			t.Fatalf("under the key %q: %+v", key, c)
		}
	case changed:
		same("messageId", c.id, f.text(t, "messageId"))
		if !c.deleted {
			same("content", c.content, f.text(t, "content"))
		}
	case wire.Emission:
		same("conversationId", c.ConversationID, f.text(t, "conversationId"))
		ids := f.ids(t, "userIds")
		if id := f.text(t, "userId"); id != "" {
			ids = distinct(append(ids, id))
		}
		same("userIds", distinct(c.UserIDs), ids)
		if name := f.text(t, "event"); name != "" {
			same("event", c.Event, name)
		} else {
			same("event", c.Event, wire.EventNotification)
		}
		if f.has("data") {
			same("data", c.Data, f["data"])
			return
		}
		var rest fields
		if err := json.Unmarshal(c.Data, &rest); err != nil {
			t.Fatalf("data %s: %v", c.Data, err)
		}
		for _, name := range []string{"event", "data", "userId", "userIds", "conversationId"} {
			delete(f, name)
		}
		same("data", rest, f)
	case wire.MembershipChange:
		same("conversationId", c.ConversationID, f.text(t, "conversationId"))
		same("add", distinct(c.Add), f.ids(t, "add"))
		same("remove", distinct(c.Remove), f.ids(t, "remove"))
	case string:
		same("userId", c, f.text(t, "userId"))
	default:
		t.Fatalf("%s calls %T", body, call)
	}
}

// unwrapped is the message of {"message": {...}}, with address and sender of
// what is around it where it has none.
func (f fields) unwrapped(t *testing.T) fields {
	t.Helper()
	var inner fields
	if f.has("content") || !f.has("message") || f["message"][0] != '{' {
		return f
	}
	if err := json.Unmarshal(f["message"], &inner); err != nil {
		t.Fatal(err)
	}
	names := []string{"senderId", "senderName"}
	if !inner.has("conversationId") && !inner.has("receiverId") {
		names = append(names, "conversationId", "receiverId")
	}
	for _, name := range names {
		if !inner.has(name) {
			inner[name] = f[name]
		}
	}
	return inner
}
