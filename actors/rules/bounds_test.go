package rules_test

import (
	"strings"
	"testing"
	"time"

	"github.com/corrillo/corrillo/actors/message"
	"github.com/corrillo/corrillo/actors/rules"
	"github.com/corrillo/corrillo/repo"
	"github.com/corrillo/corrillo/wire"
)

// TestConversation_Bounds: what does not fit is refused with `overloaded`,
// and nothing else suffers.
func TestConversation_Bounds(t *testing.T) {
	const n = 4
	for _, tt := range []struct {
		label string
		o     rules.Options
		first func(r *rig) // brings the conversation to where the bound counts
		one   func(r *rig, i int) any
	}{
		{"waiting for the activation", rules.Options{Waiting: n}, func(*rig) {}, func(r *rig, _ int) any { return r.post("alice", "x", "") }},
		{
			"waiting for a check", rules.Options{Waiting: n, Membership: rules.MembershipQuery}, warmUp,
			func(*rig, int) any { return join("eve") },
		},
		{"waiting for a lookup", rules.Options{Waiting: n}, warmUp, func(*rig, int) any { return &message.MarkRead{Origin: client("alice"), MessageID: "?"} }},
		{
			"repeats of a pending message", rules.Options{Waiting: n}, func(r *rig) { warmUp(r); r.step(r.post("alice", "x", "t")) },
			func(r *rig, _ int) any { return r.post("alice", "x", "t") },
		},
		{
			"rows of the next group", rules.Options{GroupRows: n + 2}, func(r *rig) { warmUp(r); r.step(r.post("alice", "x", "")) },
			func(r *rig, _ int) any { return r.post("alice", "x", "") },
		},
		{
			"changes in the next group", rules.Options{GroupRows: n}, func(r *rig) { warmUp(r); r.step(r.post("alice", "x", "")) },
			func(*rig, int) any { return &message.EditMessage{Origin: client("alice"), MessageID: "old1"} },
		},
		{
			"bytes of changes", rules.Options{GroupBytes: 1200 * n}, func(r *rig) { warmUp(r); r.step(r.post("alice", "x", "")) },
			func(*rig, int) any {
				return &message.EditMessage{Origin: client("alice"), MessageID: "old1", Content: strings.Repeat("x", 1000)}
			},
		},
		{
			"bytes of participants", rules.Options{GroupBytes: 240*n + 100}, func(r *rig) { warmUp(r); r.step(r.post("alice", "x", "")) },
			func(_ *rig, i int) any {
				return &message.ChangeMembership{Origin: backEnd(i + 1), Add: []string{strings.Repeat("x", i+1), strings.Repeat("y", i+1)}}
			},
		},
		{
			"bytes of the next group", rules.Options{GroupBytes: 1400 * n}, func(r *rig) { warmUp(r); r.step(r.post("alice", "x", "")) },
			func(r *rig, _ int) any { return r.post("alice", strings.Repeat("x", 1000), "") },
		},
	} {
		t.Run(tt.label, func(t *testing.T) {
			r := newRig(t, "c1", tt.o)
			r.table.fill(1)
			r.table.add("alice")
			tt.first(r)
			for i := range n {
				if got := codes(r.step(tt.one(r, i))); got != "" {
					t.Fatalf("command %d of %d that fit: %s", i+1, n, got)
				}
			}
			for range 2 {
				want(t, "over the bound", codes(r.step(tt.one(r, n))), "overloaded")
			}
		})
	}
}

func warmUp(r *rig) {
	r.step(&message.SetTyping{Origin: client("alice")})
	r.warm()
	if r.c.Idle() {
		return
	}
	r.step(&message.MembershipChecked{UserID: "alice", Member: true})
}

// TestConversation_LargeMessage: a message larger than a group is meant to be
// goes alone.
func TestConversation_LargeMessage(t *testing.T) {
	r := newRig(t, "c1", rules.Options{GroupBytes: 1000})
	r.table.add("alice")
	r.step(r.post("alice", strings.Repeat("x", 5000), "1"))
	r.warm()
	want(t, "reply", codes(r.save()), "ok")
}

