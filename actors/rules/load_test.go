package rules_test

import (
	"strings"
	"testing"
	"time"

	"github.com/corrillo/corrillo/actors/message"
	"github.com/corrillo/corrillo/actors/rules"
	"github.com/corrillo/corrillo/wire"
)

// load is a node's, set by hand.
type load struct {
	sheds [message.Works]bool
	shed  [message.Works]int
}

func (l *load) Sheds(w message.Work) bool { return l.sheds[w] }
func (l *load) Shed(w message.Work)       { l.shed[w]++ }

// While the node sheds what is sent, everything that would be stored or passed
// on is refused and may be tried again; what was acked before is acked again,
// what is stored is read, a mark is raised, and a back end's removal counts.
func TestConversation_ShedsWhatIsSent(t *testing.T) {
	l := &load{}
	r := newRig(t, "c1", rules.Options{Load: l})
	r.table.fill(1)
	r.table.add("alice")
	r.step(r.post("alice", "first", "t1"))
	r.warm()
	want(t, "before", codes(r.save()), "ok")
	l.sheds[message.WorkSend] = true
	for i, c := range []struct {
		label string
		cmd   any
		code  string
	}{
		{"a new message", r.post("alice", "second", "t2"), "overloaded"},
		{"a repeat", r.post("alice", "first", "t1"), "ok"},
		{"an edit", &message.EditMessage{Origin: client("alice"), MessageID: "old1", Content: "x"}, "overloaded"},
		{"a deletion", &message.DeleteMessage{Origin: client("alice"), MessageID: "old1"}, "overloaded"},
		{"passthrough", &message.PassEvent{Origin: client("alice"), Event: "wave"}, "overloaded"},
		{"the back end's event", &message.PassEvent{Origin: backEnd(1), Event: "poll"}, "overloaded"},
	} {
		ready := r.step(c.cmd)
		want(t, c.label, codes(ready), c.code)
		if c.code == "overloaded" && (ready.Save != nil || len(ready.Relay.Deliver) > 0) {
			t.Errorf("case %d, %s: refused and done", i, c.label)
		}
	}
	if l.shed[message.WorkSend] != 5 {
		t.Errorf("%d counted, want 5", l.shed[message.WorkSend])
	}
	if ready := r.step(&message.GetHistory{Origin: client("alice"), BeforeSeq: -1, AfterSeq: -1, Limit: 1}); len(ready.Reads) != 1 {
		t.Error("history is not read")
	}
	if ready := r.step(&message.ChangeMembership{Origin: backEnd(2), Remove: []string{"bob"}}); ready.Save == nil {
		t.Error("a removal is not stored")
	}
	l.sheds[message.WorkSend] = false
	want(t, "the removal", codes(r.save()), "ok")
	r.step(r.post("alice", "second", "t2"))
	want(t, "afterwards", codes(r.save()), "ok")
}

// What was acked just before the node became overloaded is acked again for as
// long as it is, without the store, which may be what stands still.
func TestConversation_AcksAgainWhileOverloaded(t *testing.T) {
	l := &load{}
	r := newRig(t, "c1", rules.Options{Load: l})
	r.step(r.post("alice", "first", "t1"))
	r.warm()
	want(t, "before", codes(r.save()), "ok")
	l.sheds[message.WorkTyping] = true
	for range 3 {
		r.now = r.now.Add(time.Minute)
		r.step(&message.Tick{})
		if r.c.Step(&message.Tick{}, r.now).Tick.IsZero() {
			t.Fatal("nobody asks when it is over")
		}
		want(t, "a repeat meanwhile", codes(r.step(r.post("alice", "first", "t1"))), "ok")
	}
	l.sheds[message.WorkTyping] = false
	r.now = r.now.Add(time.Minute)
	r.step(&message.Tick{})
	want(t, "long afterwards the store is asked", codes(r.step(r.post("alice", "first", "t1"))), "")
}

// told lists the presence that a step tells, as "alice+" and "alice-".
func told(r *rules.Ready) string {
	var all []string
	for i := range r.Relay.Deliver {
		if d := &r.Relay.Deliver[i]; d.Event == wire.EventPresence {
			state := "-"
			if strings.Contains(string(d.Data), `"online"`) {
				state = "+"
			}
			all = append(all, d.ExceptUser+state)
		}
	}
	return strings.Join(all, " ")
}

// While the node sheds presence nobody is told; afterwards the last state is,
// also one that is not known to have changed.
func TestConversation_ShedsPresence(t *testing.T) {
	l := &load{}
	r := newRig(t, "c1", rules.Options{Load: l})
	r.table.add("alice", "bob", "carl")
	r.step(join("alice"))
	r.warm()
	r.step(join("bob"))
	r.step(join("carl"))
	status := func(user string, online bool) string {
		t.Helper()
		return told(r.step(&message.PresenceChanged{UserID: user, Status: wire.PresenceStatus{Online: online, LastSeen: r.now}}))
	}
	later := func() string {
		r.now = r.now.Add(time.Second)
		return told(r.step(&message.Tick{}))
	}
	want(t, "alice comes", status("alice", true), "alice+")
	later()
	l.sheds[message.WorkPresence] = true
	want(t, "alice goes", status("alice", false), "")
	want(t, "bob comes", status("bob", true), "")
	want(t, "carl comes", status("carl", true), "")
	want(t, "and goes", status("carl", false), "")
	for range 3 {
		want(t, "meanwhile", later(), "")
	}
	if l.shed[message.WorkPresence] != 3 {
		t.Errorf("%d counted, want 3", l.shed[message.WorkPresence])
	}
	l.sheds[message.WorkPresence] = false
	if r.c.Step(&message.Tick{}, r.now).Tick.IsZero() {
		t.Fatal("nobody asks when it goes on")
	}
	want(t, "afterwards", later(), "alice- bob+ carl-")
	want(t, "once", later(), "")
	l.sheds[message.WorkPresence] = true
	want(t, "alice is back", status("alice", true), "")
	want(t, "and gone again", status("alice", false), "")
	l.sheds[message.WorkPresence] = false
	want(t, "nothing has changed", later(), "")
}
