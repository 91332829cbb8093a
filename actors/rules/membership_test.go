package rules_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/corrillo/corrillo/actors/message"
	"github.com/corrillo/corrillo/actors/rules"
	"github.com/corrillo/corrillo/repo"
)

// commands are all that a client can ask of a conversation, by name.
func commands(r *rig, o message.Origin) map[string]any {
	return map[string]any{
		"join":      &message.Join{Origin: o, AfterSeq: -1, AfterRev: -1},
		"send":      r.postBy(o, "hi", "t1"),
		"typing":    &message.SetTyping{Origin: o, IsTyping: true},
		"mark_read": &message.MarkRead{Origin: o, Seq: 1},
		"edit":      &message.EditMessage{Origin: o, MessageID: "old1", Content: "x"},
		"delete":    &message.DeleteMessage{Origin: o, MessageID: "old1"},
		"history":   &message.GetHistory{Origin: o, BeforeSeq: -1, AfterSeq: -1, Limit: 10},
		"members":   &message.GetMembers{Origin: o, Limit: 10},
		"pass":      &message.PassEvent{Origin: o, Event: "offer", Data: []byte("{}")},
	}
}

// TestConversation_Admission: every command x every kind of user x every
// mode. Who is refused leaves no trace: nothing saved, told, fetched or asked.
func TestConversation_Admission(t *testing.T) {
	claim := func(o *message.Origin) { o.Claimed = true }
	peer := func(id string) func(*message.Origin) { return func(o *message.Origin) { o.PeerID = id } }
	for _, tt := range []struct {
		label   string
		id      string
		mode    rules.Membership
		user    string
		origin  func(*message.Origin)
		refused bool
	}{
		{"open, anyone", "c1", rules.MembershipOpen, "eve", nil, false},
		{"open, member", "c1", rules.MembershipOpen, "alice", nil, false},
		{"open, removed", "c1", rules.MembershipOpen, "rita", nil, true},
		{"members, stranger", "c1", rules.MembershipMembers, "eve", nil, true},
		{"members, member", "c1", rules.MembershipMembers, "alice", nil, false},
		{"members, claim", "c1", rules.MembershipMembers, "eve", claim, false},
		{"members, row of an old claim", "c1", rules.MembershipMembers, "carl", nil, true},
		{"members, removed", "c1", rules.MembershipMembers, "rita", nil, true},
		{"members, removed with claim", "c1", rules.MembershipMembers, "rita", claim, true},
		{"query, removed with claim", "c1", rules.MembershipQuery, "rita", claim, true},
		{"direct, stranger", directAB, rules.MembershipOpen, "eve", nil, true},
		{"direct, stranger who names someone", directAB, rules.MembershipOpen, "eve", peer("bob"), true},
		{"direct, stranger with claim", directAB, rules.MembershipMembers, "eve", claim, true},
		{"direct, its person in any mode", directAB, rules.MembershipMembers, "alice", nil, false},
		{"direct, the other", directAB, rules.MembershipQuery, "bob", peer("alice"), false},
	} {
		for name := range commands(newRig(t, "", rules.Options{}), client(tt.user)) {
			t.Run(tt.label+"/"+name, func(t *testing.T) {
				r := newRig(t, tt.id, rules.Options{Membership: tt.mode})
				r.table.fill(1)
				if tt.id == directAB {
					r.table.participant(repo.ParticipantChange{UserID: "alice", PeerID: "bob"})
				} else {
					r.table.add("alice", "rita", "carl")
					r.table.people["rita"].RemovedAt = start
					r.table.people["carl"].Role = repo.RoleClaimed
				}
				o := client(tt.user)
				if tt.origin != nil {
					tt.origin(&o)
				}
				r.step(commands(r, o)[name])
				ready := r.warm()
				if !tt.refused {
					if c := codes(ready); c == "forbidden" {
						t.Fatal("refused")
					}
					return
				}
				want(t, "reply", codes(ready), "forbidden")
				if ready.Save != nil || len(ready.Reads)+len(ready.Lookups)+len(ready.Checks)+len(ready.Relay.Deliver) > 0 {
					t.Fatalf("something happened: %+v", ready)
				}
			})
		}
	}
}

