package user

import (
	"log/slog"
	"sync/atomic"
	"testing"
	"time"

	"github.com/corrillo/corrillo/actors/locator"
	"github.com/corrillo/corrillo/actors/message"
	"github.com/corrillo/corrillo/actors/relay"
	"github.com/corrillo/corrillo/actors/supervision"
)

// rig makes a user without an actor around it, to be told things in any order.
func rig(t *testing.T) (*User, *Directory) {
	t.Helper()
	system := supervision.NewSystem()
	t.Cleanup(system.Shutdown)
	log := slog.New(slog.DiscardHandler)
	o := &Options{
		Hub: relay.NewHub(relay.Options{}), Locator: locator.New(system.Root),
		Relay: &relay.Spread{Root: system.Root}, Directory: NewDirectory(nil, log, 100), Log: log,
		Moved: func(string) bool { return false }, Others: func() []string { return nil },
		Failures: &supervision.Failures{}, Unknown: &atomic.Int64{}, Grace: time.Hour,
	}
	return New("alice", o), o.Directory
}

func online(d *Directory) bool { return d.Known([]string{"alice"})["alice"].Online }

// What is said of a session may come in another order than it happened.
func TestUser_TheHigherGenerationIsTheTruth(t *testing.T) {
	one := message.SessionRef{Node: "n", ID: 1}
	for name, tell := range map[string]func(*User){
		"away and back, told in order": func(u *User) {
			u.onDetached(&message.SessionDetached{Session: one, Generation: 2})
			u.onAttached(&message.SessionAttached{Session: one, Generation: 3})
		},
		"back is told first": func(u *User) {
			u.onAttached(&message.SessionAttached{Session: one, Generation: 3})
			u.onDetached(&message.SessionDetached{Session: one, Generation: 2})
		},
		"one connection in the place of another": func(u *User) {
			u.onAttached(&message.SessionAttached{Session: one, Generation: 3})
		},
	} {
		t.Run(name, func(t *testing.T) {
			u, d := rig(t)
			u.onAttached(&message.SessionAttached{Session: one, Generation: 1})
			tell(u)
			if u.attached != 1 || !online(d) {
				t.Errorf("%d connections, online %v; want one", u.attached, online(d))
			}
			u.onEnded(&message.SessionEnded{Session: one})
			u.onGraceOver(&message.GraceOver{Generation: u.generation})
			if u.attached != 0 || online(d) || !u.done() {
				t.Errorf("at the end: %d connections, online %v, done %v", u.attached, online(d), u.done())
			}
		})
	}
}

// A conversation that was left is not told of a user who comes back.
func TestUser_ForgetsWhatWasLeft(t *testing.T) {
	u, _ := rig(t)
	one := message.SessionRef{Node: "n", ID: 1}
	u.onAttached(&message.SessionAttached{Session: one, Generation: 1})
	u.onJoined(&message.ConversationJoined{ConversationID: "r", Session: one})
	u.onDetached(&message.SessionDetached{Session: one, Generation: 2})
	u.onLeft(&message.ConversationLeft{ConversationID: "r", Session: one})
	if len(u.left) != 1 || u.left[0] != "r" {
		t.Errorf("%v are to be told that the user is offline, want r", u.left)
	}
	u.onAttached(&message.SessionAttached{Session: one, Generation: 3})
	if len(u.left) != 0 || u.shownIn("r") {
		t.Errorf("the user is still shown in %v", u.left)
	}
}

