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
			for _, soon := range r.step(&message.Tick{}).Ask { // that nobody is known yet says nothing
				want(t, "told soon", fmt.Sprint(shown(r.step(&message.PresenceLearned{UserIDs: soon}))), "[]")
			}
			r.now = r.now.Add(2 * time.Second)
			ready := r.step(&message.Tick{})
			if fmt.Sprint(ready.Ask) != "[[alice bob]]" {
				t.Fatalf("it asks about %v", ready.Ask)
			}
			ready = r.step(&message.PresenceLearned{UserIDs: ready.Ask[0], Users: c.users})
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
		t.Helper()
		r.now = r.now.Add(time.Minute)
		asks := r.step(&message.Tick{}).Ask
		if len(asks) != 1 {
			t.Fatalf("it asks %v", asks)
		}
		return asks[0]
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

// Who is here and may be shown as offline is asked about soon. That one is online
// counts at once, and that one is not when nodes have had the time to say otherwise.
func TestConversation_AsksSoonAboutWhoMayBeShownAsOffline(t *testing.T) {
	r := newRig(t, "c1", rules.Options{Shared: true, SettleAfter: 10 * time.Second, Coalesce: time.Second})
	r.step(listeners([]string{"alice", "dave"}, "alice", "bob", "cy"))
	r.warm()
	soon := func() [][]string {
		r.now = r.now.Add(time.Second)
		return r.step(&message.Tick{}).Ask
	}
	asks := soon()
	if fmt.Sprint(asks) != "[[bob cy]]" {
		t.Fatalf("it asks about %v", asks)
	}
	r.step(&message.PresenceLearned{UserIDs: asks[0], Err: wire.Errorf(wire.CodeUnavailable, "not settled")})
	if asks = soon(); fmt.Sprint(asks) != "[[bob cy]]" {
		t.Fatalf("it asks about %v", asks)
	}
	ready := r.step(&message.PresenceLearned{UserIDs: asks[0], Users: map[string]wire.PresenceStatus{"bob": {Online: true}}})
	want(t, "told", fmt.Sprint(shown(ready)), "[bob true]")
	if asks = soon(); len(asks) > 0 {
		t.Fatalf("it asks about %v again", asks)
	}
	r.now = r.now.Add(10 * time.Second)
	if asks = r.step(&message.Tick{}).Ask; fmt.Sprint(asks) != "[[alice bob cy dave]]" {
		t.Fatalf("at last it asks about %v", asks)
	}
	ready = r.step(&message.PresenceLearned{UserIDs: asks[0], Users: map[string]wire.PresenceStatus{"alice": {Online: true}, "bob": {Online: true}}})
	want(t, "told at last", fmt.Sprint(shown(ready)), "[dave false]")
}

// Where there are many it asks several questions at a time, but not all.
func TestConversation_AsksAboutManyAtOnce(t *testing.T) {
	const users = 10_000
	r := newRig(t, "c1", rules.Options{Shared: true, SettleAfter: time.Second, BroadcastLimit: -1})
	m := listeners(nil, "alice")
	for i := range users {
		m.Online = append(m.Online, fmt.Sprintf("u%05d", i))
	}
	r.step(m)
	r.warm()
	r.now = r.now.Add(time.Minute)
	asks := r.step(&message.Tick{}).Ask
	seen := map[string]bool{}
	for most := len(asks); len(asks) > 0; most = max(most, len(asks)) {
		if len(asks) > 8 {
			t.Fatalf("%d questions at a time", len(asks))
		}
		answers := asks[0]
		asks = asks[1:]
		for _, id := range answers {
			if seen[id] {
				t.Fatalf("it asks about %s twice", id)
			}
			seen[id] = true
		}
		r.step(&message.PresenceLearned{UserIDs: answers})
		asks = append(asks, r.step(&message.Tick{}).Ask...)
		if len(asks) == 0 && most < 8 {
			t.Errorf("%d questions at a time", most)
		}
	}
	if len(seen) != users+1 {
		t.Errorf("it asks about %d, want all", len(seen))
	}
}
