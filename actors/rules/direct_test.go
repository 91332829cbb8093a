package rules_test

import (
	"fmt"
	"testing"

	"github.com/corrillo/corrillo/actors/message"
	"github.com/corrillo/corrillo/actors/rules"
	"github.com/corrillo/corrillo/repo"
	"github.com/corrillo/corrillo/wire"
)

// TestConversation_DirectWithoutRemoved: who was removed from a direct
// conversation hears nothing of it, until restored.
func TestConversation_DirectWithoutRemoved(t *testing.T) {
	r := newRig(t, directAB, rules.Options{})
	r.table.participant(repo.ParticipantChange{UserID: "alice", PeerID: "bob"})
	r.table.participant(repo.ParticipantChange{UserID: "bob", PeerID: "alice"})
	r.step(&message.ChangeMembership{Origin: backEnd(1), Remove: []string{"bob"}})
	r.warm()
	r.step(r.post("alice", "before", ""))
	r.save()
	want(t, "audience", fmt.Sprint(r.save().Relay.Deliver[0].Users), "[alice]")
	want(t, "signal", events(r.step(&message.PassEvent{Origin: client("alice"), Event: "offer", Data: []byte("{}")})), "")
	want(t, "typing", events(r.step(&message.SetTyping{Origin: client("alice"), IsTyping: true})), "")
	want(t, "his own", codes(r.step(r.post("bob", "x", ""))), "forbidden")
	r.step(&message.ChangeMembership{Origin: backEnd(2), Add: []string{"bob"}})
	want(t, "restored", codes(r.save()), "ok")
	r.step(r.post("bob", "back", ""))
	want(t, "audience", fmt.Sprint(r.save().Relay.Deliver[0].Users), "[alice bob]")
}

// TestConversation_DirectToOneself: notes to oneself reach one's other
// devices; nobody is asked whether one may.
func TestConversation_DirectToOneself(t *testing.T) {
	r := newRig(t, wire.DirectID("alice", "alice"), rules.Options{DirectShared: true})
	m := r.post("alice", "note", "1")
	m.Origin.PeerID = "alice"
	r.step(m)
	if g := r.warm().Save; g == nil || len(g.Participants) != 1 || g.Messages[0].ReceiverID != "alice" {
		t.Fatalf("saved %+v", g)
	}
	d := r.save().Relay.Deliver[0]
	want(t, "audience", fmt.Sprint(d.Users, d.Except), "[alice] {alice 1}")
}

// TestConversation_DirectOfASystem: a message of someone who is not one of
// the two goes to both and makes no third participant.
func TestConversation_DirectOfASystem(t *testing.T) {
	r := newRig(t, directAB, rules.Options{})
	r.table.participant(repo.ParticipantChange{UserID: "alice", PeerID: "bob"})
	m := r.post("robot", "a reminder", "")
	m.Origin = backEnd(1)
	r.step(m)
	if g := r.warm().Save; len(g.Participants) != 1 || g.Participants[0].UserID != "bob" || g.Messages[0].ReceiverID != "" {
		t.Fatalf("saved %+v", g)
	}
	want(t, "audience", fmt.Sprint(r.save().Relay.Deliver[0].Users), "[alice bob]")
	if !r.c.Idle() {
		t.Fatal("a mark of the robot is dirty")
	}
}

// TestConversation_ResendFromANewSocket: of a direct message that was sent
// again before it was saved, the socket that lives gets the ack and no echo.
func TestConversation_ResendFromANewSocket(t *testing.T) {
	r := newRig(t, directAB, rules.Options{})
	r.table.participant(repo.ParticipantChange{UserID: "alice", PeerID: "bob"})
	r.table.participant(repo.ParticipantChange{UserID: "bob", PeerID: "alice"})
	r.step(r.post("alice", "psst", "1"))
	r.warm()
	r.step(r.post("alice/2", "psst", "1"))
	ready := r.save()
	want(t, "acks", codes(ready), "ok ok")
	want(t, "except", fmt.Sprint(ready.Relay.Deliver[0].Except), "{alice 2}")
}

// TestRender: a message that a relay has missed goes to whom it was for.
func TestRender(t *testing.T) {
	for _, tt := range []struct {
		label string
		m     repo.Message
		want  string
	}{
		{"group", repo.Message{ConversationID: "c1", Seq: 4, SenderID: "alice", ReceiverID: "x"}, "4 true []"},
		{"direct", repo.Message{ConversationID: directAB, Seq: 4, SenderID: "alice", ReceiverID: "bob"}, "4 false [alice bob]"},
		{"to oneself", repo.Message{ConversationID: "dm:x", Seq: 4, SenderID: "alice", ReceiverID: "alice"}, "4 false [alice]"},
		{"receiver not known", repo.Message{ConversationID: "dm:x", Seq: 4, SenderID: "alice"}, "4 false [alice]"},
	} {
		d := rules.Render(&tt.m)
		want(t, tt.label, fmt.Sprint(d.Seq, d.ToConversation, d.Users), tt.want)
	}
}
