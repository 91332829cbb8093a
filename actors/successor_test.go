package actors_test

import (
	"context"
	"testing"
	"time"

	"github.com/corrillo/corrillo/actors"
	"github.com/corrillo/corrillo/repo"
	"github.com/corrillo/corrillo/wire"
)

// noting tells of each activation and each group with changes.
type noting struct {
	repo.Store
	activated, changed chan struct{}
}

// Activate implements repo.Store.
func (s *noting) Activate(ctx context.Context, id string) (repo.Activation, error) {
	s.activated <- struct{}{}
	return s.Store.Activate(ctx, id)
}

// Save implements repo.Store.
func (s *noting) Save(ctx context.Context, groups []repo.Group) []repo.GroupResult {
	for i := range groups {
		if len(groups[i].Changes) > 0 {
			s.changed <- struct{}{}
		}
	}
	return s.Store.Save(ctx, groups)
}

// The successor of an actor that has failed learns who listens before the last
// Leave is carried out. It does not count for ever who has left.
func TestSystem_WhoLeavesWhileAConversationFailsIsForgotten(t *testing.T) {
	store := &noting{Store: openStore(t), activated: make(chan struct{}, 100), changed: make(chan struct{}, 100)}
	sys := start(t, actors.Options{Store: store, IdleAfter: 10 * time.Millisecond, PresenceGrace: time.Millisecond})
	alice, bob := identify(t, sys, "alice"), identify(t, sys, "bob")
	alice.ask("join_conversation", "r")
	bob.ask("join_conversation", "r")
	<-store.activated
	release := sys.HoldLane("r")
	nothing := object{"conversationId": "r", "messageId": "none", "content": "?"}
	leave := bob.emit("leave_conversation", "r")
	bob.emit("edit_message", nothing)
	<-store.changed // it has come to that, behind the Leave
	if err := sys.FailConversation("r"); err != nil {
		t.Fatal(err)
	}
	alice.emit("edit_message", nothing)
	<-store.activated // by the successor
	release()
	bob.next(func(r received) bool { return r.Event == "ack" && r.Ack == leave })
	alice.session.Closed(alice, wire.CloseClient)
	bob.session.Closed(bob, wire.CloseClient)
	eventually(t, "the conversation", func() bool { return sys.Stats().Locator.Conversations == 0 }, func() string { return "it stays awake with nobody in it" })
}
