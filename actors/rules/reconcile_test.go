package rules_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/corrillo/corrillo/actors/message"
	"github.com/corrillo/corrillo/actors/rules"
	"github.com/corrillo/corrillo/wire"
)

// listeners are those of a node, and whom it has told as online.
func listeners(online []string, users ...string) *message.Listening {
	m := &message.Listening{Online: online, Shows: true}
	for _, u := range users {
		m.Sessions = append(m.Sessions, message.Listener{Session: client(u).Session, UserID: u})
	}
	return m
}

// shown are the presence events of a step.
func shown(r *rules.Ready) (events []string) {
	for _, d := range r.Relay.Deliver {
		if d.Event == wire.EventPresence {
			events = append(events, fmt.Sprint(d.ExceptUser, " ", d.Online))
		}
	}
	return events
}

// A conversation that has come from another node tells what is not so, and nothing
// else.
func TestConversation_TellsWhatDiffers(t *testing.T) {
	online := wire.PresenceStatus{Online: true}
	for _, c := range []struct {
		name  string
		nodes []*message.Listening
		users map[string]wire.PresenceStatus
		want  string
	}{
		{"all is so", []*message.Listening{listeners([]string{"alice", "bob"}, "alice", "bob")}, map[string]wire.PresenceStatus{"alice": online, "bob": online}, "[]"},
		{"one has gone", []*message.Listening{listeners([]string{"alice", "bob"}, "alice")}, map[string]wire.PresenceStatus{"alice": online}, "[bob false]"},
		{"one has come", []*message.Listening{listeners([]string{"alice"}, "alice", "bob")}, map[string]wire.PresenceStatus{"alice": online, "bob": online}, "[bob true]"},
		{"one node knows", []*message.Listening{listeners([]string{"alice", "bob"}, "alice"), listeners([]string{"alice"}, "bob")}, map[string]wire.PresenceStatus{"alice": online, "bob": online}, "[bob true]"},
		{"one has left", []*message.Listening{listeners([]string{"alice", "bob"}, "alice")}, map[string]wire.PresenceStatus{"alice": online, "bob": online}, "[]"},
		{"and is offline all the time", []*message.Listening{listeners([]string{"alice"}, "alice", "bob")}, map[string]wire.PresenceStatus{"alice": online}, "[]"},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := newRig(t, "c1", rules.Options{Shared: true, SettleAfter: 10 * time.Second})
			for _, m := range c.nodes {
				r.step(m)
			}
			r.warm()
			r.now = r.now.Add(9 * time.Second)
			if ready := r.step(&message.Tick{}); len(ready.Ask) > 0 {
				t.Fatalf("it asks about %v at once", ready.Ask)
			}
			r.now = r.now.Add(2 * time.Second)
			ready := r.step(&message.Tick{})
			if fmt.Sprint(ready.Ask) != "[alice bob]" {
				t.Fatalf("it asks about %v", ready.Ask)
			}
			ready = r.step(&message.PresenceLearned{UserIDs: ready.Ask, Users: c.users})
			want(t, "told", fmt.Sprint(shown(ready)), c.want)
			r.now = r.now.Add(time.Minute)
			if ready = r.step(&message.Tick{}); len(ready.Ask) > 0 {
				t.Errorf("it asks again about %v", ready.Ask)
			}
		})
	}
}

// An answer that was overtaken by what the user's node tells is not believed; one
// that does not come is asked for again.
func TestConversation_AsksAgain(t *testing.T) {
	r := newRig(t, "c1", rules.Options{Shared: true, SettleAfter: time.Second})
	r.step(listeners([]string{"alice", "bob"}, "alice"))
	r.warm()
	ask := func() []string {
		r.now = r.now.Add(time.Minute)
		return r.step(&message.Tick{}).Ask
	}
	ids := ask()
	r.step(&message.PresenceLearned{UserIDs: ids, Err: wire.Errorf(wire.CodeUnavailable, "away")})
	if ids = ask(); fmt.Sprint(ids) != "[alice bob]" {
		t.Fatalf("it asks about %v", ids)
	}
	r.step(&message.PresenceChanged{UserID: "bob", Status: wire.PresenceStatus{Online: true}})
	ready := r.step(&message.PresenceLearned{UserIDs: ids, Users: map[string]wire.PresenceStatus{"alice": {Online: true}}})
	want(t, "told", fmt.Sprint(shown(ready)), "[]")
	if ids = ask(); fmt.Sprint(ids) != "[bob]" {
		t.Fatalf("it asks about %v", ids)
	}
}

// A server that is alone asks nobody.
func TestConversation_AloneAsksNobody(t *testing.T) {
	r := newRig(t, "c1", rules.Options{SettleAfter: time.Second})
	r.step(listeners(nil, "alice"))
	r.warm()
	r.now = r.now.Add(time.Minute)
	if ready := r.step(&message.Tick{}); len(ready.Ask) > 0 {
		t.Errorf("it asks about %v", ready.Ask)
	}
}
