package relay

import (
	"testing"

	"github.com/corrillo/corrillo/actors/message"
)

func TestHub_DeliverKeepsTheOrderOfChanges(t *testing.T) {
	h := NewHub(Options{})
	s, c := open(t, h, "alice")
	o := message.Origin{Session: s.Ref(), UserID: "alice"}
	h.Subscribe(&message.Relayed{ConversationID: "r", LastSeq: 3, NextRev: 5}, &message.Subscription{Origin: o, Reply: []byte(`"joined"`)})
	change := func(data string, rev int64) int64 {
		_, hole := h.Deliver("r", &message.Delivery{Event: "u", Data: []byte(data), Rev: rev, ToConversation: true, Acks: []message.Reply{{
			Origin: message.Origin{Session: s.Ref(), Ack: uint64(rev), WantsAck: true}, Data: []byte(data),
		}}})
		return hole
	}
	if hole := change("4", 4); hole != 0 {
		t.Errorf("a change that the join knew of: the hole begins at %d", hole)
	}
	c.got(t, "ack44") // answered, and not heard
	if hole := change("7", 7); hole != 5 {
		t.Errorf("the hole begins at %d, want 5", hole)
	}
	for _, rev := range []int64{4, 5} { // 6 was changed again
		h.DeliverFilled("r", &message.Delivery{Event: "u", Data: []byte("5"), Rev: rev, ToConversation: true})
	}
	h.PassedOnRev("r", 6)
	if hole := change("7", 7); hole != 0 {
		t.Errorf("the hole is still there, from %d on", hole)
	}
	change("7", 7) // told again
	toRoom(h, "r", "4", 4)
	c.got(t, "u5", "ack77", "u7", "ack77", "m4")
}

func TestHub_BehindRev(t *testing.T) {
	now := func(next int64) *message.Relayed {
		return &message.Relayed{ConversationID: "r", LastSeq: 3, NextRev: next}
	}
	h := NewHub(Options{})
	s, _ := open(t, h, "alice")
	if first := h.BehindRev(now(5), 4); first != 0 {
		t.Errorf("behind from %d on where nobody is", first)
	}
	o := message.Origin{Session: s.Ref(), UserID: "alice"}
	h.Subscribe(now(1), &message.Subscription{Origin: o})
	steps := []struct {
		what    string
		m       *message.Relayed
		through int64
		want    int64
	}{
		{"nothing was changed yet", now(1), 0, 0},
		{"the first change was not told", now(3), 1, 1},
		{"and the second", now(3), 2, 1},
		{"a part that does not say how far it is", &message.Relayed{ConversationID: "r"}, 5, 0},
		{"a node that does not count", &message.Relayed{ConversationID: "r", LastSeq: 4}, -1, 0},
		{"one that does, afterwards", now(8), 7, 0},
		{"it is followed from there", now(9), 8, 8},
	}
	for _, step := range steps {
		if first := h.BehindRev(step.m, step.through); first != step.want {
			t.Errorf("%s: behind from %d on, want %d", step.what, first, step.want)
		}
	}
	h.CloseListeners("r", nil)
	if first := h.BehindRev(now(20), 19); first != 0 {
		t.Errorf("behind from %d on when the listeners were closed", first)
	}
}

// One of the two people who has come after the last message hears a change whose
// outcome was lost.
func TestHub_FollowsTheChangesOfADirectConversationFromItsActivationOn(t *testing.T) {
	h := NewHub(Options{})
	open(t, h, "bob")
	again := &message.Relayed{ConversationID: "dm:x", LastSeq: 6, FromSeq: 6, NextRev: 3, FromRev: 1, People: []string{"alice", "bob"}}
	if first := h.Behind(again); first != 0 {
		t.Errorf("behind from seq %d on", first)
	}
	if first := h.BehindRev(again, again.NextRev-1); first != 2 {
		t.Errorf("behind from rev %d on, want 2", first)
	}
}

// The page of an owner that did not know of a change is not the answer to a join
// that was told again: the change was held back before, and is not any more.
func TestHub_AJoinToldAgainBringsChanges(t *testing.T) {
	h := NewHub(Options{})
	s, c := open(t, h, "alice")
	o := message.Origin{Session: s.Ref(), UserID: "alice", Serial: 1, Ack: 1, WantsAck: true}
	open := func(rev int64, data string) {
		h.OpenGate(&message.GateOpened{ConversationID: "r", Reply: message.Reply{Origin: o, Data: []byte(data)}, Through: 3, ThroughRev: rev})
	}
	h.Subscribe(&message.Relayed{ConversationID: "r", LastSeq: 3, NextRev: 2}, &message.Subscription{Origin: o, Gated: true})
	h.Deliver("r", &message.Delivery{Event: "u", Data: []byte("2"), Rev: 2, ToConversation: true})
	h.Subscribe(&message.Relayed{ConversationID: "r", LastSeq: 3, NextRev: 3}, &message.Subscription{Origin: o, Gated: true})
	open(1, `"through 1"`)
	c.got(t)
	open(2, `"through 2"`)
	c.got(t, `ack1"through 2"`)
}
