package main

import (
	"encoding/json"
	"io"
	"net/http"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	standardwebhooks "github.com/standard-webhooks/standard-webhooks/libraries/go"

	"github.com/corrillo/corrillo/wire"
	"github.com/corrillo/corrillo/wire/webhook"
)

// call is a request of a back end that does something, or tells something.
type call struct {
	method, endpoint string
	query            string
	body             object
}

// calls has every endpoint once, in an order in which each can do its work.
func (f *fortress) calls() []call {
	return []call{
		{"POST", "new-message", "", object{"conversationId": "room", "senderId": "ann", "content": "from the site"}},
		{"POST", "message-updated", "", object{"messageId": f.roomMsg, "content": "mended"}},
		{"POST", "message-deleted", "", object{"messageId": f.bobMsg}},
		{"POST", "emit", "", object{"event": "poll_opened", "conversationId": "room", "data": object{"question": "Tea?"}}},
		{"POST", "notification", "", object{"userId": "ann", "title": "Hello"}},
		{"GET", "presence", "userId=ann&userId=bob", nil},
		{"POST", "membership", "", object{"conversationId": "room", "add": []string{"carl"}, "remove": []string{"late"}}},
		{"POST", "revoke", "", object{"userId": "revoked"}},
	}
}

func (c call) text(t *testing.T) string {
	t.Helper()
	if c.body == nil {
		return ""
	}
	text, err := json.Marshal(c.body)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// knock makes a request; headers are name, value, name, value...
func (f *fortress) knock(c call, body string, headers ...string) (status int, code wire.Code, header http.Header) {
	f.t.Helper()
	req, err := http.NewRequestWithContext(f.t.Context(), c.method, f.url+"/webhook/"+c.endpoint+"?"+c.query, strings.NewReader(body))
	if err != nil {
		f.t.Fatal(err)
	}
	for i := 0; i < len(headers); i += 2 {
		req.Header.Set(headers[i], headers[i+1])
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		f.t.Fatal(err)
	}
	defer func() { _ = res.Body.Close() }()
	text, err := io.ReadAll(res.Body)
	if err != nil {
		f.t.Fatal(err)
	}
	var answer struct{ Error struct{ Code wire.Code } }
	if err := json.Unmarshal(text, &answer); err != nil {
		f.t.Fatalf("%s: %s: %v", c.endpoint, text, err)
	}
	return res.StatusCode, answer.Error.Code, res.Header
}

// signed makes the headers of Standard Webhooks.
func signed(t *testing.T, secret, id string, at time.Time, body string) []string {
	t.Helper()
	signer, err := standardwebhooks.NewWebhook(secret)
	if err != nil {
		t.Fatal(err)
	}
	sum, err := signer.Sign(id, at, []byte(body))
	if err != nil {
		t.Fatal(err)
	}
	return []string{"webhook-id", id, "webhook-timestamp", strconv.FormatInt(at.Unix(), 10), "webhook-signature", sum}
}

const (
	signingSecret  = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
	otherSigning   = "whsec_b3RoZXIgc2VjcmV0IG9mIDMyIGJ5dGVzIGFuZCBtb3Jl"
	rotatedIn      = "the secret that came after hook"
	rotatedSecrets = "WEBHOOK_SECRET=" + rotatedIn
)

// TestAuthz_Webhook tries every endpoint with what proves nothing: it is
// refused, nothing is stored and nobody hears of it. What a back end has
// signed happens once, however often it is heard and wherever it is sent.
func TestAuthz_Webhook(t *testing.T) {
	t.Parallel()
	f := build(t, "members")
	// "hook" was the secret, and is no more.
	f.stop()
	f.env = []string{f.env[0], rotatedSecrets, "CORRILLO_WEBHOOK_SIGNING_SECRETS=" + signingSecret}
	f.testServer = serve(t, f.dir, true, f.env, f.args...)
	f.watch()
	hasEveryEndpoint(t, f.calls())

	before := f.stored()
	now, token := time.Now(), f.token("ann")
	for _, c := range f.calls() {
		body := c.text(t)
		for proof, headers := range map[string][]string{
			"none":                       nil,
			"an empty one":               {"Authorization", "Bearer "},
			"a wrong one":                {"Authorization", "Bearer guess"},
			"the one rotated out":        {"Authorization", "Bearer hook"},
			"a user's token":             {"Authorization", "Bearer " + token},
			"a signature of another":     signed(t, otherSigning, "id", now, body),
			"one of another body":        signed(t, signingSecret, "id", now, body+" "),
			"one that is old":            signed(t, signingSecret, "id", now.Add(-6*time.Minute), body),
			"one from the future":        signed(t, signingSecret, "id", now.Add(6*time.Minute), body),
			"one without its id":         signed(t, signingSecret, "id", now, body)[2:],
			"a signing secret by itself": {"Authorization", "Bearer " + signingSecret},
		} {
			if status, code, _ := f.knock(c, body, headers...); status != http.StatusUnauthorized || code != wire.CodeUnauthorized {
				t.Errorf("%s with proof: %s: %d %s", c.endpoint, proof, status, code)
			}
		}
	}
	f.nothingHappened(before)

	// Each of them does something when it is proven, so that what was refused
	// was no nonsense.
	recorded := map[string][]string{}
	for _, c := range f.calls() {
		body := c.text(t)
		recorded[c.endpoint] = signed(t, signingSecret, "msg_"+c.endpoint, time.Now(), body)
		status, code, header := f.knock(c, body, recorded[c.endpoint]...)
		if status != http.StatusOK || header.Get("Idempotency-Replayed") != "" {
			t.Errorf("%s: %d %s", c.endpoint, status, code)
		}
	}
	f.listener.until(t, "Hello")
	f.settle()
	if f.stored() == before {
		t.Error("nothing was stored of what is good")
	}

	before = f.stored()
	for _, c := range f.calls() {
		body := c.text(t)
		for _, other := range f.calls() {
			status, code, header := f.knock(call{other.method, other.endpoint, other.query, nil}, body, recorded[c.endpoint]...)
			again := status == http.StatusOK && header.Get("Idempotency-Replayed") == "true"
			elsewhere := status == http.StatusConflict && code == wire.CodeConflict
			if own := c.endpoint == other.endpoint; own && !again || !own && !elsewhere {
				t.Errorf("%s, recorded and sent to %s: %d %s", c.endpoint, other.endpoint, status, code)
			}
		}
	}
	f.nothingHappened(before)
	status, code, _ := f.knock(call{method: "GET", endpoint: "presence", query: "userId=carl"}, "", recorded["presence"]...)
	if status != http.StatusConflict {
		t.Errorf("a recorded question, asked about another user: %d %s", status, code)
	}
}

var endpointPath = regexp.MustCompile(`/webhook/[a-z-]+`)

// hasEveryEndpoint fails when the protocol has an endpoint that is not called.
func hasEveryEndpoint(t *testing.T, calls []call) {
	t.Helper()
	var paths []string
	for line := range strings.Lines(protocol(t)) {
		if strings.HasPrefix(line, "### ") {
			paths = append(paths, endpointPath.FindAllString(line, -1)...)
		}
	}
	if len(paths) == 0 {
		t.Fatal("docs/PROTOCOL.md has no endpoints")
	}
	for _, e := range webhook.Endpoints() {
		_, path, _ := strings.Cut(e, " ")
		paths = append(paths, path)
	}
	for _, path := range paths {
		if !slices.ContainsFunc(calls, func(c call) bool { return "/webhook/"+c.endpoint == path }) {
			t.Errorf("nobody calls %s", path)
		}
	}
}
