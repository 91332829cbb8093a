package relay

import (
	"maps"
	"slices"
	"testing"
	"time"

	"github.com/corrillo/corrillo/wire"
)

// A node says of whom it knows a connection, or did a moment ago.
func TestHub_Present(t *testing.T) {
	h := NewHub(Options{})
	open(t, h, "alice")
	bob, conn := open(t, h, "bob")
	h.Detach(bob, conn, wire.CloseTransport)
	cy, conn := open(t, h, "cy")
	h.Detach(cy, conn, wire.CloseClient) // its actor is about to end it
	all := []string{"alice", "bob", "cy", "dave"}
	if got := slices.Sorted(maps.Keys(h.Present(all, time.Hour))); !slices.Equal(got, []string{"alice", "bob"}) {
		t.Errorf("present: %v", got)
	}
	if got := slices.Sorted(maps.Keys(h.Present(all, time.Nanosecond))); !slices.Equal(got, []string{"alice"}) {
		t.Errorf("without a grace time: %v", got)
	}
}
