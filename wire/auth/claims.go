package auth

import (
	"encoding/json"
	"errors"
	"maps"
	"strings"
	"unicode"

	"github.com/golang-jwt/jwt/v5"

	"github.com/corrillo/corrillo/wire"
)

// claims are those that Corrillo reads: sub, name, exp, nbf, iat, iss, aud and
// conversations.
type claims struct {
	jwt.RegisteredClaims
	Subject       identifier   `json:"sub,omitempty"` // hides the registered one, which takes no number
	Name          string       `json:"name,omitempty"`
	Conversations []identifier `json:"conversations,omitempty"`
}

// UnmarshalJSON implements json.Unmarshaler. The name of a claim "is case
// sensitive" (RFC 7519 section 10.1.1), and encoding/json takes any case:
// where an app signs fields of its users' own as well, "SUB" must not stand
// for "sub".
func (c *claims) UnmarshalJSON(raw []byte) error {
	var given map[string]json.RawMessage
	if err := json.Unmarshal(raw, &given); err != nil {
		return err
	}
	maps.DeleteFunc(given, func(name string, _ json.RawMessage) bool { return !isClaim(name) })
	exact, err := json.Marshal(given)
	if err != nil {
		return err
	}
	type plain claims
	return json.Unmarshal(exact, (*plain)(c))
}

func isClaim(name string) bool {
	switch name {
	case "sub", "name", "exp", "nbf", "iat", "iss", "aud", "conversations":
		return true
	}
	return false
}

// identifier is an id as tokens carry it: a string or an integer.
type identifier string

var errClaims = errors.New("claim of the wrong form")

// UnmarshalJSON implements json.Unmarshaler.
func (id *identifier) UnmarshalJSON(raw []byte) error {
	var s string
	if json.Unmarshal(raw, &s) == nil {
		*id = identifier(s)
		return nil
	}
	var n json.Number
	if json.Unmarshal(raw, &n) != nil || strings.ContainsAny(n.String(), ".eE") {
		return errClaims
	}
	*id = identifier(n)
	return nil
}

// identity turns checked claims into who the client is.
func (c *claims) identity() (wire.Identity, error) {
	if !wire.ValidID(string(c.Subject)) {
		return wire.Identity{}, refuse("the token's sub is not a user id")
	}
	who := wire.Identity{UserID: string(c.Subject), Username: displayName(c.Name)}
	if who.Username == "" {
		who.Username = who.UserID
	}
	if c.ExpiresAt != nil {
		who.Expires = c.ExpiresAt.Time
	}
	for _, id := range c.Conversations {
		if !wire.ValidID(string(id)) {
			return wire.Identity{}, refuse("the token's conversations are not ids")
		}
		who.Conversations = append(who.Conversations, string(id))
	}
	return who, nil
}

// displayName makes a name fit to be stored and shown: no control characters,
// no space around it, at most wire.MaxIDLength bytes.
func displayName(name string) string {
	name = strings.ToValidUTF8(name, "")
	name = strings.Map(func(r rune) rune {
		if unicode.IsControl(r) {
			return -1
		}
		return r
	}, name)
	if len(name) > wire.MaxIDLength {
		name = strings.ToValidUTF8(name[:wire.MaxIDLength], "")
	}
	return strings.TrimSpace(name)
}
