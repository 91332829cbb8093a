package docs_test

import (
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/corrillo/corrillo/wire"
	"github.com/corrillo/corrillo/wire/admin"
	"github.com/corrillo/corrillo/wire/webhook"
)

const openAPI = "openapi.yaml"

// above answers everything, or fails everything with err.
type above struct{ err error }

func (a above) posted() (wire.Posted, error) {
	return wire.Posted{MessageID: "m1", ConversationID: "room-2", Seq: 1, Delivered: 1}, a.err
}

func (a above) PostMessage(context.Context, wire.InjectedMessage) (wire.Posted, error) {
	return a.posted()
}
func (a above) UpdateMessage(context.Context, string, string) (wire.Posted, error) {
	return a.posted()
}
func (a above) DeleteMessage(context.Context, string) (wire.Posted, error)    { return a.posted() }
func (a above) Emit(context.Context, wire.Emission) (int, error)              { return 2, a.err }
func (a above) ChangeMembership(context.Context, wire.MembershipChange) error { return a.err }
func (a above) Revoke(context.Context, string) (int, error)                   { return 1, a.err }
func (a above) Presence(context.Context, []string) (map[string]wire.PresenceStatus, error) {
	return map[string]wire.PresenceStatus{}, a.err
}

func hooks(t *testing.T, err error) http.Handler {
	t.Helper()
	h, refused := webhook.New(above{err}, webhook.Options{Secrets: []string{"s3cret"}})
	if refused != nil {
		t.Fatal(refused)
	}
	return h
}

func ask(h http.Handler, method, target, body string) (status int, answer []byte) {
	r := httptest.NewRequest(method, target, strings.NewReader(body))
	r.Header.Set("Authorization", "Bearer s3cret")
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	answer, _ = io.ReadAll(w.Result().Body) // a recorder's body does not fail
	return w.Code, answer
}

func TestOpenAPI_Endpoints(t *testing.T) {
	d := load(t, openAPI)
	var documented []string
	for path, methods := range d.object(t, "paths") {
		for method := range methods.(map[string]any) {
			documented = append(documented, strings.ToUpper(method)+" "+path)
		}
	}
	same(t, "endpoints", documented, append(webhook.Endpoints(), "GET /healthz", "GET /readyz"))
}

// response finds the schema of a 200.
func (d *document) response(t *testing.T, path, method string) string {
	t.Helper()
	r := d.object(t, "paths", path, method, "responses", "200")
	if r["$ref"] != nil {
		r = d.object(t, "components", "responses", refName(r))
	}
	return refName(r["content"].(map[string]any)["application/json"].(map[string]any)["schema"])
}

// Every example of a request is taken by the handler, and the answer fits.
func TestOpenAPI_Examples(t *testing.T) {
	d := load(t, openAPI)
	h := hooks(t, nil)
	for _, e := range webhook.Endpoints() {
		method, path, _ := strings.Cut(e, " ")
		if method == http.MethodGet {
			continue
		}
		content := d.object(t, "paths", path, "post", "requestBody", "content", "application/json")
		schema := content["schema"].(map[string]any)
		for label, example := range content["examples"].(map[string]any) {
			body, err := json.Marshal(example.(map[string]any)["value"])
			if err != nil {
				t.Fatal(err)
			}
			switch {
			case schema["$ref"] != nil:
				d.fits(t, refName(schema), body)
			case label == "wrapped":
				d.fits(t, "WrappedMessage", body)
			default:
				d.fits(t, "NewMessage", body)
			}
			status, answer := ask(h, method, path, string(body))
			if status != http.StatusOK {
				t.Errorf("%s %s: %d %s", path, label, status, answer)
				continue
			}
			d.fits(t, d.response(t, path, "post"), answer)
		}
	}
	status, answer := ask(h, http.MethodGet, "/webhook/presence?userId=ann", "")
	if status != http.StatusOK {
		t.Fatalf("presence: %d %s", status, answer)
	}
	d.fits(t, d.response(t, "/webhook/presence", "get"), answer)
}

