package sqlstore

import (
	"encoding/base64"
	"errors"
	"testing"
	"time"

	"github.com/corrillo/corrillo/repo"
)

// FuzzCursor: a cursor leads to where it was made, and whatever is taken for
// one has a time that a database can hold and the id of a conversation.
func FuzzCursor(f *testing.F) {
	f.Add(int64(1795574070532), "room-1", "")
	f.Add(int64(-1), "é ", "bXd2.cm9vbQ")
	f.Add(int64(253402300799999), "a.b", ".")
	f.Add(int64(9223372036854775807), "", "LTFmZmZmZmZmZmZmZmY.YQ")
	f.Fuzz(func(t *testing.T, ms int64, id, text string) {
		at := time.UnixMilli(ms).UTC()
		got, gotID, err := parseCursor(makeCursor(at, id))
		if good := validID(id) && at.Year() >= 1000 && at.Year() <= 9999; good != (err == nil) {
			t.Fatalf("the cursor at %v, %q: %v", at, id, err)
		} else if good && (got != stamp(at) || gotID != id) {
			t.Fatalf("the cursor at %v, %q leads to %s, %q", at, id, got, gotID)
		}
		b64 := base64.RawURLEncoding.EncodeToString
		for _, s := range []string{text, b64([]byte(text)) + "." + b64([]byte(id)), text + "." + b64([]byte(id))} {
			got, gotID, err := parseCursor(s)
			if err != nil {
				if !errors.Is(err, repo.ErrInvalidCursor) {
					t.Fatalf("%q: %v", s, err)
				}
				continue
			}
			at, err := time.Parse(timeLayout, got)
			if err != nil || !validID(gotID) {
				t.Fatalf("%q leads to %s, %q: %v", s, got, gotID, err)
			}
			if again, againID, err := parseCursor(makeCursor(at, gotID)); err != nil || again != got || againID != gotID {
				t.Fatalf("%q leads to %s, %q; a cursor made there to %s, %q, %v", s, got, gotID, again, againID, err)
			}
		}
	})
}
