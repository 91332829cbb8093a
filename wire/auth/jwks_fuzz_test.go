package auth_test

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"encoding/base64"
	"encoding/json"
	"errors"
	"io"
	"math/big"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"github.com/corrillo/corrillo/wire"
	"github.com/corrillo/corrillo/wire/auth"
)

// fuzzedKey signs the tokens of FuzzJWKSet: one that is always the same, so
// that its public half can stand in the seeds.
func fuzzedKey(tb testing.TB) *ecdsa.PrivateKey {
	tb.Helper()
	d := bytes.Repeat([]byte{7}, 32)
	key, err := ecdsa.ParseRawPrivateKey(elliptic.P256(), d)
	if err != nil {
		tb.Fatal(err)
	}
	return key
}

// answering is an HTTP client that gets the same answer from everywhere.
func answering(body []byte) *http.Client {
	return &http.Client{Transport: roundTrip(func(req *http.Request) (*http.Response, error) {
		return &http.Response{StatusCode: http.StatusOK, Body: io.NopCloser(bytes.NewReader(body)), Request: req}, nil
	})}
}

type roundTrip func(*http.Request) (*http.Response, error)

// RoundTrip implements http.RoundTripper.
func (f roundTrip) RoundTrip(req *http.Request) (*http.Response, error) { return f(req) }

// FuzzJWKSet answers with any bytes where a JWK Set is expected. A token is
// good only when its signer's public key stands there and may check it; no
// symmetric key that stands there ever checks one, nor does a public key as if
// it were a secret.
func FuzzJWKSet(f *testing.F) {
	key := fuzzedKey(f)
	public, err := key.PublicKey.Bytes()
	if err != nil {
		f.Fatal(err)
	}
	x, y := base64.RawURLEncoding.EncodeToString(public[1:33]), base64.RawURLEncoding.EncodeToString(public[33:])
	jwk := func(more string) string {
		return `{"kty":"EC","crv":"P-256","x":"` + x + `","y":"` + y + `"` + more + `}`
	}
	const shared = "c2VjcmV0LXNlY3JldC1zZWNyZXQtc2VjcmV0LXNlY3JldA"
	oct := `{"kty":"oct","kid":"k","k":"` + shared + `","alg":"HS256"}`
	for _, s := range []string{
		`{"keys":[` + jwk(`,"kid":"k","use":"sig","alg":"ES256"`) + `]}`, `{"keys":[` + jwk(``) + `]}`, `{"keys":[` + oct + `,` + jwk(`,"kid":"k"`) + `]}`,
		`{"keys":[` + jwk(`,"kid":"k","use":"enc"`) + `]}`, `{"keys":[` + jwk(`,"kid":"k","alg":"HS256"`) + `]}`, `{"keys":[` + jwk(`,"kid":"other"`) + `]}`,
		`{"keys":[` + jwk(`,"kid":"k","d":"BwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwc"`) + `]}`, `{"keys":[` + oct + `]}`, `{"keys":null}`, `{"keys":[]}`, `[]`, `null`, ``, `{"keys":[{}]}`,
		`{"keys":[{"kty":"RSA","kid":"k","n":"AQAB","e":"AQAB"},{"kty":"OKP","crv":"Ed25519","kid":"k","x":"` + x + `"}]}`, `{"keys":[{"kty":"EC","crv":"P-256","x":"","y":""}]}`,
		`{"keys":[{"kty":"EC","crv":"P-521","kid":"k","x":"` + x + `","y":"` + y + `"}]}`, `{"keys":[` + jwk(`,"kid":"k","x5c":["AA"],"x5t":"AA","key_ops":["verify"]`) + `]} trailing`,
		`{"keys":[` + strings.Replace(jwk(`,"kid":"k"`), x, y, 1) + `]}`, strings.Repeat(`{"keys":[`, 50),
	} {
		f.Add([]byte(s))
	}
	secret, err := base64.RawURLEncoding.DecodeString(shared)
	if err != nil {
		f.Fatal(err)
	}
	good := map[string]string{"k": sign(f, jwt.SigningMethodES256, key, "k", claims(nil)), "": sign(f, jwt.SigningMethodES256, key, "", claims(nil))}
	var forged []string
	for _, kid := range []string{"k", ""} {
		for _, s := range [][]byte{secret, public, []byte(x), {}} {
			forged = append(forged, sign(f, jwt.SigningMethodHS256, s, kid, claims(nil)))
		}
		forged = append(forged, sign(f, jwt.SigningMethodNone, jwt.UnsafeAllowNoneSignatureType, kid, claims(nil)),
			sign(f, jwt.SigningMethodES256, other(f), kid, claims(nil)))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		v := mustNew(t, auth.Options{JWKSURL: "https://keys.test/", HTTPClient: answering(body), JWKSUnknownKey: time.Nanosecond})
		for kid, token := range good {
			who, err := v.Verify(t.Context(), token)
			if err == nil && (who.UserID != "alice" || !publishes(body, public)) {
				t.Fatalf("a token with kid %q is taken by %s", kid, body)
			}
			if err != nil {
				checkNoKey(t, err)
			}
		}
		for _, token := range forged {
			if who, err := v.Verify(t.Context(), token); err == nil {
				t.Fatalf("%s is taken as %+v by %s", token, who, body)
			}
		}
	})
}

// other is a key that nobody has published.
func other(tb testing.TB) *ecdsa.PrivateKey {
	tb.Helper()
	key, err := ecdsa.ParseRawPrivateKey(elliptic.P256(), bytes.Repeat([]byte{8}, 32))
	if err != nil {
		tb.Fatal(err)
	}
	return key
}

// publishes reports whether a JWK Set has that point of P-256, for signatures.
func publishes(body, point []byte) bool {
	var set struct {
		Keys []struct{ Kty, Crv, X, Y, Use string }
	}
	if json.NewDecoder(bytes.NewReader(body)).Decode(&set) != nil {
		return false
	}
	for _, k := range set.Keys {
		x, xErr := base64.RawURLEncoding.DecodeString(strings.TrimRight(k.X, "="))
		y, yErr := base64.RawURLEncoding.DecodeString(strings.TrimRight(k.Y, "="))
		same := func(a, b []byte) bool { return new(big.Int).SetBytes(a).Cmp(new(big.Int).SetBytes(b)) == 0 }
		if xErr == nil && yErr == nil && k.Kty == "EC" && k.Crv == "P-256" && (k.Use == "sig" || k.Use == "") && same(x, point[1:33]) && same(y, point[33:]) {
			return true
		}
	}
	return false
}

// checkNoKey checks what is said of a token for which there is no key.
func checkNoKey(t *testing.T, err error) {
	t.Helper()
	if e, ok := errors.AsType[*wire.Error](err); !ok || e.Code != wire.CodeUnauthorized && e.Code != wire.CodeUnavailable || e.Message == "" {
		t.Fatalf("refused with %v", err)
	}
}