// A body that a schema refuses, the handler refuses.
func TestOpenAPI_Refusals(t *testing.T) {
	d := load(t, openAPI)
	h := hooks(t, nil)
	for schema, c := range map[string]struct {
		path   string
		bodies []string
	}{
		"NewMessage":       {"new-message", []string{`{}`, `{"senderId":"a","content":"x"}`, `{"senderId":"a","conversationId":"c","content":1}`, `{"senderId":"a","conversationId":"c","content":"x","createdAt":"noon"}`}},
		"MessageUpdate":    {"message-updated", []string{`{"messageId":"m"}`, `{"content":"x"}`}},
		"MessageDeletion":  {"message-deleted", []string{`{}`, `{"messageId":""}`}},
		"Emission":         {"emit", []string{`{}`, `{"event":"x"}`, `{"event":"x","conversationId":"c","userId":"u"}`, `{"event":"","userId":"u"}`}},
		"Notification":     {"notification", []string{`{}`, `{"event":"x","userId":"u"}`}},
		"MembershipChange": {"membership", []string{`{"conversationId":"c"}`, `{"add":["a"]}`, `{"conversationId":"c","add":"a"}`}},
		"Revocation":       {"revoke", []string{`{}`, `{"userId":[]}`}},
	} {
		for _, body := range c.bodies {
			var value any
			if err := json.Unmarshal([]byte(body), &value); err != nil {
				t.Fatal(err)
			}
			if d.schema(t, schema).Validate(value) == nil {
				t.Errorf("%s takes %s", schema, body)
			}
			status, answer := ask(h, http.MethodPost, webhook.Prefix+c.path, body)
			if status != http.StatusBadRequest {
				t.Errorf("%s %s: %d %s", c.path, body, status, answer)
			}
			d.fits(t, "Failure", answer)
		}
	}
}

// Every code has its status in the description of failures, and its answer
// fits.
func TestOpenAPI_Failures(t *testing.T) {
	d := load(t, openAPI)
	description := d.at(t, "components", "responses", "Failure", "description").(string)
	atConnection := []wire.Code{wire.CodeNotIdentified, wire.CodeTokenExpired} // no back end meets them
	for _, code := range wire.Codes() {
		status, answer := ask(hooks(t, wire.Errorf(code, "because")), http.MethodPost, "/webhook/revoke", `{"userId":"a"}`)
		if want, _ := webhook.Status(code); status != want {
			t.Errorf("%s: %d", code, status)
		}
		d.fits(t, "Failure", answer)
		if slices.Contains(atConnection, code) {
			continue
		}
		before, _, found := strings.Cut(description, "`"+string(code)+"`")
		if !found || !strings.Contains(before, strconv.Itoa(status)+" ") {
			t.Errorf("the description lacks %d `%s`", status, code)
		}
	}
}

func TestOpenAPI_Bounds(t *testing.T) {
	d := load(t, openAPI)
	bound := func(want int, path ...string) {
		t.Helper()
		if got := d.at(t, path...).(json.Number).String(); got != strconv.Itoa(want) {
			t.Errorf("%s is %s, in the code %d", strings.Join(path, " "), got, want)
		}
	}
	bound(wire.MaxEmissionUsers, "components", "schemas", "Emission", "properties", "userIds", "maxItems")
	bound(wire.MaxEmissionUsers, "components", "schemas", "Notification", "properties", "userIds", "maxItems")
	bound(wire.MaxMembershipChanges, "components", "schemas", "MembershipChange", "properties", "add", "maxItems")
	bound(wire.MaxMembershipChanges, "components", "schemas", "MembershipChange", "properties", "remove", "maxItems")
	bound(wire.MaxIDLength, "components", "schemas", "NewMessage", "properties", "type", "maxLength")
	userID := d.at(t, "paths", "/webhook/presence", "get", "parameters").([]any)[0].(map[string]any)
	if got := userID["schema"].(map[string]any)["maxItems"].(json.Number).String(); got != strconv.Itoa(wire.MaxPresenceUsers) {
		t.Errorf("%s users in presence, in the code %d", got, wire.MaxPresenceUsers)
	}
}

func TestOpenAPI_Health(t *testing.T) {
	d := load(t, openAPI)
	h := admin.NewHealth(admin.HealthOptions{What: "store"})
	_, answer := ask(http.HandlerFunc(h.Live), http.MethodGet, "/healthz", "")
	d.fits(t, d.response(t, "/healthz", "get"), answer)
	if status, answer := ask(http.HandlerFunc(h.Readiness), http.MethodGet, "/readyz", ""); status != http.StatusServiceUnavailable {
		t.Errorf("not ready: %d", status)
	} else {
		d.fits(t, "NotReady", answer)
	}
	h.Ready()
	_, answer = ask(http.HandlerFunc(h.Readiness), http.MethodGet, "/readyz", "")
	d.fits(t, d.response(t, "/readyz", "get"), answer)
}
