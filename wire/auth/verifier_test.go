package auth_test

import (
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"github.com/corrillo/corrillo/wire"
	"github.com/corrillo/corrillo/wire/auth"
)

const secret = "a shared secret of thirty-two bytes!"

func fixedNow() time.Time { return time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC) }

func mustNew(tb testing.TB, o auth.Options) *auth.Verifier {
	tb.Helper()
	if o.Now == nil {
		o.Now = fixedNow
	}
	v, err := auth.New(o)
	if err != nil {
		tb.Fatal(err)
	}
	return v
}

func sign(tb testing.TB, method jwt.SigningMethod, key any, kid string, claims jwt.MapClaims) string {
	tb.Helper()
	t := jwt.NewWithClaims(method, claims)
	if kid != "" {
		t.Header["kid"] = kid
	}
	token, err := t.SignedString(key)
	if err != nil {
		tb.Fatal(err)
	}
	return token
}

// claims are a good token's, with changes; a nil value takes a claim away.
func claims(changes jwt.MapClaims) jwt.MapClaims {
	c := jwt.MapClaims{"sub": "alice", "exp": fixedNow().Add(time.Hour).Unix()}
	for name, value := range changes {
		c[name] = value
		if value == nil {
			delete(c, name)
		}
	}
	return c
}

func publicPEM(tb testing.TB, key any) string {
	tb.Helper()
	der, err := x509.MarshalPKIXPublicKey(key)
	if err != nil {
		tb.Fatal(err)
	}
	return string(pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der}))
}

func rsaKey(tb testing.TB) *rsa.PrivateKey {
	tb.Helper()
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		tb.Fatal(err)
	}
	return key
}

func ecKey(tb testing.TB, curve elliptic.Curve) *ecdsa.PrivateKey {
	tb.Helper()
	key, err := ecdsa.GenerateKey(curve, rand.Reader)
	if err != nil {
		tb.Fatal(err)
	}
	return key
}

// refused checks that the token is refused with the code and that no part of
// it is in the error.
func refused(t *testing.T, v *auth.Verifier, token string, code wire.Code, sentence string) {
	t.Helper()
	who, err := v.Verify(t.Context(), token)
	e, ok := errors.AsType[*wire.Error](err)
	if !ok {
		t.Fatalf("got %+v, %v", who, err)
	}
	if e.Code != code || !strings.Contains(e.Message, sentence) {
		t.Errorf("got %s %q, want %s %q", e.Code, e.Message, code, sentence)
	}
	for part := range strings.SplitSeq(token, ".") {
		if len(part) > 8 && strings.Contains(err.Error(), part) {
			t.Errorf("the error repeats a part of the token: %v", err)
		}
	}
}

func TestVerifier_Verify(t *testing.T) {
	expires := fixedNow().Add(time.Hour)
	v := mustNew(t, auth.Options{Secrets: []string{secret}})
	cases := []struct {
		label  string
		change jwt.MapClaims
		want   wire.Identity
	}{
		{"least", nil, wire.Identity{UserID: "alice", Username: "alice", Expires: expires}},
		{"name", jwt.MapClaims{"name": " Alice\u0007 "}, wire.Identity{UserID: "alice", Username: "Alice", Expires: expires}},
		{"a name too long is cut between characters", jwt.MapClaims{"name": strings.Repeat("é", 100)}, wire.Identity{UserID: "alice", Username: strings.Repeat("é", 95), Expires: expires}},
		{"numbers as ids", jwt.MapClaims{"sub": 7, "conversations": []any{1, "c2"}}, wire.Identity{UserID: "7", Username: "7", Expires: expires, Conversations: []string{"1", "c2"}}},
		{"expired within the leeway", jwt.MapClaims{"exp": fixedNow().Add(-4 * time.Second).Unix()}, wire.Identity{UserID: "alice", Username: "alice", Expires: fixedNow().Add(-4 * time.Second)}},
		{"early within the leeway", jwt.MapClaims{"nbf": fixedNow().Add(4 * time.Second).Unix()}, wire.Identity{UserID: "alice", Username: "alice", Expires: expires}},
	}
	for _, c := range cases {
		t.Run(c.label, func(t *testing.T) {
			token := sign(t, jwt.SigningMethodHS256, []byte(secret), "", claims(c.change))
			for _, given := range []string{token, "Bearer " + token, "bearer  " + token + " "} {
				got, err := v.Verify(t.Context(), given)
				if err != nil {
					t.Fatal(err)
				}
				got.Expires = got.Expires.UTC()
				if !reflect.DeepEqual(got, c.want) {
					t.Errorf("got %+v, want %+v", got, c.want)
				}
			}
		})
	}
}

