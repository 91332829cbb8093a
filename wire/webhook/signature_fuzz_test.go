package webhook_test

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"net/http"
	"net/http/httptest"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/corrillo/corrillo/wire/webhook"
)

// verifies is the text of Standard Webhooks v1.0.0 once more: one of the
// signatures is the HMAC of id, timestamp and body, and the time is within
// five minutes. sure is false where the time is too near to a bound.
func verifies(id, timestamp, signatures, body string) (good, sure bool) {
	at, err := strconv.ParseInt(timestamp, 10, 64)
	if err != nil || id == "" {
		return false, true
	}
	key, err := base64.StdEncoding.DecodeString(strings.TrimPrefix(signingSecret, "whsec_"))
	if err != nil {
		panic(err)
	}
	mac := hmac.New(sha256.New, key)
	mac.Write([]byte(id + "." + strconv.FormatInt(at, 10) + "." + body))
	signed := slices.ContainsFunc(strings.Split(signatures, " "), func(s string) bool {
		version, rest, _ := strings.Cut(s, ",")
		text, _, _ := strings.Cut(rest, ",")
		sum, err := base64.StdEncoding.Strict().DecodeString(text)
		return version == "v1" && err == nil && !strings.ContainsAny(text, "\r\n") && hmac.Equal(sum, mac.Sum(nil))
	})
	age := time.Now().Unix() - at
	if age < 0 {
		age = -age
	}
	return signed && age < 300, age < 295 || age > 305
}

// FuzzSignature signs a request by hand, among other signatures: it is let in
// exactly when it is in time, to whatever endpoint; and with one byte of its
// id, its time, its signature or its body changed it is not.
func FuzzSignature(f *testing.F) {
	f.Add("msg_1", `{"userId":"a"}`, int64(0), "", "", uint8(6), uint16(3), byte('x'))
	f.Add("msg.1795574070", message, int64(-280), "v1a,xyz v1,AAAA", "v2,", uint8(0), uint16(200), byte('0'))
	f.Add("a b,é", "", int64(400), "v1", ",", uint8(7), uint16(40), byte('+'))
	f.Add("m", "\x00\xff", int64(-400), " ", "  ", uint8(9), uint16(13), byte('.'))
	f.Fuzz(func(t *testing.T, id, body string, skew int64, before, after string, endpoint uint8, at uint16, to byte) {
		if len(body) > webhook.MaxBody {
			return
		}
		at64 := time.Now().Unix() + max(-1<<32, min(skew, 1<<32))
		timestamp := strconv.FormatInt(at64, 10)
		sum := byHand(signingSecret, id, time.Unix(at64, 0), body)
		around := func(sum string) string { return before + " " + sum + " " + after }
		let := func(id, timestamp, signatures, body string) bool {
			h, err := webhook.New(&recorder{}, webhook.Options{SigningSecrets: []string{signingSecret}})
			if err != nil {
				t.Fatal(err)
			}
			return serve(t, h, endpoint, body, http.Header{"Webhook-Id": {id}, "Webhook-Timestamp": {timestamp}, "Webhook-Signature": {signatures}}) != http.StatusUnauthorized
		}
		if good, sure := verifies(id, timestamp, around(sum), body); sure && good != let(id, timestamp, around(sum), body) {
			t.Fatalf("id %q at %s, signed %q: good %v", id, timestamp, around(sum), good)
		}
		for _, change := range []func(i int) (string, string, string, string){
			func(i int) (string, string, string, string) { return altered(id, i, to), timestamp, sum, body },
			func(i int) (string, string, string, string) { return id, altered(timestamp, i, to), sum, body },
			func(i int) (string, string, string, string) { return id, timestamp, altered(sum, i, to), body },
			func(i int) (string, string, string, string) { return id, timestamp, sum, altered(body, i, to) },
		} {
			id2, timestamp2, sum2, body2 := change(int(at))
			if id2+"\x00"+timestamp2+"\x00"+sum2+"\x00"+body2 == id+"\x00"+timestamp+"\x00"+sum+"\x00"+body {
				continue // nothing was changed
			}
			if good, _ := verifies(id2, timestamp2, around(sum2), body2); good || let(id2, timestamp2, around(sum2), body2) {
				t.Fatalf("id %q at %s, signed %q, is let in as id %q at %s, signed %q", id, timestamp, sum, id2, timestamp2, sum2)
			}
		}
	})
}

// altered puts another byte in one place.
func altered(s string, i int, to byte) string {
	if s == "" {
		return string(to)
	}
	b := []byte(s)
	b[i%len(b)] = to
	return string(b)
}

// serve makes a request of an endpoint, by its number, and gives the status.
func serve(t *testing.T, h *webhook.Handler, endpoint uint8, body string, header http.Header) int {
	t.Helper()
	all := webhook.Endpoints()
	method, path, _ := strings.Cut(all[int(endpoint)%len(all)], " ")
	r := httptest.NewRequest(method, path, strings.NewReader(body))
	r.Header = header
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w.Code
}
