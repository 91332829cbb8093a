package auth

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"strings"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"github.com/corrillo/corrillo/wire"
)

// Options say which tokens are good. At least one of Secrets, PublicKeys and
// JWKSURL is needed; they may be combined. The zero value of every other
// field is the default in its comment.
type Options struct {
	// Secrets are shared secrets, taken as the bytes of the text. A token is
	// good when any of them signed it; the first one mints.
	Secrets []string
	// PublicKeys are RSA, ECDSA or Ed25519 public keys or certificates: each
	// the PEM text itself (with real line ends or with \n) or the path of a
	// PEM file, which may hold several.
	PublicKeys []string
	// JWKSURL is where an identity provider publishes its JWK Set (RFC 7517).
	JWKSURL string
	// Issuer and Audience are required as the token's iss and aud when set.
	Issuer   string
	Audience string
	// AllowNoExpiry accepts tokens without exp. By default they are refused.
	AllowNoExpiry bool
	// Leeway is the difference of clocks forgiven in exp and nbf.
	// Default 5 s; below 0: none.
	Leeway time.Duration
	// JWKSInterval is the time between two fetches of JWKSURL. Default 1 h.
	JWKSInterval time.Duration
	// JWKSWait bounds one fetch, and so how long Verify waits when a token
	// names a key that is not known yet. Default 3 s.
	JWKSWait time.Duration
	// JWKSUnknownKey is the shortest time between two fetches that tokens
	// with unknown keys cause. Default 10 s.
	JWKSUnknownKey time.Duration
	// HTTPClient fetches JWKSURL. Default: a client that follows at most
	// three redirects.
	HTTPClient *http.Client
	// Logger is told when JWKSURL cannot be fetched, and when it can again.
	// Default: discards.
	Logger *slog.Logger
	// Now tells the time. Default time.Now.
	Now func() time.Time
}