func TestVerifier_Verify_Refusals(t *testing.T) {
	v := mustNew(t, auth.Options{Secrets: []string{secret}, Issuer: "app", Audience: "chat"})
	good := jwt.MapClaims{"iss": "app", "aud": "chat"}
	with := func(change jwt.MapClaims) string {
		c := claims(good)
		for name, value := range change {
			c[name] = value
			if value == nil {
				delete(c, name)
			}
		}
		return sign(t, jwt.SigningMethodHS256, []byte(secret), "", c)
	}
	if _, err := v.Verify(t.Context(), with(nil)); err != nil {
		t.Fatal(err)
	}
	unsigned, err := jwt.NewWithClaims(jwt.SigningMethodNone, claims(good)).SignedString(jwt.UnsafeAllowNoneSignatureType)
	if err != nil {
		t.Fatal(err)
	}
	late := fixedNow().Add(-6 * time.Second).Unix()
	cases := []struct {
		label, token string
		code         wire.Code
		sentence     string
	}{
		{"none given", "", wire.CodeUnauthorized, "no token"},
		{"only a scheme", "Bearer ", wire.CodeUnauthorized, "malformed"},
		{"garbage", "abcdefghij.klmnopqrst.uvwxyz", wire.CodeUnauthorized, "malformed"},
		{"too long", strings.Repeat("a", wire.MaxTokenLength+1), wire.CodeUnauthorized, "too long"},
		{"alg none", unsigned, wire.CodeUnauthorized, "not signed"},
		{"another secret", sign(t, jwt.SigningMethodHS256, []byte("another"), "", claims(good)), wire.CodeUnauthorized, "not signed"},
		{"expired", with(jwt.MapClaims{"exp": late}), wire.CodeTokenExpired, "expired"},
		{"expired and forged", sign(t, jwt.SigningMethodHS256, []byte("another"), "", claims(jwt.MapClaims{"exp": late})), wire.CodeUnauthorized, "not signed"},
		{"expired and for another", with(jwt.MapClaims{"exp": late, "aud": "shop"}), wire.CodeUnauthorized, "another audience"},
		{"no expiry", with(jwt.MapClaims{"exp": nil}), wire.CodeUnauthorized, "lacks a required claim"},
		{"not yet", with(jwt.MapClaims{"nbf": fixedNow().Add(6 * time.Second).Unix()}), wire.CodeUnauthorized, "not valid yet"},
		{"another issuer", with(jwt.MapClaims{"iss": "else"}), wire.CodeUnauthorized, "another issuer"},
		{"no issuer", with(jwt.MapClaims{"iss": nil}), wire.CodeUnauthorized, "lacks a required claim"},
		{"no subject", with(jwt.MapClaims{"sub": nil}), wire.CodeUnauthorized, "sub is not a user id"},
		{"control character in the subject", with(jwt.MapClaims{"sub": "a\nb"}), wire.CodeUnauthorized, "sub is not a user id"},
		{"fraction as subject", with(jwt.MapClaims{"sub": 1.5}), wire.CodeUnauthorized, "wrong form"},
		{"name of another type", with(jwt.MapClaims{"name": 5}), wire.CodeUnauthorized, "wrong form"},
		{"conversations not a list", with(jwt.MapClaims{"conversations": "c1"}), wire.CodeUnauthorized, "wrong form"},
		{"conversations of another type", with(jwt.MapClaims{"conversations": []any{true}}), wire.CodeUnauthorized, "wrong form"},
		{"an empty conversation", with(jwt.MapClaims{"conversations": []any{""}}), wire.CodeUnauthorized, "conversations are not ids"},
	}
	for _, c := range cases {
		t.Run(c.label, func(t *testing.T) { refused(t, v, c.token, c.code, c.sentence) })
	}
}

