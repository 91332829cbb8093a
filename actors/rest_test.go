package actors_test

import (
	"context"
	"strconv"
	"testing"
	"time"

	"github.com/corrillo/corrillo/actors"
	"github.com/corrillo/corrillo/repo"
)

// blank is a store in which every conversation is new.
type blank struct{ repo.Store }

func (blank) Activate(context.Context, string) (repo.Activation, error) {
	return repo.Activation{}, nil
}

func (blank) TouchUsers(context.Context, map[string]time.Time) error { return nil }

// Conversations that nobody has joined rest the sooner the more they are.
func TestSystem_ManyAwakeRestSooner(t *testing.T) {
	const many = 16 << 10
	sys := start(t, actors.Options{Store: blank{}, IdleAfter: time.Hour})
	alice := identify(t, sys, "alice")
	touch := func(conversations int) {
		for n := range conversations {
			alice.ask("leave_conversation", strconv.Itoa(n))
		}
	}
	touch(100)
	soon := time.Now().Add(50 * time.Minute)
	sys.Rest(soon)
	touch(100) // whoever was asked to rest would be no more
	if l := sys.Stats().Locator; l.Conversations != 100 || l.ConversationsSpawned != 100 {
		t.Errorf("few: %d are awake of %d, want 100 of 100", l.Conversations, l.ConversationsSpawned)
	}
	touch(many)
	for sys.Stats().Locator.Conversations > 10_000 {
		if sys.Rest(soon); t.Context().Err() != nil {
			t.Fatal("many: they do not rest")
		}
		time.Sleep(time.Millisecond)
	}
}

// The room that a multitude of conversations took while all were awake is
// given back when they rest.
func TestSystem_RestingConversationsGiveTheirRoomBack(t *testing.T) {
	const conversations = 16 << 10 // 16 in each of protoactor's 1,024 maps: a few would be left alone
	sys := start(t, actors.Options{Store: blank{}, IdleAfter: time.Hour})
	alice := identify(t, sys, "alice")
	for n := range conversations {
		alice.ask("leave_conversation", strconv.Itoa(n))
	}
	awake := sys.Stats().Locator
	all := int(awake.Conversations + awake.Users)
	if awake.Conversations != conversations {
		t.Fatalf("%d conversations are awake, want %d", awake.Conversations, conversations)
	}
	if located, registered := sys.Rest(time.Now()); located < all || registered < all {
		t.Fatalf("room for %d and %d actors, want %d", located, registered, all)
	}
	for sys.Stats().Locator.Conversations > 0 {
		sys.Rest(time.Now().Add(2 * time.Hour))
		time.Sleep(time.Millisecond)
	}
	if located, registered := sys.Rest(time.Now()); located > all/4 || registered > all/4 {
		t.Errorf("room for %d and %d actors is left of %d", located, registered, all)
	}
}
