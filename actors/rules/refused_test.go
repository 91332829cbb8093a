package rules_test

import (
	"errors"
	"testing"

	"github.com/corrillo/corrillo/actors/message"
	"github.com/corrillo/corrillo/actors/rules"
	"github.com/corrillo/corrillo/repo"
	"github.com/corrillo/corrillo/wire"
)

func refusal(what string) *repo.Refusal {
	return &repo.Refusal{Sentence: "the app's table t refuses this " + what, Cause: errors.New("SELECT secret")}
}

func wantRefusal(t *testing.T, ready *rules.Ready, what string) {
	t.Helper()
	all := replies(ready)
	if len(all) != 1 || all[0].Err == nil || all[0].Err.Code != wire.CodeInvalidPayload || all[0].Err.Message != "the app's table t refuses this "+what {
		t.Errorf("got %+v", all)
	}
}

// TestConversation_RefusedByTheApp: the sender reads the app's table's own
// reason, and the same again is a new try.
func TestConversation_RefusedByTheApp(t *testing.T) {
	r := newRig(t, "c1", rules.Options{})
	r.table.add("alice")
	post := r.post("alice", "x", "t1")
	r.step(post)
	r.warm()
	r.take()
	wantRefusal(t, r.saved(repo.GroupResult{Epoch: 1, Messages: []repo.MessageResult{{Outcome: repo.OutcomeRejected, Err: refusal("message")}}}), "message")
	if again := r.step(post); again.Save == nil {
		t.Errorf("the same tempId is not tried again: %+v", again)
	}
}

// TestConversation_RefusedMark: a mark that the app's table refuses has not
// moved, is told to nobody, and may be set again.
func TestConversation_RefusedMark(t *testing.T) {
	r := newRig(t, "c1", rules.Options{})
	r.table.fill(3)
	r.table.add("alice", "bob")
	r.step(join("bob"))
	r.warm()
	mark := &message.MarkRead{Origin: client("alice"), Seq: 2}
	r.step(mark)
	for _, l := range r.lookups {
		r.step(&message.MessageFound{Lookup: l.ID, Message: repo.Message{ConversationID: "c1", ID: "m2", Seq: 2, SenderID: "bob"}})
	}
	g := r.take()
	if len(g.Participants) != 1 || g.Participants[0].ReadSeq != 2 {
		t.Fatalf("%+v", g)
	}
	res := repo.GroupResult{Epoch: g.Epoch, LastSeq: g.LastSeq, LastRev: g.LastRev, MarksRefused: map[string]error{"alice": refusal("read mark")}}
	ready := r.saved(res)
	wantRefusal(t, ready, "read mark")
	if len(ready.Relay.Deliver) > 0 {
		t.Errorf("told: %+v", ready.Relay.Deliver)
	}
	r.step(mark)
	for _, l := range r.lookups[1:] {
		r.step(&message.MessageFound{Lookup: l.ID, Message: repo.Message{ConversationID: "c1", ID: "m2", Seq: 2, SenderID: "bob"}})
	}
	want(t, "told", events(r.save()), wire.EventMessageRead)
}
