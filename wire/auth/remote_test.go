package auth_test

import (
	"context"
	"crypto/elliptic"
	"encoding/base64"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/MicahParks/jwkset"
	"github.com/golang-jwt/jwt/v5"
	"go.uber.org/goleak"

	"github.com/corrillo/corrillo/wire"
	"github.com/corrillo/corrillo/wire/auth"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// keyServer publishes a JWK Set that a test can change.
type keyServer struct {
	*httptest.Server
	mu       sync.Mutex
	body     []byte
	status   int
	requests atomic.Int64
	asked    chan struct{} // holds a token after a request, of the first hundred
}

func newKeyServer(t *testing.T) *keyServer {
	t.Helper()
	s := &keyServer{status: http.StatusOK, asked: make(chan struct{}, 100)}
	s.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		s.requests.Add(1)
		s.mu.Lock()
		defer s.mu.Unlock()
		w.WriteHeader(s.status)
		if _, err := w.Write(s.body); err != nil {
			t.Error(err)
		}
		select {
		case s.asked <- struct{}{}:
		default:
		}
	}))
	t.Cleanup(func() { s.Close(); s.CloseClientConnections() })
	return s
}

func (s *keyServer) answer(status int, body string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.status, s.body = status, []byte(body)
}

func (s *keyServer) options() auth.Options {
	return auth.Options{JWKSURL: s.URL, HTTPClient: s.Client(), JWKSWait: 10 * time.Second}
}

// jwks publishes public keys under their kid; use is empty for none.
func jwks(t *testing.T, use jwkset.USE, keys map[string]any) string {
	t.Helper()
	var set jwkset.JWKSMarshal
	for kid, key := range keys {
		jwk, err := jwkset.NewJWKFromKey(key, jwkset.JWKOptions{Metadata: jwkset.JWKMetadataOptions{KID: kid, USE: use}})
		if err != nil {
			t.Fatal(err)
		}
		set.Keys = append(set.Keys, jwk.Marshal())
	}
	out, err := json.Marshal(set)
	if err != nil {
		t.Fatal(err)
	}
	return string(out)
}

func accepted(t *testing.T, v *auth.Verifier, token string) {
	t.Helper()
	if _, err := v.Verify(t.Context(), token); err != nil {
		t.Error(err)
	}
}

func TestVerifier_JWKS(t *testing.T) {
	r, e := rsaKey(t), ecKey(t, elliptic.P256())
	s := newKeyServer(t)
	s.answer(http.StatusOK, jwks(t, jwkset.UseSig, map[string]any{"r1": &r.PublicKey, "e1": &e.PublicKey}))
	v := mustNew(t, s.options())
	accepted(t, v, sign(t, jwt.SigningMethodRS256, r, "r1", claims(nil)))
	accepted(t, v, sign(t, jwt.SigningMethodES256, e, "e1", claims(nil)))
	accepted(t, v, sign(t, jwt.SigningMethodES256, e, "", claims(nil))) // without kid any key may fit
	refused(t, v, sign(t, jwt.SigningMethodES256, e, "r1", claims(nil)), wire.CodeUnauthorized, "not signed")
	refused(t, v, sign(t, jwt.SigningMethodHS256, []byte(publicPEM(t, &r.PublicKey)), "r1", claims(nil)), wire.CodeUnauthorized, "not signed")
	if n := s.requests.Load(); n != 1 {
		t.Errorf("%d requests for known keys", n)
	}
}

func TestVerifier_JWKS_Rotation(t *testing.T) {
	first, second := ecKey(t, elliptic.P256()), ecKey(t, elliptic.P256())
	s := newKeyServer(t)
	s.answer(http.StatusOK, jwks(t, "", map[string]any{"k1": &first.PublicKey}))
	now := fixedNow()
	o := s.options()
	o.Now = func() time.Time { return now }
	v := mustNew(t, o)
	accepted(t, v, sign(t, jwt.SigningMethodES256, first, "k1", claims(nil)))

	s.answer(http.StatusOK, jwks(t, "", map[string]any{"k1": &first.PublicKey, "k2": &second.PublicKey}))
	newer := sign(t, jwt.SigningMethodES256, second, "k2", claims(nil))
	refused(t, v, newer, wire.CodeUnauthorized, "not signed") // too soon to ask again
	if n := s.requests.Load(); n != 1 {
		t.Fatalf("%d requests: unknown keys make the server hammer its provider", n)
	}
	now = now.Add(10 * time.Second)
	accepted(t, v, newer)

	now = now.Add(10 * time.Second)
	s.answer(http.StatusInternalServerError, "away")
	refused(t, v, sign(t, jwt.SigningMethodES256, second, "k3", claims(nil)), wire.CodeUnauthorized, "not signed")
	now = now.Add(10 * time.Second)
	s.answer(http.StatusOK, `{"keys":[]}`)
	refused(t, v, sign(t, jwt.SigningMethodES256, second, "k3", claims(nil)), wire.CodeUnauthorized, "not signed")
	accepted(t, v, newer) // what was known stays known
	if n := s.requests.Load(); n != 4 {
		t.Errorf("%d requests", n)
	}
}

