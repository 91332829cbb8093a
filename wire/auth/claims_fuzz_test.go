package auth_test

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"math"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/corrillo/corrillo/wire"
	"github.com/corrillo/corrillo/wire/auth"
)

// byHand makes a token as RFC 7515 says, without a library.
func byHand(header string, payload []byte) string {
	signed := base64.RawURLEncoding.EncodeToString([]byte(header)) + "." + base64.RawURLEncoding.EncodeToString(payload)
	mac := hmac.New(sha256.New, []byte(secret))
	mac.Write([]byte(signed))
	return signed + "." + base64.RawURLEncoding.EncodeToString(mac.Sum(nil))
}

// FuzzClaims signs any payload. Who comes through is who encoding/json reads
// there, under names as they are written, within the time that it gives; what
// is well-formed comes through; and nothing does with one character changed,
// or under another algorithm.
func FuzzClaims(f *testing.F) {
	for _, s := range []string{
		`{"sub":"alice","exp":1772370000}`, `{"sub":"alice","name":"Al","exp":1772370000,"nbf":1772366400,"conversations":["c1",7]}`,
		`{"sub":7,"exp":1772370000.5}`, `{"sub":"alice","exp":1772366396}`, `{"sub":"alice","exp":1772366394}`, `{"sub":"alice","exp":"1772370000"}`, `{"sub":"alice"}`,
		`{"sub":"alice","SUB":"mallory","exp":1772370000}`, `{"Sub":"alice","exp":1772370000}`, `{"sub":"alice","exp":1,"EXP":1772370000}`, `{"sub":"a","sub":"b","exp":1772370000}`,
		`{"sub":"alice","exp":1772370000,"nbf":1772366406}`, `{"sub":" ","exp":1772370000}`, `{"sub":"a\u0000","exp":1772370000}`, `{"sub":-0,"exp":1e10}`, `{"sub":1e3,"exp":1e10}`,
		`{"sub":"alice","exp":1772370000,"iss":7,"aud":["x"],"iat":1e400}`, `{"sub":"alice","name":null,"conversations":null,"exp":1772370000}`, `{"sub":"alice","exp":1e300}`, `[]`, `null`, `{}`, ``,
		`{"sub":"alice","name":"\u0000 \ud800","exp":1772370000,"conversations":[""]}`, `{"sub":"alice","exp":1772370000}{}`, `{"sub":"alice","exp":-1772370000}`,
	} {
		f.Add([]byte(s), uint16(9), byte('A'))
	}
	v := mustNew(f, auth.Options{Secrets: []string{secret}})
	f.Fuzz(func(t *testing.T, payload []byte, at uint16, to byte) {
		if len(payload) > 4<<10 {
			return // a token of more than 8 KiB is refused as such
		}
		token := byHand(`{"alg":"HS256","typ":"JWT"}`, payload)
		who, err := v.Verify(t.Context(), token)
		if err != nil {
			checkRefusal(t, err)
			if goodClaims(payload) {
				t.Fatalf("%s is refused: %v", payload, err)
			}
		} else {
			checkClaims(t, payload, who)
		}
		checkForged(t, v, changedToken(token, at, to))
		for _, header := range []string{`{"alg":"none"}`, `{"alg":"None"}`, `{"alg":"HS512"}`, `{"alg":"ES256"}`, `{"typ":"JWT"}`} {
			checkForged(t, v, byHand(header, payload))
		}
		signed, _, _ := strings.Cut(byHand(`{"alg":"none"}`, payload), ".")
		checkForged(t, v, signed+"."+base64.RawURLEncoding.EncodeToString(payload)+".")
	})
}

func checkRefusal(t *testing.T, err error) {
	t.Helper()
	if e, ok := errors.AsType[*wire.Error](err); !ok || e.Code != wire.CodeUnauthorized && e.Code != wire.CodeTokenExpired || e.Message == "" {
		t.Fatalf("refused with %v", err)
	}
}

func checkForged(t *testing.T, v *auth.Verifier, token string) {
	t.Helper()
	if token == "" {
		return
	}
	who, err := v.Verify(t.Context(), token)
	if err == nil {
		t.Fatalf("%s is taken as %+v", token, who)
	}
	checkRefusal(t, err)
}

