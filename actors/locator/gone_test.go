package locator_test

import (
	"testing"

	"github.com/corrillo/corrillo/actors/locator"
	"github.com/corrillo/corrillo/actors/message"
	"github.com/corrillo/corrillo/actors/placement"
)

// What a node has said that is gone by now, and that did not find room before, is not
// kept for later: nobody would ever say that its sessions have ended.
func TestLocator_KeepsNothingOfANodeThatHasGone(t *testing.T) {
	m := newMoving(t)
	m.settle(t, 0)
	user := m.own(locator.User, 0)
	m.Switch(placement.NewView(2, []placement.Node{{ID: "a", Since: 1}}))
	m.ToldTooMuch("b", locator.User, user, &message.SessionAttached{Session: message.SessionRef{Node: "b", ID: 1}})
	if w := m.Routing().Waiting; w.Messages != 0 {
		t.Errorf("%d messages of it wait", w.Messages)
	}
	last := &message.Beat{}
	if err := m.Tell(locator.User, user, last); err != nil {
		t.Fatal(err)
	}
	if got := <-m.arrived; got != last {
		if _, left := got.(*message.NodeLeft); !left {
			t.Errorf("the actor is told %T", got)
		}
	}
}