// TestConversation_LateOutcome: the outcome of a group that was given up is
// not taken for that of the next one.
func TestConversation_LateOutcome(t *testing.T) {
	r := newRig(t, "c1", rules.Options{})
	r.table.add("alice")
	r.step(r.post("alice", "one", "1"))
	r.warm()
	late := r.take()
	serial := late.Serial
	want(t, "abandoned", codes(r.c.Abandon(wire.Errorf(wire.CodeInternal, "failed"))), "internal")
	if r.c.Idle() {
		t.Fatal("idle while a row may be committed that nobody was told of")
	}
	r.step(r.post("alice", "two", "2"))
	r.warm()
	for _, res := range []repo.GroupResult{{Err: repo.ErrFenced}, {Err: repo.ErrUnavailable}, {Messages: make([]repo.MessageResult, 1)}} {
		if ready := r.step(&message.GroupSaved{Serial: serial, Result: res}); ready.HasRelay || ready.Activate || ready.Save != nil {
			t.Fatalf("%+v: taken for the group in flight: %+v", res, ready)
		}
	}
	want(t, "its own outcome", codes(r.save()), "ok")
}

// TestConversation_BrokenOutcome: results that do not fit the group are
// nobody's ack.
func TestConversation_BrokenOutcome(t *testing.T) {
	r := newRig(t, "c1", rules.Options{})
	r.table.add("alice")
	r.step(r.post("alice", "one", "1"))
	r.warm()
	r.take()
	ready := r.saved(repo.GroupResult{Epoch: 1, LastSeq: 1})
	want(t, "reply", codes(ready), "internal")
	if !ready.Activate {
		t.Fatal("goes on without knowing what is stored")
	}
}

// TestConversation_FencedTooOften: at last the senders are told.
func TestConversation_FencedTooOften(t *testing.T) {
	r := newRig(t, "c1", rules.Options{FencedTries: 2})
	r.table.add("alice")
	r.step(r.post("alice", "one", "1"))
	r.warm()
	for range 2 {
		if ready := r.fail(repo.ErrFenced); !ready.Activate || ready.HasRelay {
			t.Fatalf("not tried again: %+v", ready)
		}
		r.warm()
	}
	ready := r.fail(repo.ErrFenced)
	want(t, "reply", codes(ready), "unavailable")
	if !ready.Activate {
		t.Fatal("goes on behind the fence")
	}
	r.step(r.post("alice", "one", "1"))
	r.warm()
	want(t, "a new try", codes(r.save()), "ok")
}

// TestConversation_FencedTooLong: nor does a slow store make them wait.
func TestConversation_FencedTooLong(t *testing.T) {
	r := newRig(t, "c1", rules.Options{FencedTries: 100, FencedFor: 3 * time.Second})
	r.table.add("alice")
	r.step(r.post("alice", "one", "1"))
	r.warm()
	for range 2 { // 0 s and 2 s after the first time
		if ready := r.fail(repo.ErrFenced); !ready.Activate || ready.HasRelay {
			t.Fatalf("not tried again: %+v", ready)
		}
		r.now = r.now.Add(2 * time.Second)
		r.warm()
	}
	want(t, "reply", codes(r.fail(repo.ErrFenced)), "unavailable")
}

// TestConversation_OldestRepeatIsForgotten: the memory is bounded; the store
// answers for the rest.
func TestConversation_OldestRepeatIsForgotten(t *testing.T) {
	r := newRig(t, "c1", rules.Options{RecentKeys: 2})
	r.table.add("alice")
	r.step(r.post("alice", "x", "1"))
	r.warm()
	r.save()
	for _, tempID := range []string{"2", "3"} {
		r.step(r.post("alice", "x", tempID))
		r.save()
	}
	want(t, "remembered", codes(r.step(r.post("alice", "x", "2"))), "ok")
	if ready := r.step(r.post("alice", "x", "1")); ready.Save == nil {
		t.Fatal("the oldest is still remembered")
	}
	ready := r.save()
	want(t, "asked of the store", codes(ready), "ok")
	want(t, "told again", events(ready), "")
}