func (o Options) withDefaults() Options {
	if o.Leeway == 0 {
		o.Leeway = 5 * time.Second
	}
	o.Leeway = max(o.Leeway, 0)
	if o.JWKSInterval <= 0 {
		o.JWKSInterval = time.Hour
	}
	if o.JWKSWait <= 0 {
		o.JWKSWait = 3 * time.Second
	}
	if o.JWKSUnknownKey <= 0 {
		o.JWKSUnknownKey = 10 * time.Second
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	return o
}

// Verifier checks tokens. It implements wire.Verifier and is safe for
// concurrent use.
type Verifier struct {
	options Options
	keys    keyRing
	remote  *remoteKeys // nil without JWKSURL
	parser  *jwt.Parser
}

var _ wire.Verifier = (*Verifier)(nil)

// New makes a Verifier. It reads PEM files but asks no URL: Run does that, and
// until then the first token that needs it.
func New(options Options) (*Verifier, error) {
	o := options.withDefaults()
	ring, err := newKeyRing(o.Secrets, o.PublicKeys)
	if err != nil {
		return nil, err
	}
	v := &Verifier{options: o, keys: ring}
	algorithms := ring.algorithms()
	if o.JWKSURL != "" {
		if v.remote, err = newRemoteKeys(o); err != nil {
			return nil, err
		}
		algorithms = append(algorithms, asymmetric()...)
	}
	if len(algorithms) == 0 {
		return nil, errors.New("auth: no secret, public key or JWK Set URL to check tokens with")
	}
	rules := []jwt.ParserOption{jwt.WithValidMethods(algorithms), jwt.WithLeeway(o.Leeway), jwt.WithTimeFunc(o.Now)}
	if !o.AllowNoExpiry {
		rules = append(rules, jwt.WithExpirationRequired())
	}
	if o.Issuer != "" {
		rules = append(rules, jwt.WithIssuer(o.Issuer))
	}
	if o.Audience != "" {
		rules = append(rules, jwt.WithAudience(o.Audience))
	}
	v.parser = jwt.NewParser(rules...)
	return v, nil
}

// Run keeps the keys of JWKSURL fresh until ctx ends, and then returns nil.
// Without a JWKSURL it only waits for that.
func (v *Verifier) Run(ctx context.Context) error {
	if v.remote != nil {
		v.remote.run(ctx)
	}
	<-ctx.Done()
	return nil
}

// Warnings says, in sentences for the operator, what about the keys is legal
// but weak.
func (v *Verifier) Warnings() []string {
	var list []string
	for _, secret := range v.options.Secrets {
		// "A key of the same size as the hash output [...] or larger MUST be
		// used with this algorithm" (RFC 7518 section 3.2).
		if len(secret) < 32 {
			list = append(list, fmt.Sprintf("a token secret has %d bytes: HS256 asks for 32 or more", len(secret)))
		}
	}
	if v.remote != nil && v.remote.plain {
		list = append(list, "the JWK Set is fetched over plain http: whoever sits between can make tokens")
	}
	return list
}

// Verify checks the token, with or without a leading "Bearer ". Errors are
// *wire.Error: CodeTokenExpired for a token whose only fault is its age,
// CodeUnavailable when the keys of JWKSURL could never be fetched, otherwise
// CodeUnauthorized. It computes only, unless the token names a key that is not
// known yet: then it waits for JWKSURL, for at most Options.JWKSWait.
func (v *Verifier) Verify(ctx context.Context, token string) (wire.Identity, error) {
	token = bare(token)
	switch {
	case token == "":
		return wire.Identity{}, refuse("no token")
	case len(token) > wire.MaxTokenLength:
		return wire.Identity{}, refuse("the token is too long")
	}
	var c claims
	if _, err := v.parser.ParseWithClaims(token, &c, v.keyfunc(ctx)); err != nil {
		return wire.Identity{}, explain(err)
	}
	identity, err := c.identity()
	if err != nil {
		return wire.Identity{}, err
	}
	return identity, nil
}

// bare takes the scheme off a token that was copied from a header.
func bare(token string) string {
	const scheme = "bearer "
	token = strings.TrimSpace(token)
	if len(token) > len(scheme) && strings.EqualFold(token[:len(scheme)], scheme) {
		return strings.TrimSpace(token[len(scheme):])
	}
	return token
}

// keyfunc finds the keys that may have signed a token: only those whose kind
// goes with the algorithm that it names.
func (v *Verifier) keyfunc(ctx context.Context) jwt.Keyfunc {
	return func(t *jwt.Token) (any, error) {
		algorithm := t.Method.Alg()
		set := jwt.VerificationKeySet{Keys: v.keys.forAlgorithm(algorithm)}
		if v.remote != nil && !isSymmetric(algorithm) {
			found, err := v.remote.find(ctx, t)
			if err != nil && len(set.Keys) == 0 {
				return nil, err
			}
			set.Keys = append(set.Keys, found...)
		}
		if len(set.Keys) == 0 {
			return nil, errUnknownKey
		}
		return set, nil
	}
}

var (
	errUnknownKey = errors.New("no key for this token")
	errNoKeys     = errors.New("the keys could not be fetched yet")
)

func refuse(sentence string) *wire.Error {
	return &wire.Error{Code: wire.CodeUnauthorized, Message: sentence}
}

func isWrongType(err error) bool {
	_, is := errors.AsType[*json.UnmarshalTypeError](err)
	return is
}

// explain turns the parser's error into what a client is told.
func explain(err error) *wire.Error {
	is := func(targets ...error) bool {
		for _, target := range targets {
			if errors.Is(err, target) {
				return true
			}
		}
		return false
	}
	switch {
	case is(errNoKeys):
		return &wire.Error{Code: wire.CodeUnavailable, Message: "the keys to check tokens with cannot be fetched now"}
	case is(errClaims), isWrongType(err):
		return refuse("a claim of the token has the wrong form")
	case is(jwt.ErrTokenMalformed):
		return refuse("the token is malformed")
	case is(errUnknownKey, jwt.ErrTokenUnverifiable, jwt.ErrTokenSignatureInvalid):
		return refuse("the token is not signed by a known key")
	case is(jwt.ErrTokenNotValidYet):
		return refuse("the token is not valid yet")
	case is(jwt.ErrTokenInvalidIssuer):
		return refuse("the token is from another issuer")
	case is(jwt.ErrTokenInvalidAudience):
		return refuse("the token is for another audience")
	case is(jwt.ErrTokenRequiredClaimMissing):
		return refuse("the token lacks a required claim")
	case is(jwt.ErrTokenExpired):
		return &wire.Error{Code: wire.CodeTokenExpired, Message: "the token has expired"}
	}
	return refuse("the token is not valid")
}
