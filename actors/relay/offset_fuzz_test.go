package relay

import "testing"

// FuzzOffset: an offset is read as what it was written from, and whatever else
// is read as one is read as the same again.
func FuzzOffset(f *testing.F) {
	f.Add(uint64(1), "")
	f.Add(uint64(1)<<63, "AAAAAAAAAAQ")
	f.Add(^uint64(0), "AAAAAAAAAAR\n")
	f.Fuzz(func(t *testing.T, o uint64, text string) {
		if got, ok := parseOffset(formatOffset(o)); !ok || got != o || len(formatOffset(o)) != 11 {
			t.Fatalf("%d is written as %s, read as %d, %v", o, formatOffset(o), got, ok)
		}
		if got, ok := parseOffset(text); ok {
			if again, ok := parseOffset(formatOffset(got)); !ok || again != got {
				t.Fatalf("%q is %d, then %d", text, got, again)
			}
		}
	})
}
