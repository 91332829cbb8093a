package user

import (
	"fmt"
	"strings"
	"testing"

	"github.com/corrillo/corrillo/actors/message"
)

// Whoever opens connections faster than those that are too many go has no more of
// them for that.
func TestUser_BoundCountsNoneThatIsAboutToEnd(t *testing.T) {
	u, _ := rig(t)
	var ended []string
	u.o.PerUser = 2
	u.o.Elsewhere = func(node string, m any) {
		if m, ok := m.(*message.EndSession); ok {
			ended = append(ended, fmt.Sprint(node, m.Session.ID, " ", m.Reason))
		}
	}
	at := func(node string, id uint64) message.SessionRef { return message.SessionRef{Node: node, ID: id} }
	comes := func(ref message.SessionRef) { u.onAttached(&message.SessionAttached{Session: ref, Generation: 1}) }
	comes(at("a", 1))
	u.onDetached(&message.SessionDetached{Session: at("a", 1), Generation: 2})
	comes(at("b", 2))
	comes(at("c", 3)) // the first, which waits for a recovery, makes room
	comes(at("b", 4)) // before it has gone
	comes(at("c", 5))
	if got, want := strings.Join(ended, ", "), "a1 replaced, b4 rate_limited, c5 rate_limited"; got != want {
		t.Errorf("ended: %s, want %s", got, want)
	}
	for _, ref := range []message.SessionRef{at("a", 1), at("b", 4), at("c", 5)} {
		u.onEnded(&message.SessionEnded{Session: ref})
	}
	ended = nil
	u.onEnded(&message.SessionEnded{Session: at("b", 2)})
	if comes(at("a", 6)); ended != nil {
		t.Errorf("within the bound: %v is ended", ended)
	}
}
