package rules

import (
	"encoding/base64"
	"testing"

	"github.com/corrillo/corrillo/wire"
)

// FuzzMembersCursor: a cursor leads to where it was made, in its own
// conversation alone; no other text is one.
func FuzzMembersCursor(f *testing.F) {
	f.Add("c1", "ann", "c2", "")
	f.Add("dm:x", " ", "dm:y", "AAAAAAAAYW5u")
	f.Add("", "é\x00", "", "AAAA\nAAAA")
	f.Fuzz(func(t *testing.T, conversationID, userID, other, text string) {
		cursor := makeMembersCursor(conversationID, userID)
		after, ok := parseMembersCursor(conversationID, cursor)
		if ok != wire.ValidID(userID) || ok && after != userID {
			t.Fatalf("%q after %q leads to %q, %v", conversationID, userID, after, ok)
		}
		if other != conversationID {
			if after, ok := parseMembersCursor(other, cursor); ok {
				t.Fatalf("a cursor of %q is good for %q, after %q", conversationID, other, after)
			}
		}
		for _, s := range []string{text, cursor + text, base64.RawURLEncoding.EncodeToString([]byte(text))} {
			after, ok := parseMembersCursor(conversationID, s)
			if ok && s != "" && (!wire.ValidID(after) || makeMembersCursor(conversationID, after) != s) {
				t.Fatalf("%q is taken for a cursor after %q", s, after)
			}
		}
	})
}