// changedToken changes one character of a token; "" when it would say the same.
func changedToken(token string, at uint16, to byte) string {
	i := int(at) % len(token)
	changed := []byte(token)
	changed[i] = to
	if token[i] == to || strings.Contains(" \t\r\n", string(to)) { // white space around a token, or in base64, says nothing
		return ""
	}
	if end := strings.LastIndexByte(token, '.') + 1; i >= end {
		is, err := base64.RawURLEncoding.DecodeString(string(changed[end:]))
		was, _ := base64.RawURLEncoding.DecodeString(token[end:])
		if err == nil && bytes.Equal(is, was) {
			return "" // the last character has bits to spare
		}
	}
	return string(changed)
}

// seconds reads a NumericDate, rounded down.
func seconds(raw json.RawMessage) (n int64, ok bool) {
	f, err := strconv.ParseFloat(strings.Trim(string(raw), `"`), 64) // some write it as a string
	return int64(math.Floor(f)), err == nil && math.Abs(f) < 1<<53
}

// leeway is the default, and a second for what is rounded.
const leeway = 6

func checkClaims(t *testing.T, payload []byte, who wire.Identity) {
	t.Helper()
	var c map[string]json.RawMessage
	if err := json.Unmarshal(payload, &c); err != nil {
		t.Fatalf("%s is taken: %v", payload, err)
	}
	now := fixedNow().Unix()
	exp, ok := seconds(c["exp"])
	if ok && exp <= now-leeway || len(c["exp"]) == 0 || string(c["exp"]) == "null" {
		t.Fatalf("%s is taken although its time is over", payload)
	}
	if ok && who.Expires.Unix() != exp && exp < 1<<33 {
		t.Fatalf("%s expires at %v", payload, who.Expires)
	}
	if nbf, ok := seconds(c["nbf"]); ok && nbf > now+leeway {
		t.Fatalf("%s is taken before its time", payload)
	}
	if id, ok := claimedID(c["sub"]); !ok || who.UserID != id || !wire.ValidID(id) {
		t.Fatalf("%s is taken as %q", payload, who.UserID)
	}
	var ids []json.RawMessage
	if raw := c["conversations"]; raw != nil && json.Unmarshal(raw, &ids) != nil || len(ids) != len(who.Conversations) {
		t.Fatalf("%s is in %q", payload, who.Conversations)
	}
	for i, raw := range ids {
		if id, ok := claimedID(raw); !ok || who.Conversations[i] != id || !wire.ValidID(id) {
			t.Fatalf("%s is in %q", payload, who.Conversations)
		}
	}
	var name string
	_ = json.Unmarshal(c["name"], &name) // none
	if who.Username != name && (wire.ValidID(name) && strings.TrimSpace(name) == name || !utf8.ValidString(who.Username) || who.Username == "" || len(who.Username) > wire.MaxIDLength) {
		t.Fatalf("%s is called %q", payload, who.Username)
	}
}

// claimedID is a string or a whole number.
func claimedID(raw json.RawMessage) (id string, ok bool) {
	if json.Unmarshal(raw, &id) == nil {
		return id, true
	}
	return string(raw), !bytes.ContainsAny(raw, ".eE[{tfn")
}

// goodClaims reports whether a payload has nothing in it that could be
// refused.
func goodClaims(payload []byte) bool {
	var c struct {
		Sub           *string
		Name          string
		Exp, Nbf      json.Number
		Conversations []string
	}
	var names map[string]json.RawMessage
	if json.Unmarshal(payload, &names) != nil || json.Unmarshal(payload, &c) != nil || c.Sub == nil {
		return false
	}
	for name, value := range names {
		if !slices.Contains([]string{"sub", "name", "exp", "nbf", "conversations"}, name) || value[0] == 'n' || bytes.ContainsAny(value, "eE.-") && value[0] != '"' {
			return false
		}
	}
	exp, err := c.Exp.Int64()
	nbf, nbfErr := c.Nbf.Int64()
	now := fixedNow()
	return err == nil && exp > now.Unix() && exp < now.Add(100*365*24*time.Hour).Unix() && (c.Nbf == "" || nbfErr == nil && nbf <= now.Unix()) &&
		wire.ValidID(*c.Sub) && !slices.ContainsFunc(c.Conversations, func(id string) bool { return !wire.ValidID(id) })
}