// TestConversation_ChangesWithoutATime get the step's.
func TestConversation_ChangesWithoutATime(t *testing.T) {
	r := newRig(t, "c1", rules.Options{})
	r.step(&message.ChangeMembership{Origin: backEnd(1), Remove: []string{"bob"}})
	r.warm()
	r.step(&message.DeleteMessage{Origin: client("alice"), MessageID: "m1"})
	if at := r.flying.Participants[0].At; !at.Equal(r.now) {
		t.Fatalf("removed at %v", at)
	}
	r.save()
	if at := r.flying.Changes[0].At; !at.Equal(r.now) {
		t.Fatalf("deleted at %v", at)
	}
}

// TestConversation_Unknown: a message of no known type does nothing.
func TestConversation_Unknown(t *testing.T) {
	r := newRig(t, "c1", rules.Options{})
	ready := r.step("what?")
	if r.c.Unknown() != 1 || ready.HasRelay || ready.Activate {
		t.Fatalf("%d unknown, %+v", r.c.Unknown(), ready)
	}
}

// TestConversation_OverloadedMarks: marks that the lane refused come back
// after a pause, not at once.
func TestConversation_OverloadedMarks(t *testing.T) {
	r := newRig(t, "c1", rules.Options{})
	r.table.add("alice")
	r.step(r.post("alice", "x", "1"))
	r.warm()
	r.save()
	r.now = r.now.Add(time.Second)
	r.step(&message.Tick{})
	ready := r.fail(message.ErrOverloaded)
	if ready.Save != nil || ready.Tick.Sub(r.now) != time.Second || r.c.Idle() {
		t.Fatalf("save %v, tick in %v", ready.Save, ready.Tick.Sub(r.now))
	}
	r.now = r.now.Add(time.Second)
	r.step(&message.Tick{})
	r.save()
	if got := r.table.people["alice"].LastReadSeq; got != 1 || !r.c.Idle() {
		t.Fatalf("mark at %d", got)
	}
}

// Changes that the store has left for later, since their messages are large, go
// first in the next group. Nobody is answered before.
func TestConversation_ChangesLeftForLater(t *testing.T) {
	r := newRig(t, "c1", rules.Options{})
	r.table.add("alice")
	r.step(r.post("alice", "0", "1"))
	r.warm()
	r.save()
	edit := func(content string) *rules.Ready {
		return r.step(&message.EditMessage{Origin: client("alice"), MessageID: "m1", Content: content})
	}
	for _, content := range []string{"1", "2", "3", "4"} {
		edit(content)
	}
	want(t, "the first", codes(r.save()), "ok")
	edit("5")
	g := r.take()
	res := repo.GroupResult{Epoch: r.table.epoch, Changes: []repo.ChangeResult{r.table.change(g.Changes[0]), {Outcome: repo.OutcomeLater}, {Outcome: repo.OutcomeLater}}}
	res.LastSeq, res.LastRev = r.table.lastSeq, r.table.lastRev
	want(t, "what is saved", codes(r.saved(res)), "ok")
	var next []string
	for _, ch := range r.flying.Changes {
		next = append(next, ch.Content)
	}
	want(t, "the next group", strings.Join(next, " "), "3 4 5")
	ready := r.save()
	want(t, "the others", codes(ready), "ok ok ok")
	if n := len(ready.Relay.Deliver); n != 3 || ready.Relay.Deliver[0].Rev != 3 {
		t.Errorf("%d are told: %+v", n, ready.Relay.Deliver)
	}
	if _, pending := r.c.Stats(); pending != 0 {
		t.Errorf("%d are not answered", pending)
	}
}