// TestConversation_Checks: in query mode every command of a user waits for
// the authorizer, once.
func TestConversation_Checks(t *testing.T) {
	r := newRig(t, "c1", rules.Options{Membership: rules.MembershipQuery, CheckTTL: time.Second})
	r.table.fill(1)
	r.step(join("eve"))
	r.warm()
	n := 0
	for _, cmd := range commands(r, client("eve")) {
		if ready := r.step(cmd); ready.HasRelay || len(ready.Checks) > 0 || ready.Save != nil {
			t.Fatalf("%T does not wait", cmd)
		}
		n++
	}
	ready := r.step(&message.MembershipChecked{UserID: "eve"})
	if got := len(replies(ready)); got != n+1 || len(ready.Relay.Deliver) > 0 || ready.Save != nil {
		t.Fatalf("%d replies to %d commands: %s", got, n+1, codes(ready))
	}
	want(t, "within the TTL", codes(r.step(join("eve"))), "forbidden")
	r.now = r.now.Add(time.Second)
	if ready := r.step(join("eve")); len(ready.Checks) != 1 {
		t.Fatalf("after the TTL nobody was asked: %+v", ready)
	}
	want(t, "a member", codes(r.step(&message.MembershipChecked{UserID: "eve", Member: true})), "joined")
	want(t, "still a member", codes(r.step(join("eve/2"))), "joined")
}

// TestConversation_CheckAcrossActivation: what waits for a check keeps its
// place when the conversation has to be activated in between.
func TestConversation_CheckAcrossActivation(t *testing.T) {
	r := newRig(t, "c1", rules.Options{Membership: rules.MembershipQuery})
	r.table.add("alice")
	r.step(r.post("alice", "one", "1"))
	r.warm()
	r.step(&message.MembershipChecked{UserID: "alice", Member: true})
	r.now = r.now.Add(time.Minute)
	r.step(r.post("alice", "two", "2"))
	r.fail(repo.ErrUnavailable)
	r.step(r.post("alice", "three", "3"))
	r.step(&message.MembershipChecked{UserID: "alice", Member: true})
	ready := r.warm()
	if ready.Save == nil || len(ready.Save.Messages) != 2 || ready.Save.Messages[0].Content != "two" {
		t.Fatalf("out of order: %+v", ready.Save)
	}
}

// TestConversation_MembershipIsTheBackEnds: a client cannot change it, and one
// call changes no more users than a group holds.
func TestConversation_MembershipIsTheBackEnds(t *testing.T) {
	many := make([]string, 501)
	for i := range many {
		many[i] = fmt.Sprintf("u%d", i)
	}
	r := newRig(t, "c1", rules.Options{})
	r.step(&message.ChangeMembership{Origin: client("alice"), Add: []string{"eve"}})
	want(t, "a client", codes(r.warm()), "forbidden")
	want(t, "too many", codes(r.step(&message.ChangeMembership{Origin: backEnd(1), Add: many})), "payload_too_large")
	r.step(&message.ChangeMembership{Origin: backEnd(2), Add: many[1:]})
	want(t, "as many as fit", codes(r.save()), "ok")
}

// TestConversation_RemovedAndAddedAtOnce: both calls go into one group; the
// user has left the room all the same.
func TestConversation_RemovedAndAddedAtOnce(t *testing.T) {
	r := newRig(t, "c1", rules.Options{})
	r.table.add("alice", "bob")
	r.step(join("alice"))
	r.warm()
	r.step(r.post("bob", "x", ""))
	r.step(&message.ChangeMembership{Origin: backEnd(1), Remove: []string{"alice"}})
	r.step(&message.ChangeMembership{Origin: backEnd(2), Add: []string{"alice"}})
	r.save()
	ready := r.save()
	want(t, "evicted", fmt.Sprint(ready.Relay.EvictUsers), "[alice]")
	want(t, "and back", codes(r.step(join("alice"))), "joined")
}

// TestConversation_RemovedByAnotherNode: an activation shows out who was
// removed since.
func TestConversation_RemovedByAnotherNode(t *testing.T) {
	r := newRig(t, "c1", rules.Options{})
	r.table.add("alice", "bob")
	r.step(join("alice"))
	r.warm()
	r.step(r.post("bob", "x", "1"))
	r.table.activate()
	r.table.participant(repo.ParticipantChange{UserID: "alice", Remove: true, At: start})
	r.save()
	ready := r.warm()
	want(t, "evicted", fmt.Sprint(ready.Relay.EvictUsers), "[alice]")
}

