package rules_test

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/corrillo/corrillo/actors/message"
	"github.com/corrillo/corrillo/actors/rules"
	"github.com/corrillo/corrillo/repo"
	"github.com/corrillo/corrillo/wire"
)

// roomOfTwo is full: alice and bob are its participants.
func roomOfTwo(t *testing.T, m rules.Membership) *rig {
	t.Helper()
	r := newRig(t, "c1", rules.Options{Members: 2, Membership: m})
	r.table.fill(1)
	r.table.add("alice", "bob")
	warmUp(r)
	return r
}

// TestConversation_Guests: who comes to an open conversation that takes no
// further participants joins, hears and writes, and has no read mark.
func TestConversation_Guests(t *testing.T) {
	r := roomOfTwo(t, rules.MembershipOpen)
	want(t, "join", codes(r.step(join("eve"))), "joined")
	r.step(r.post("eve", "hello", "1"))
	if g := r.flying; len(g.Messages) != 1 || len(g.Participants) != 0 {
		t.Fatalf("it saves %+v", g)
	}
	ready := r.save()
	want(t, "ack", codes(ready), "ok")
	want(t, "events", events(ready), wire.EventNewMessage)
	ready = r.step(&message.MarkRead{Origin: client("eve"), Seq: 1})
	want(t, "mark", codes(ready), "")
	ready = r.step(&message.MessageFound{Lookup: r.lookups[0].ID, Message: repo.Message{ID: "old1", ConversationID: "c1", Seq: 1}})
	want(t, "mark", codes(ready), string(wire.CodeForbidden))
	if ready.Full != 1 {
		t.Errorf("%d were counted as refused", ready.Full)
	}
	r.now = r.now.Add(time.Hour)
	r.step(&message.Tick{})
	if r.flying != nil {
		t.Errorf("a guest's mark is saved: %+v", r.flying)
	}
	// Those who are listed have what they had.
	r.step(&message.MarkRead{Origin: client("bob"), Seq: 2})
	want(t, "bob's mark", codes(r.save()), "ok")
	r.step(r.post("alice", "hi", "1"))
	r.save()
	r.now = r.now.Add(time.Hour)
	r.step(&message.Tick{})
	r.save()
	if p := r.table.people["alice"]; p.LastReadSeq != 3 {
		t.Errorf("alice's own mark is at %d", p.LastReadSeq)
	}
	r.step(&message.SessionClosed{Session: session("eve")})
	if len(r.table.order) != 2 || !r.c.Idle() {
		t.Errorf("participants %v, idle %t", r.table.order, r.c.Idle())
	}
}

// TestConversation_Full: the back end can add nobody to a full conversation,
// and remove everybody.
func TestConversation_Full(t *testing.T) {
	for _, tt := range []struct {
		label       string
		add, remove []string
		want        wire.Code
	}{
		{"one more", []string{"eve"}, nil, wire.CodePayloadTooLarge},
		{"one who is in it", []string{"bob"}, nil, ""},
		{"one more for one who goes", []string{"eve"}, []string{"bob"}, wire.CodePayloadTooLarge},
		{"one goes", nil, []string{"bob"}, ""},
		{"one goes who was never there", nil, []string{"eve"}, ""},
	} {
		t.Run(tt.label, func(t *testing.T) {
			r := roomOfTwo(t, rules.MembershipMembers)
			ready := r.step(&message.ChangeMembership{Origin: backEnd(1), Add: tt.add, Remove: tt.remove, At: r.now})
			if tt.want != "" {
				want(t, "refused", codes(ready), string(tt.want))
				if r.flying != nil || ready.Full != 1 {
					t.Errorf("saves %+v, counted %d", r.flying, ready.Full)
				}
				return
			}
			want(t, "done", codes(r.save()), "ok")
			for _, id := range tt.remove {
				if r.table.people[id].RemovedAt.IsZero() {
					t.Errorf("%s is not removed", id)
				}
			}
		})
	}
}

// TestConversation_FullAnew: a conversation that has more participants than it
// takes, as an import makes it, keeps them all; rows that were not saved leave
// their places to others.
func TestConversation_FullAnew(t *testing.T) {
	r := newRig(t, "c1", rules.Options{Members: 2})
	r.table.add("alice", "bob", "carol")
	r.step(join("carol"))
	r.warm()
	r.step(&message.ChangeMembership{Origin: backEnd(1), Add: []string{"dave"}, At: r.now})
	want(t, "carol is listed", fmt.Sprint(r.flying == nil, len(r.table.order)), "true 3")

	r = newRig(t, "c2", rules.Options{Members: 2})
	r.step(join("alice"))
	r.warm()
	r.step(join("bob"))
	r.fail(message.ErrOverloaded)
	r.save()
	for _, who := range []string{"eve", "alice"} {
		r.step(join(who))
		if r.flying != nil {
			r.save()
		}
	}
	if !slices.Equal(r.table.order, []string{"bob", "eve"}) {
		t.Errorf("participants %v", r.table.order)
	}
}

// TestConversation_FullOfTwo: two people are always taken.
func TestConversation_FullOfTwo(t *testing.T) {
	r := newRig(t, directAB, rules.Options{Members: 1})
	o := client("alice")
	o.PeerID = "bob"
	r.step(r.postBy(o, "hello", "1"))
	r.warm()
	want(t, "ack", codes(r.save()), "ok")
	if len(r.table.order) != 2 {
		t.Errorf("participants %v", r.table.order)
	}
}
