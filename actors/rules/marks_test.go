package rules_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/corrillo/corrillo/actors/message"
	"github.com/corrillo/corrillo/actors/rules"
	"github.com/corrillo/corrillo/repo"
	"github.com/corrillo/corrillo/wire"
)

// TestConversation_StoredMark: what the store knows of a reader counts from
// the first moment on.
func TestConversation_StoredMark(t *testing.T) {
	r := newRig(t, "c1", rules.Options{})
	r.table.fill(5)
	r.table.participant(repo.ParticipantChange{UserID: "alice", ReadSeq: 3})
	r.step(join("alice"))
	sub := r.warm().Relay.Join[0]
	want(t, "join", string(sub.Reply), `{"status":"ok","conversationId":"c1","lastSeq":5,"lastRev":0,"readSeq":3,"unread":2,"missed":[],"changed":[],"hasMore":false}`)
	ready := r.step(&message.MarkRead{Origin: client("alice"), Seq: 3})
	want(t, "not moved", string(replies(ready)[0].Data), `{"status":"ok","conversationId":"c1","readSeq":3}`)
	if len(ready.Lookups) > 0 || len(ready.Relay.Deliver) > 0 {
		t.Fatalf("told again: %+v", ready)
	}
}

// TestConversation_ReadAfterWriting: her own message has moved her mark, and
// the writer of the one before still hears that it was read.
func TestConversation_ReadAfterWriting(t *testing.T) {
	r := newRig(t, "c1", rules.Options{})
	r.table.add("alice", "bob")
	r.step(r.post("bob", "question", ""))
	r.warm()
	r.save()
	r.step(r.post("alice", "answer", ""))
	r.save()
	r.now = r.now.Add(time.Second)
	r.step(&message.Tick{})
	r.save()
	ready := r.step(&message.MarkRead{Origin: client("alice"), MessageID: "m1"})
	want(t, "told", events(ready), wire.EventMessageRead)
	want(t, "answered at once", codes(ready), "ok")
	if ready.Save != nil {
		t.Fatal("a mark that does not move is saved")
	}
}

// TestConversation_OwnMarks: sending moves the sender's mark at once, and it
// is stored once a Coalesce, with the group that is due then or a Tick's.
func TestConversation_OwnMarks(t *testing.T) {
	r := newRig(t, "c1", rules.Options{})
	r.table.add("alice")
	r.step(r.post("alice", "x", ""))
	r.warm()
	r.save()
	var written []time.Duration
	for i := range 30 {
		r.now = r.now.Add(100 * time.Millisecond)
		g := r.step(r.post("alice", "x", "")).Save
		if len(g.Participants) > 0 {
			written = append(written, time.Duration(i+1)*100*time.Millisecond)
		}
		r.save()
	}
	if len(written) < 2 || len(written) > 3 || written[0] != time.Second {
		t.Fatalf("written at %v", written)
	}
	ready := r.step(join("alice"))
	want(t, "in memory", fmt.Sprint(string(ready.Relay.Join[0].Reply[:79])), `{"status":"ok","conversationId":"c1","lastSeq":31,"lastRev":0,"readSeq":31,"unr`)
}

// TestConversation_BackEndSender: the back end speaks for someone; that makes
// a participant in an open conversation alone.
func TestConversation_BackEndSender(t *testing.T) {
	for mode, want := range map[rules.Membership]int{rules.MembershipOpen: 1, rules.MembershipMembers: 0, rules.MembershipQuery: 0} {
		r := newRig(t, "c1", rules.Options{Membership: mode})
		m := r.post("bob", "x", "")
		m.Origin = backEnd(1)
		r.step(m)
		if g := r.warm().Save; len(g.Participants) != want {
			t.Fatalf("mode %d: %d participants", mode, len(g.Participants))
		}
		r.save()
		r.now = r.now.Add(time.Minute)
		r.step(&message.Tick{})
		if got := r.flying != nil; got != (want > 0) {
			t.Fatalf("mode %d: mark written %v", mode, got)
		}
	}
}

// TestConversation_MarkOfTheOverloaded: a mark that was not stored is neither
// told nor answered, and moves with the next try.
func TestConversation_MarkOfTheOverloaded(t *testing.T) {
	r := newRig(t, "c1", rules.Options{})
	r.table.add("alice", "bob")
	r.step(r.post("bob", "x", ""))
	r.warm()
	r.save()
	mark := &message.MarkRead{Origin: client("alice"), MessageID: "m1"}
	r.step(mark)
	ready := r.fail(message.ErrOverloaded)
	want(t, "refused", codes(ready), "overloaded")
	want(t, "told", events(ready), "")
	if ready := r.step(mark); ready.Save == nil {
		t.Fatal("taken as stored")
	}
	ready = r.save()
	want(t, "stored", codes(ready), "ok")
	want(t, "told", events(ready), wire.EventMessageRead)
}