// TestConversation_JoinOfTheRemoved: who has joined leaves with the commit
// that removes the user, also when the user's own row comes with it.
func TestConversation_JoinOfTheRemoved(t *testing.T) {
	r := newRig(t, "c1", rules.Options{})
	r.step(r.post("bob", "x", ""))
	r.warm()
	want(t, "join", codes(r.step(join("alice"))), "joined")
	r.step(&message.ChangeMembership{Origin: backEnd(1), Remove: []string{"alice"}})
	r.save()
	ready := r.save()
	want(t, "evicted", fmt.Sprint(ready.Relay.EvictUsers), "[alice]")
	if joined, _ := r.c.Stats(); joined != 0 {
		t.Fatal("still subscribed")
	}
}

// TestConversation_JoinThenSend: what a client sends right after its first
// join reaches it as a live message.
func TestConversation_JoinThenSend(t *testing.T) {
	r := newRig(t, "c1", rules.Options{})
	r.step(join("alice"))
	r.step(r.post("alice", "x", "1"))
	want(t, "with the activation", codes(r.warm()), "joined")
	ready := r.save()
	if len(ready.Relay.Deliver) != 1 || ready.Relay.Deliver[0].Seq != 1 || !ready.Relay.Deliver[0].ToConversation {
		t.Fatalf("not delivered to those who joined: %+v", ready.Relay.Deliver)
	}
}

// TestConversation_Listening: an actor that starts where an earlier one
// failed knows who has joined, and says nothing about it.
func TestConversation_Listening(t *testing.T) {
	r := newRig(t, "c1", rules.Options{})
	r.table.add("alice")
	ready := r.step(&message.Listening{Sessions: []message.Listener{{Session: client("alice").Session, UserID: "alice"}}})
	if ready.HasRelay {
		t.Errorf("said something: %+v", ready)
	}
	if joined, _ := r.c.Stats(); joined != 1 || r.c.Idle() {
		t.Errorf("joined %d, idle %v; want 1, false", joined, r.c.Idle())
	}
	r.step(&message.SessionClosed{Session: client("alice").Session})
	if joined, _ := r.c.Stats(); joined != 0 {
		t.Errorf("joined %d after it has gone", joined)
	}
}

// TestConversation_RoleStays: a read mark's row does not take an owner's role
// away, and removal has the time that the back end gave.
func TestConversation_RoleStays(t *testing.T) {
	r := newRig(t, "c1", rules.Options{Membership: rules.MembershipMembers})
	r.table.fill(1)
	r.table.add("olga")
	r.table.people["olga"].Role = "owner"
	r.step(r.post("olga", "x", ""))
	r.warm()
	r.save()
	r.now = r.now.Add(time.Minute)
	r.step(&message.Tick{})
	r.save()
	g := r.step(&message.DeleteMessage{Origin: client("olga"), MessageID: "old1"}).Save
	if g.Changes[0].OnlySender {
		t.Fatal("the owner may not delete any more")
	}
	r.save()
	g = r.step(&message.ChangeMembership{Origin: backEnd(1), Remove: []string{"olga"}, At: start}).Save
	if at := g.Participants[0].At; !at.Equal(start) {
		t.Fatalf("removed at %v", at)
	}
}

// A join that the relay could not carry out says nothing about a later one.
func TestConversation_FailedJoin(t *testing.T) {
	r := newRig(t, "room", rules.Options{})
	first := join("alice")
	first.Origin.Serial = 1
	r.step(first)
	r.warm()
	second := join("alice")
	second.Origin.Serial = 2
	r.step(second)
	closed := &message.SessionClosed{Session: first.Origin.Session, Join: 1}
	if ready := r.step(closed); len(ready.Relay.Leave) != 0 {
		t.Errorf("the later join was ended: %+v", ready)
	}
	closed.Join = 2
	if ready := r.step(closed); len(ready.Relay.Leave) != 1 {
		t.Errorf("the join still counts: %+v", ready)
	}
}

// Neither does it where the actor that admitted the later one has failed since: the
// relay has yet to tell its successor of that.
func TestConversation_FailedJoinOfTheActorBefore(t *testing.T) {
	r := newRig(t, "room", rules.Options{})
	r.step(join("bob"))
	r.warm()
	session := join("alice").Origin.Session
	if ready := r.step(&message.SessionClosed{Session: session, Join: 1}); len(ready.Relay.Leave) != 0 {
		t.Errorf("whatever alice has joined since was ended: %+v", ready.Relay.Leave)
	}
}
