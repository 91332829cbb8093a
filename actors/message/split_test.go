package message_test

import (
	"slices"
	"testing"

	"github.com/corrillo/corrillo/actors/message"
)

func events(r *message.Relayed) (all []string) {
	for i := range r.Deliver {
		all = append(all, r.Deliver[i].Event)
	}
	return all
}

func TestRelayed_For(t *testing.T) {
	ack := message.Reply{Origin: message.Origin{Session: message.SessionRef{Node: "n", ID: 1}}}
	direct := &message.Relayed{
		ConversationID: "dm:1", LastSeq: 7, FromSeq: 6, People: []string{"ann", "bob"},
		Deliver: []message.Delivery{{Event: "people", Seq: 7, Users: []string{"ann", "bob"}, Acks: []message.Reply{ack}}},
	}
	group := &message.Relayed{
		ConversationID: "r", LastSeq: 7,
		Deliver: []message.Delivery{
			{Event: "all", ToConversation: true}, {Event: "both", ToConversation: true, Users: []string{"ann"}}, {Event: "ann", Users: []string{"ann"}},
		},
	}
	for _, tt := range []struct {
		label           string
		m               *message.Relayed
		node            string
		listens, people bool
		events          []string
		replies         int
		lastSeq         int64
		none            bool
	}{
		{label: "its people are there", m: direct, node: "n", people: true, events: []string{"people"}, lastSeq: 7},
		{label: "an answer alone says nothing of the order", m: direct, node: "n", replies: 1},
		{label: "nobody is there", m: direct, node: "o", none: true},
		{label: "who has joined", m: group, node: "n", listens: true, events: []string{"all", "both"}, lastSeq: 7},
		{label: "who is named", m: group, node: "n", people: true, events: []string{"both", "ann"}, lastSeq: 7},
		{label: "both", m: group, node: "n", listens: true, people: true, events: []string{"all", "both", "ann"}, lastSeq: 7},
		{label: "nobody hears a group", m: group, node: "n", none: true},
	} {
		t.Run(tt.label, func(t *testing.T) {
			part := tt.m.For(tt.node, tt.listens, tt.people)
			if part == nil || tt.none {
				if (part == nil) != tt.none {
					t.Fatalf("got %+v, want none: %v", part, tt.none)
				}
				return
			}
			if got := events(part); !slices.Equal(got, tt.events) {
				t.Errorf("events %v, want %v", got, tt.events)
			}
			if len(part.Replies) != tt.replies || part.LastSeq != tt.lastSeq || (part.People != nil) != (tt.m.People != nil && tt.people) {
				t.Errorf("got %+v, want %d replies and the last seq %d", part, tt.replies, tt.lastSeq)
			}
		})
	}
}

func TestRelayed_ForPeople(t *testing.T) {
	m := &message.Relayed{
		ConversationID: "r", LastSeq: 7, Replies: []message.Reply{{}},
		Deliver: []message.Delivery{
			{Event: "all", ToConversation: true}, {Event: "both", ToConversation: true, Users: []string{"ann"}, Acks: []message.Reply{{}}},
			{Event: "ann", Users: []string{"ann"}},
		},
	}
	if got := events(m.ForPeople(false)); !slices.Equal(got, []string{"both", "ann"}) {
		t.Errorf("who has had nothing gets %v", got)
	}
	if got := events(m.ForPeople(true)); !slices.Equal(got, []string{"ann"}) {
		t.Errorf("who has listened gets %v", got)
	}
	if part := m.ForPeople(false); len(part.Replies)+len(part.Deliver[0].Acks) > 0 || part.LastSeq != 0 {
		t.Errorf("somebody is answered again, or a group's order is told: %+v", part)
	}
	if len(m.Deliver[1].Acks) != 1 {
		t.Error("the original was changed")
	}
	if part := (&message.Relayed{Deliver: m.Deliver[:1]}).ForPeople(false); part != nil {
		t.Errorf("what is for nobody is %+v", part)
	}
	direct := &message.Relayed{LastSeq: 7, FromSeq: 5, People: []string{"ann"}}
	if part := direct.ForPeople(false); part == nil || part.LastSeq != 7 || part.FromSeq != 5 || part.People == nil {
		t.Errorf("of what is to be looked for it says %+v", part)
	}
}