// TestConversation_MarkOfWhatIsInFlight: a page of history shows a message before
// its conversation knows that it is stored. Its mark is no lower for that.
func TestConversation_MarkOfWhatIsInFlight(t *testing.T) {
	r := newRig(t, "c1", rules.Options{Waiting: 3})
	r.table.add("alice", "bob")
	r.step(r.post("bob", "1", ""))
	r.warm()
	r.save()
	r.step(r.post("bob", "2", ""))
	mark := func(seq int64) *message.MarkRead { return &message.MarkRead{Origin: client("alice"), Seq: seq} }
	want(t, "waits for the outcome", codes(r.step(mark(2))), "")
	want(t, "so does one that is too high", codes(r.step(mark(99))), "")
	r.step(mark(3))
	want(t, "as many as may wait", codes(r.step(mark(3))), "overloaded")
	ready := r.save()
	want(t, "the message", events(ready), wire.EventNewMessage)
	ready = r.save()
	want(t, "told once", events(ready), wire.EventMessageRead)
	for _, reply := range replies(ready) {
		want(t, "stored", string(reply.Data), `{"status":"ok","conversationId":"c1","readSeq":2}`)
	}
	if n := len(replies(ready)); n != 3 {
		t.Errorf("%d answers, want 3", n)
	}
	r.step(r.post("bob", "3", ""))
	r.step(mark(3))
	want(t, "nobody knows", codes(r.fail(repo.ErrUnavailable)), "unavailable unavailable")
}

// TestConversation_PresenceOfTwoDevices: one of two sessions leaves, which is
// no news; the last one does, and whoever comes back is shown anew.
func TestConversation_PresenceOfTwoDevices(t *testing.T) {
	r := newRig(t, "c1", rules.Options{})
	r.table.add("alice", "bob")
	online := &message.PresenceChanged{UserID: "alice", Status: wire.PresenceStatus{Online: true}}
	r.step(join("alice"))
	r.warm()
	r.step(join("alice/2"))
	want(t, "first", events(r.step(online)), "presence")
	r.now = r.now.Add(time.Minute)
	r.step(&message.SessionClosed{Session: session("alice/2")})
	want(t, "still there", events(r.step(online)), "")
	r.step(&message.SessionClosed{Session: session("alice")})
	r.step(join("alice"))
	want(t, "back", events(r.step(online)), "presence")
}

// TestConversation_PresencePaceOfTheAbsent: the pace holds for users who have
// no session here, too, and nothing of them is kept.
func TestConversation_PresencePaceOfTheAbsent(t *testing.T) {
	r := newRig(t, "c1", rules.Options{})
	told := 0
	for i := range 20 {
		ready := r.step(&message.PresenceChanged{UserID: "alice", Status: wire.PresenceStatus{Online: i%2 == 0}})
		told += len(ready.Relay.Deliver)
	}
	if told != 1 {
		t.Fatalf("told %d times", told)
	}
	r.now = r.now.Add(time.Second)
	want(t, "the last state", events(r.step(&message.Tick{})), "presence")
	if tick := r.step(&message.Tick{}).Tick; !tick.IsZero() {
		t.Fatalf("still something to do at %v", tick)
	}
}

// TestConversation_PresenceOfTwoUsers: each has a pace of its own.
func TestConversation_PresenceOfTwoUsers(t *testing.T) {
	r := newRig(t, "c1", rules.Options{})
	set := func(user string, online bool) {
		r.step(&message.PresenceChanged{UserID: user, Status: wire.PresenceStatus{Online: online}})
	}
	set("alice", true)
	set("alice", false)
	r.now = r.now.Add(500 * time.Millisecond)
	set("bob", true)
	set("bob", false)
	r.now = r.now.Add(500 * time.Millisecond)
	ready := r.step(&message.Tick{})
	want(t, "alice's", string(ready.Relay.Deliver[0].Data), `{"userId":"alice","status":"offline","lastSeen":null}`)
	want(t, "next", ready.Tick.Sub(r.now).String(), "500ms")
	r.now = ready.Tick
	ready = r.step(&message.Tick{})
	want(t, "bob's", string(ready.Relay.Deliver[0].Data), `{"userId":"bob","status":"offline","lastSeen":null}`)
}

// TestConversation_SlowSave: a save that takes longer than the memory of
// repeats is kept is still one message.
func TestConversation_SlowSave(t *testing.T) {
	r := newRig(t, "c1", rules.Options{})
	r.table.add("alice")
	r.step(r.post("alice", "x", "1"))
	r.warm()
	r.save()
	r.step(r.post("alice", "x", "2"))
	r.now = r.now.Add(time.Minute)
	r.step(&message.Tick{})
	r.step(r.post("alice/2", "x", "2"))
	ready := r.save()
	want(t, "both", codes(ready), "ok ok")
	if g := ready.Save; g != nil && len(g.Messages) > 0 {
		t.Fatal("saved twice")
	}
}

// TestConversation_OwnMarkOfARestoredUser: who is added again and writes at once
// has read what they wrote, also when nobody knew whether the removal before it
// was stored.
func TestConversation_OwnMarkOfARestoredUser(t *testing.T) {
	r := newRig(t, "c1", rules.Options{})
	r.table.add("alice", "bob")
	warmUp(r)
	r.step(&message.ChangeMembership{Origin: backEnd(1), Remove: []string{"bob"}, At: r.now})
	r.step(&message.ChangeMembership{Origin: backEnd(2), Add: []string{"bob"}, At: r.now})
	r.step(r.post("bob", "here again", "1"))
	g := r.take()
	r.table.save(g)
	r.step(&message.GroupSaved{Serial: g.Serial, Result: repo.GroupResult{Err: repo.ErrUnavailable}})
	r.warm()
	want(t, "ack", codes(r.save()), "ok ok")
	r.now = r.now.Add(time.Hour)
	r.step(&message.Tick{})
	if r.flying != nil {
		r.save()
	}
	if p := r.table.people["bob"]; p.LastReadSeq != 1 {
		t.Errorf("bob's own mark is at %d", p.LastReadSeq)
	}
}
