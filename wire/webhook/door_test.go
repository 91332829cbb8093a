package webhook_test

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"

	standardwebhooks "github.com/standard-webhooks/standard-webhooks/libraries/go"
	"pgregory.net/rapid"

	"github.com/corrillo/corrillo/wire/webhook"
)

const signingSecret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"

// signed makes the three headers with the official library.
func signed(t testing.TB, secret, id string, at time.Time, body string) []string {
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

// byHand signs as the text of Standard Webhooks v1.0.0 says, without a
// library.
func byHand(secret, id string, at time.Time, body string) string {
	key, err := base64.StdEncoding.DecodeString(strings.TrimPrefix(secret, "whsec_"))
	if err != nil {
		panic(err)
	}
	h := hmac.New(sha256.New, key)
	h.Write([]byte(id + "." + strconv.FormatInt(at.Unix(), 10) + "." + body))
	return "v1," + base64.StdEncoding.EncodeToString(h.Sum(nil))
}

func TestHandler_Authorization(t *testing.T) {
	cases := []struct {
		label   string
		secrets []string
		given   string
		status  int
	}{
		{"bearer", []string{"a"}, "Bearer a", 200},
		{"bearer in lower case", []string{"a"}, "bearer a", 200},
		{"bare", []string{"a"}, "a", 200},
		{"the older of two", []string{"new", "old"}, "Bearer old", 200},
		{"a secret with a space", []string{"a b"}, "a b", 200},
		{"none", []string{"a"}, "", 401},
		{"wrong", []string{"a"}, "Bearer b", 401},
		{"a beginning", []string{"ab"}, "a", 401},
		{"more", []string{"a"}, "ab", 401},
		{"scheme alone", []string{"a"}, "Bearer", 401},
		{"another scheme", []string{"a"}, "Basic a", 401},
		{"both secrets", []string{"a", "b"}, "a,b", 401},
	}
	for _, c := range cases {
		t.Run(c.label, func(t *testing.T) {
			w := newWorld(t, webhook.Options{Secrets: c.secrets})
			var headers []string
			if c.given != "" {
				headers = []string{"Authorization", c.given}
			}
			got := w.send(t, http.MethodPost, "/webhook/new-message", message, headers...)
			if got.status != c.status || len(w.taken()) != map[int]int{200: 1}[got.status] {
				t.Errorf("answered %d %s, asked for %v", got.status, got.body, w.taken())
			}
			if got.status == 401 && (got.header.Get("WWW-Authenticate") == "" || strings.Contains(got.body, c.secrets[0]+`"`)) {
				t.Errorf("answered %v %s", got.header, got.body)
			}
		})
	}
}

func TestHandler_NoSecret(t *testing.T) {
	w := newWorld(t, webhook.Options{})
	if w.handler.Open() {
		t.Error("open without a secret")
	}
	for _, e := range append(webhook.Endpoints(), "GET /webhook/else") {
		method, path, _ := strings.Cut(e, " ")
		got := w.send(t, method, path, `{}`, append(signed(t, signingSecret, "id", time.Now(), `{}`), "Authorization", "Bearer ")...)
		if code, sentence, _ := got.failure(t); got.status != 401 || code != "unauthorized" || !strings.Contains(sentence, "WEBHOOK_SECRET") {
			t.Errorf("%s: answered %d %s", e, got.status, got.body)
		}
	}
}

func TestHandler_Signature(t *testing.T) {
	const other = "whsec_b3RoZXIgc2VjcmV0IG9mIDMyIGJ5dGVzIGFuZCBtb3Jl"
	now := time.Now()
	with := func(headers []string, name, value string) []string {
		return append(append([]string(nil), headers...), name, value)
	}
	good := signed(t, signingSecret, "msg_1", now, message)
	cases := []struct {
		label    string
		headers  []string
		status   int
		sentence string
	}{
		{"good", good, 200, ""},
		{"beside a wrong secret", with(good, "Authorization", "Bearer wrong"), 200, ""},
		{"by the other secret", signed(t, other, "msg_1", now, message), 200, ""},
		{"one of several", with(good, "webhook-signature", "v1a,xyz v1,AAAA "+good[5]), 200, ""},
		{"by hand", with(good, "webhook-signature", byHand(signingSecret, "msg_1", now, message)), 200, ""},
		{"four minutes old", signed(t, signingSecret, "msg_1", now.Add(-4*time.Minute), message), 200, ""},
		{"six minutes old", signed(t, signingSecret, "msg_1", now.Add(-6*time.Minute), message), 401, "5 minutes"},
		{"six minutes early", signed(t, signingSecret, "msg_1", now.Add(6*time.Minute), message), 401, "5 minutes"},
		{"another body", signed(t, signingSecret, "msg_1", now, message+" "), 401, "no signature"},
		{"another id", with(good, "webhook-id", "msg_2"), 401, "no signature"},
		{"another time", with(good, "webhook-timestamp", strconv.FormatInt(now.Unix()-1, 10)), 401, "no signature"},
		{"another version", with(good, "webhook-signature", "v2"+good[5][2:]), 401, "no signature"},
		{"an unknown secret", signed(t, "whsec_dW5rbm93bg==", "msg_1", now, message), 401, "no signature"},
		{"no id", good[2:], 401, "needs webhook-id"},
		{"time in words", with(good, "webhook-timestamp", "now"), 401, "needs webhook-id"},
		{"no signature", good[:4], 401, "no secret in the Authorization header"},
	}
	for _, c := range cases {
		t.Run(c.label, func(t *testing.T) {
			w := newWorld(t, webhook.Options{SigningSecrets: []string{other, signingSecret}})
			got := w.send(t, http.MethodPost, "/webhook/new-message", message, c.headers...)
			if got.status != c.status || len(w.taken()) != map[int]int{200: 1}[got.status] {
				t.Errorf("answered %d %s", got.status, got.body)
			}
			if c.status != 200 && !strings.Contains(got.body, c.sentence) {
				t.Errorf("answered %s, want %q", got.body, c.sentence)
			}
		})
	}
	t.Run("only a shown secret is set", func(t *testing.T) {
		if got := newWorld(t, open()).send(t, http.MethodPost, "/webhook/new-message", message, good...); got.status != 401 {
			t.Errorf("answered %d %s", got.status, got.body)
		}
	})
	t.Run("one secret for both ways", func(t *testing.T) {
		w := newWorld(t, webhook.Options{Secrets: []string{signingSecret}})
		for _, headers := range [][]string{good, {"Authorization", signingSecret}} {
			if got := w.send(t, http.MethodPost, "/webhook/new-message", message, headers...); got.status != 200 {
				t.Errorf("answered %d %s", got.status, got.body)
			}
		}
	})
}

// Whatever is signed, by the official library or by the text of the standard,
// is accepted; with any one character changed it is not.
func TestHandler_Signature_Property(t *testing.T) {
	w := newWorld(t, webhook.Options{SigningSecrets: []string{signingSecret}})
	rapid.Check(t, func(rt *rapid.T) {
		body := `{"userId":"u","x":` + strconv.Quote(rapid.StringMatching(`[a-z0-9 .,é]{0,40}`).Draw(rt, "body")) + `}`
		id := rapid.StringMatching(`[A-Za-z0-9_]{1,30}`).Draw(rt, "id")
		at := time.Now().Add(time.Duration(rapid.IntRange(-290, 290).Draw(rt, "age")) * time.Second)
		headers := signed(t, signingSecret, id, at, body)
		if sum := byHand(signingSecret, id, at, body); sum != headers[5] {
			rt.Fatalf("the library signs %s, the standard %s", headers[5], sum)
		}
		if got := w.send(t, http.MethodPost, "/webhook/revoke", body, headers...); got.status != 200 && got.status != 409 {
			rt.Fatalf("answered %d %s", got.status, got.body)
		}
		i := rapid.IntRange(3, len(headers[5])-2).Draw(rt, "changed")
		forged := []byte(headers[5])
		if forged[i]++; forged[i] == 'z'+1 {
			forged[i] = 'a'
		}
		if got := w.send(t, http.MethodPost, "/webhook/revoke", body, append(headers, "webhook-signature", string(forged))...); got.status != 401 {
			rt.Fatalf("a forged signature was answered %d %s", got.status, got.body)
		}
	})
}

func TestNew_Refusals(t *testing.T) {
	for label, o := range map[string]webhook.Options{
		"empty secret":            {Secrets: []string{""}},
		"signing secret not b64":  {SigningSecrets: []string{"whsec_hush!hush"}},
		"empty signing secret":    {SigningSecrets: []string{"whsec_"}},
		"secret that cannot sign": {Secrets: []string{"whsec_hush!hush"}},
	} {
		if _, err := webhook.New(&recorder{}, o); err == nil || strings.Contains(err.Error(), "hush") {
			t.Errorf("%s: got %v", label, err)
		}
	}
}
