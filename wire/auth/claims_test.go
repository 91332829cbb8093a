package auth_test

import (
	"testing"

	"github.com/golang-jwt/jwt/v5"

	"github.com/corrillo/corrillo/wire/auth"
)

// Claims that an app signs beside ours, such as fields that users fill in
// themselves, are not ours in another case.
func TestVerifier_ClaimNamesHaveOneCase(t *testing.T) {
	v := mustNew(t, auth.Options{Secrets: []string{secret}})
	for _, name := range []string{"SUB", "Sub", "\u017fub"} { // the last folds to an s
		for _, sub := range []string{"alice", "zoe"} { // encoding/json sorts the names of a map
			who, err := v.Verify(t.Context(), sign(t, jwt.SigningMethodHS256, []byte(secret), "", claims(jwt.MapClaims{"sub": sub, name: "mallory"})))
			if err != nil || who.UserID != sub {
				t.Errorf("%s beside sub: taken as %q, %v", name, who.UserID, err)
			}
		}
		if who, err := v.Verify(t.Context(), sign(t, jwt.SigningMethodHS256, []byte(secret), "", claims(jwt.MapClaims{"sub": nil, name: "mallory"}))); err == nil {
			t.Errorf("%s without sub: taken as %q", name, who.UserID)
		}
	}
	late := claims(jwt.MapClaims{"exp": fixedNow().Unix() - 60, "EXP": fixedNow().Unix() + 60, "Conversations": []string{"c1"}})
	if who, err := v.Verify(t.Context(), sign(t, jwt.SigningMethodHS256, []byte(secret), "", late)); err == nil {
		t.Errorf("EXP beside exp: taken as %+v", who)
	}
}