func TestVerifier_AllowNoExpiry(t *testing.T) {
	v := mustNew(t, auth.Options{Secrets: []string{secret}, AllowNoExpiry: true})
	who, err := v.Verify(t.Context(), sign(t, jwt.SigningMethodHS256, []byte(secret), "", jwt.MapClaims{"sub": "alice"}))
	if err != nil || !who.Expires.IsZero() {
		t.Errorf("got %+v, %v", who, err)
	}
}

func TestVerifier_SecretRotation(t *testing.T) {
	v := mustNew(t, auth.Options{Secrets: []string{"new", "old"}})
	for _, s := range []string{"new", "old"} {
		if _, err := v.Verify(t.Context(), sign(t, jwt.SigningMethodHS512, []byte(s), "", claims(nil))); err != nil {
			t.Errorf("%s: %v", s, err)
		}
	}
	refused(t, v, sign(t, jwt.SigningMethodHS256, []byte("older"), "", claims(nil)), wire.CodeUnauthorized, "not signed")
}

// Every kind of key checks its own algorithm and no other.
func TestVerifier_PublicKeys(t *testing.T) {
	r, p256, p384 := rsaKey(t), ecKey(t, elliptic.P256()), ecKey(t, elliptic.P384())
	edPublic, ed, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "keys.pem")
	if err := os.WriteFile(file, []byte(publicPEM(t, &r.PublicKey)+publicPEM(t, edPublic)), 0o600); err != nil {
		t.Fatal(err)
	}
	v := mustNew(t, auth.Options{PublicKeys: []string{
		file,
		strings.ReplaceAll(publicPEM(t, &p256.PublicKey), "\n", `\n`), // as an environment file has it
	}})
	accepted := map[string]string{
		"RS256": sign(t, jwt.SigningMethodRS256, r, "", claims(nil)),
		"EdDSA": sign(t, jwt.SigningMethodEdDSA, ed, "", claims(nil)),
		"ES256": sign(t, jwt.SigningMethodES256, p256, "some-kid", claims(nil)),
	}
	for label, token := range accepted {
		if _, err := v.Verify(t.Context(), token); err != nil {
			t.Errorf("%s: %v", label, err)
		}
	}
	pemText := []byte(publicPEM(t, &r.PublicKey))
	for label, token := range map[string]string{
		"the public key as a secret": sign(t, jwt.SigningMethodHS256, pemText, "", claims(nil)),
		"an algorithm without a key": sign(t, jwt.SigningMethodES384, p384, "", claims(nil)),
		"another padding":            sign(t, jwt.SigningMethodPS256, r, "", claims(nil)),
		"another key":                sign(t, jwt.SigningMethodRS256, rsaKey(t), "", claims(nil)),
	} {
		t.Run(label, func(t *testing.T) { refused(t, v, token, wire.CodeUnauthorized, "not signed") })
	}
}

func TestNew_Refusals(t *testing.T) {
	private, err := x509.MarshalPKCS8PrivateKey(ecKey(t, elliptic.P256()))
	if err != nil {
		t.Fatal(err)
	}
	empty := filepath.Join(t.TempDir(), "empty.pem")
	if err := os.WriteFile(empty, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	p224 := publicPEM(t, &ecKey(t, elliptic.P224()).PublicKey)
	for label, c := range map[string]struct {
		o    auth.Options
		want string
	}{
		"nothing":        {auth.Options{}, "no secret, public key or JWK Set URL"},
		"empty secret":   {auth.Options{Secrets: []string{"a", ""}}, "secret is empty"},
		"missing file":   {auth.Options{PublicKeys: []string{"/nowhere.pem"}}, "read public key"},
		"empty file":     {auth.Options{PublicKeys: []string{empty}}, "no PEM block"},
		"private key":    {auth.Options{PublicKeys: []string{string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: private}))}}, "private key"},
		"unused curve":   {auth.Options{PublicKeys: []string{p224}}, "neither RSA"},
		"broken PEM":     {auth.Options{PublicKeys: []string{string(pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: []byte("x")}))}}, "parse public key"},
		"URL of a file":  {auth.Options{JWKSURL: "file:///etc/passwd"}, "not an http or https URL"},
		"URL of nothing": {auth.Options{JWKSURL: "https://"}, "not an http or https URL"},
	} {
		t.Run(label, func(t *testing.T) {
			if _, err := auth.New(c.o); err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("got %v, want %q", err, c.want)
			}
		})
	}
}

