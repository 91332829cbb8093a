package whereabouts_test

import (
	"fmt"
	"testing"

	"github.com/corrillo/corrillo/actors/message"
	"github.com/corrillo/corrillo/actors/whereabouts"
)

// Only nodes that have said so count as having a user: one that has told nothing yet
// is not asked about everybody.
func TestWhereabouts_At(t *testing.T) {
	nothing := func(string, any) {}
	w := whereabouts.New(whereabouts.Options{Must: nothing, Relay: nothing})
	w.Members([]string{"n1", "n2", "n3"})
	ann, bob := whereabouts.Hash("ann"), whereabouts.Hash("bob")
	w.Take("n1", &message.Whereabouts{Here: []uint64{ann, bob}})
	w.Take("n2", &message.Whereabouts{Here: []uint64{ann, bob}})
	w.Take("n2", &message.Whereabouts{Gone: []uint64{ann}})
	if got := fmt.Sprint(w.At([]string{"ann", "bob", "cy"})); got != "map[n1:[ann bob] n2:[bob]]" {
		t.Errorf("at %s", got)
	}
	w.Members([]string{"n2", "n3"})
	if got := fmt.Sprint(w.At([]string{"ann", "bob", "cy"})); got != "map[n2:[bob]]" {
		t.Errorf("when a node has left: at %s", got)
	}
}