// A token without kid whose algorithm no known key has is of an unknown key:
// the provider may have gone over to another kind.
func TestVerifier_JWKS_AnotherKind(t *testing.T) {
	r, e := rsaKey(t), ecKey(t, elliptic.P256())
	s := newKeyServer(t)
	s.answer(http.StatusOK, jwks(t, "", map[string]any{"k1": &r.PublicKey}))
	now := fixedNow()
	o := s.options()
	o.Now = func() time.Time { return now }
	v := mustNew(t, o)
	accepted(t, v, sign(t, jwt.SigningMethodRS256, r, "", claims(nil)))
	s.answer(http.StatusOK, jwks(t, "", map[string]any{"k2": &e.PublicKey}))
	now = now.Add(10 * time.Second)
	accepted(t, v, sign(t, jwt.SigningMethodES256, e, "", claims(nil)))
}

func TestVerifier_JWKS_Away(t *testing.T) {
	e := ecKey(t, elliptic.P256())
	token := sign(t, jwt.SigningMethodES256, e, "k1", claims(nil))
	for label, body := range map[string]string{"status": "", "not JSON": "<html>", "no keys": `{"keys":[]}`} {
		t.Run(label, func(t *testing.T) {
			s := newKeyServer(t)
			status := http.StatusOK
			if label == "status" {
				status = http.StatusBadGateway
			}
			s.answer(status, body)
			refused(t, mustNew(t, s.options()), token, wire.CodeUnavailable, "cannot be fetched")
		})
	}
	t.Run("silent", func(t *testing.T) {
		release := make(chan struct{})
		s := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { <-release }))
		defer s.Close()
		defer close(release)
		v := mustNew(t, auth.Options{JWKSURL: s.URL, HTTPClient: s.Client(), JWKSWait: 20 * time.Millisecond})
		refused(t, v, token, wire.CodeUnavailable, "cannot be fetched")
	})
	t.Run("a secret beside it still works", func(t *testing.T) {
		s := newKeyServer(t)
		s.answer(http.StatusBadGateway, "")
		o := s.options()
		o.Secrets = []string{secret}
		accepted(t, mustNew(t, o), sign(t, jwt.SigningMethodHS256, []byte(secret), "", claims(nil)))
	})
}

// Keys that must not check a signature are passed over, wherever they stand.
func TestVerifier_JWKS_UnfitKeys(t *testing.T) {
	e := ecKey(t, elliptic.P256())
	s := newKeyServer(t)
	oct := `{"kty":"oct","kid":"o1","alg":"HS256","k":"` + base64.RawURLEncoding.EncodeToString([]byte(secret)) + `"}`
	s.answer(http.StatusOK, `{"keys":[`+oct+`,{"kty":"what"},`+jwks(t, jwkset.UseSig, map[string]any{"k1": &e.PublicKey})[len(`{"keys":[`):])
	v := mustNew(t, s.options())
	accepted(t, v, sign(t, jwt.SigningMethodES256, e, "k1", claims(nil)))
	refused(t, v, sign(t, jwt.SigningMethodHS256, []byte(secret), "o1", claims(nil)), wire.CodeUnauthorized, "not signed")

	s2 := newKeyServer(t)
	s2.answer(http.StatusOK, jwks(t, jwkset.UseEnc, map[string]any{"k1": &e.PublicKey}))
	for _, kid := range []string{"k1", ""} {
		refused(t, mustNew(t, s2.options()), sign(t, jwt.SigningMethodES256, e, kid, claims(nil)), wire.CodeUnauthorized, "not signed")
	}

	// A key that is for one algorithm checks no other.
	r := rsaKey(t)
	s3 := newKeyServer(t)
	s3.answer(http.StatusOK, strings.Replace(jwks(t, jwkset.UseSig, map[string]any{"k1": &r.PublicKey}), `{"kty"`, `{"alg":"RS256","kty"`, 1))
	for _, kid := range []string{"k1", ""} {
		accepted(t, mustNew(t, s3.options()), sign(t, jwt.SigningMethodRS256, r, kid, claims(nil)))
		refused(t, mustNew(t, s3.options()), sign(t, jwt.SigningMethodRS512, r, kid, claims(nil)), wire.CodeUnauthorized, "not signed")
	}
}

func TestVerifier_Run(t *testing.T) {
	e := ecKey(t, elliptic.P256())
	s := newKeyServer(t)
	s.answer(http.StatusOK, jwks(t, "", map[string]any{"k1": &e.PublicKey}))
	o := s.options()
	o.JWKSInterval = time.Millisecond
	v := mustNew(t, o)
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error)
	go func() { done <- v.Run(ctx) }()
	for range 3 {
		<-s.asked // it keeps asking
	}
	accepted(t, v, sign(t, jwt.SigningMethodES256, e, "k1", claims(nil)))
	cancel()
	if err := <-done; err != nil {
		t.Error(err)
	}
}