// What a session has joined counts once, whether the session's node says it when
// it happens, when the user begins anew, or both.
func TestUser_WhatASessionHasJoinedCountsOnce(t *testing.T) {
	one := message.SessionRef{Node: "n", ID: 1}
	joined := &message.ConversationJoined{ConversationID: "r", Session: one}
	all := &message.UserSessions{Node: "n", Sessions: []message.UserSession{{ID: 1, Attached: true, Generation: 1, Conversations: []string{"r"}}}}
	for name, tell := range map[string]func(*User){
		"what it has joined comes first": func(u *User) { u.onSessions(all); u.onJoined(joined) },
		"and last": func(u *User) {
			u.onAttached(&message.SessionAttached{Session: one, Generation: 1})
			u.onJoined(joined)
			u.onSessions(all)
		},
	} {
		t.Run(name, func(t *testing.T) {
			u, _ := rig(t)
			tell(u)
			if u.attached != 1 || !u.shownIn("r") {
				t.Fatalf("%d connections, shown: %v", u.attached, u.shownIn("r"))
			}
			u.onLeft(&message.ConversationLeft{ConversationID: "r", Session: one})
			if u.shownIn("r") {
				t.Error("it has left, and the user is still shown")
			}
			u.onEnded(&message.SessionEnded{Session: one})
			u.onJoined(joined) // nobody is there who could have
			if u.shownIn("r") || u.sessions.Len() != 0 {
				t.Error("an ended session joins")
			}
		})
	}
}

// What a node brings is added to what is known of it, and of a session that ends
// it tells behind that: so none is left over, whatever else it brings.
func TestUser_KnowsNoSessionThatHasEnded(t *testing.T) {
	one, two := message.UserSession{ID: 1, Attached: true, Generation: 1, Conversations: []string{"r"}}, message.UserSession{ID: 2, Attached: true, Generation: 1}
	bring := func(s ...message.UserSession) *message.UserSessions {
		return &message.UserSessions{Node: "n", Sessions: s}
	}
	ended := &message.SessionEnded{Session: message.SessionRef{Node: "n", ID: 1}}
	for name, tell := range map[string]func(*User){
		"it ends after all":            func(u *User) { u.onSessions(bring(one, two)); u.onEnded(ended) },
		"between two answers":          func(u *User) { u.onSessions(bring(one, two)); u.onEnded(ended); u.onSessions(bring(two)) },
		"between two parts":            func(u *User) { u.onSessions(bring(one)); u.onEnded(ended); u.onSessions(bring(two)) },
		"before the actor knew of any": func(u *User) { u.onEnded(ended); u.onSessions(bring(two)) },
	} {
		t.Run(name, func(t *testing.T) {
			u, d := rig(t)
			tell(u)
			if u.sessions.Len() != 1 || u.attached != 1 || u.shownIn("r") || !online(d) {
				t.Errorf("%d sessions, %d connected, shown in r %v, online %v", u.sessions.Len(), u.attached, u.shownIn("r"), online(d))
			}
			u.onNodeLeft(&message.NodeLeft{Node: "n"})
			if u.sessions.Len() != 0 || u.attached != 0 {
				t.Errorf("%d sessions and %d connections of a node that has gone", u.sessions.Len(), u.attached)
			}
		})
	}
}

// A node may bring its sessions of a user in parts, which count as they would
// together, and once.
func TestUser_TakesUpSessionsInParts(t *testing.T) {
	u, d := rig(t)
	away := message.UserSession{ID: 1, Generation: 2, Conversations: []string{"r"}}
	here := message.UserSession{ID: 2, Attached: true, Generation: 1, Conversations: []string{"r", "s"}}
	for range 2 {
		u.onSessions(&message.UserSessions{Node: "n", Sessions: []message.UserSession{away}})
		u.onSessions(&message.UserSessions{Node: "n", Sessions: []message.UserSession{here}})
	}
	if u.sessions.Len() != 2 || u.attached != 1 || !online(d) || !u.shownIn("r") || !u.shownIn("s") {
		t.Errorf("%d sessions, %d connected, online %v, shown in r %v, in s %v", u.sessions.Len(), u.attached, online(d), u.shownIn("r"), u.shownIn("s"))
	}
	u.onGraceOver(&message.GraceOver{Generation: u.generation})
	if !online(d) {
		t.Error("one is connected")
	}
}