func TestVerifier_Mint(t *testing.T) {
	v := mustNew(t, auth.Options{Secrets: []string{"new", "old"}, Issuer: "app", Audience: "chat"})
	token, err := v.Mint("alice", "Alice", time.Hour, []string{"c1", "c2"})
	if err != nil {
		t.Fatal(err)
	}
	who, err := v.Verify(t.Context(), token)
	if err != nil {
		t.Fatal(err)
	}
	who.Expires = who.Expires.UTC()
	want := wire.Identity{UserID: "alice", Username: "Alice", Expires: fixedNow().Add(time.Hour), Conversations: []string{"c1", "c2"}}
	if !reflect.DeepEqual(who, want) {
		t.Errorf("got %+v", who)
	}
	onlyNew := mustNew(t, auth.Options{Secrets: []string{"new"}})
	if _, err := onlyNew.Verify(t.Context(), token); err != nil {
		t.Errorf("the first secret does not mint: %v", err)
	}

	keyOnly := mustNew(t, auth.Options{PublicKeys: []string{publicPEM(t, &ecKey(t, elliptic.P256()).PublicKey)}})
	if _, err := keyOnly.Mint("a", "", time.Hour, nil); !errors.Is(err, auth.ErrNoSecret) {
		t.Errorf("got %v", err)
	}
	for label, mint := range map[string]func() (string, error){
		"no sub":           func() (string, error) { return v.Mint("", "", time.Hour, nil) },
		"no time":          func() (string, error) { return v.Mint("a", "", 0, nil) },
		"bad conversation": func() (string, error) { return v.Mint("a", "", time.Hour, []string{""}) },
	} {
		if token, err := mint(); err == nil {
			t.Errorf("%s: minted %s", label, token)
		}
	}
}

func TestVerifier_Warnings(t *testing.T) {
	if list := mustNew(t, auth.Options{Secrets: []string{secret}, JWKSURL: "http://127.0.0.1:1/keys"}).Warnings(); len(list) != 0 {
		t.Errorf("warned of %q", list)
	}
	list := mustNew(t, auth.Options{Secrets: []string{"short"}, JWKSURL: "http://keys.example/"}).Warnings()
	if len(list) != 2 || !strings.Contains(list[0], "5 bytes") || !strings.Contains(list[1], "plain http") || strings.Contains(list[0], "short") {
		t.Errorf("got %q", list)
	}
}

// FuzzVerify: nothing but a token that the secret has signed comes through,
// and nothing panics.
func FuzzVerify(f *testing.F) {
	v := mustNew(f, auth.Options{Secrets: []string{secret}})
	good, err := v.Mint("alice", "Alice", time.Hour, []string{"c1"})
	if err != nil {
		f.Fatal(err)
	}
	for _, seed := range []string{good, "Bearer " + good, "", ".", "..", "a.b.c", "eyJhbGciOiJub25lIn0.e30.", good[:len(good)-1], strings.ToUpper(good)} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, token string) {
		who, err := v.Verify(t.Context(), token)
		if err == nil {
			if who.UserID != "alice" || !strings.Contains(token, good[:len(good)-1]) {
				t.Fatalf("accepted a forged token as %+v", who)
			}
			return
		}
		if e, ok := errors.AsType[*wire.Error](err); !ok || e.Code != wire.CodeUnauthorized && e.Code != wire.CodeTokenExpired {
			t.Fatalf("got %v", err)
		}
	})
}
