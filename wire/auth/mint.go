package auth

import (
	"errors"
	"fmt"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"github.com/corrillo/corrillo/wire"
)

// ErrNoSecret says that tokens are minted with a shared secret, and none is set.
var ErrNoSecret = errors.New("auth: no token secret is set, so no token can be minted")

// Mint makes an HS256 token with the first secret: sub and name say who, ttl
// how long from now, conversations where that user is a member without being
// added. Issuer and audience are those that Verify asks for. An empty name and
// no conversations leave the claims out.
func (v *Verifier) Mint(sub, name string, ttl time.Duration, conversations []string) (string, error) {
	if len(v.options.Secrets) == 0 {
		return "", ErrNoSecret
	}
	if !wire.ValidID(sub) {
		return "", fmt.Errorf("auth: sub must be a string of 1 to %d bytes without control characters", wire.MaxIDLength)
	}
	if ttl <= 0 {
		return "", errors.New("auth: a token must live for some time")
	}
	now := v.options.Now()
	c := claims{
		RegisteredClaims: jwt.RegisteredClaims{
			Issuer:    v.options.Issuer,
			IssuedAt:  jwt.NewNumericDate(now),
			ExpiresAt: jwt.NewNumericDate(now.Add(ttl)),
		},
		Subject: identifier(sub),
		Name:    name,
	}
	if v.options.Audience != "" {
		c.Audience = jwt.ClaimStrings{v.options.Audience}
	}
	for _, id := range conversations {
		if !wire.ValidID(id) {
			return "", errors.New("auth: a conversation is not an id")
		}
		c.Conversations = append(c.Conversations, identifier(id))
	}
	token, err := jwt.NewWithClaims(jwt.SigningMethodHS256, c).SignedString([]byte(v.options.Secrets[0]))
	if err != nil {
		return "", fmt.Errorf("auth: sign token: %w", err)
	}
	return token, nil
}
