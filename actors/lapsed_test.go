package actors_test

import (
	"context"
	"fmt"
	"sync/atomic"
	"testing"

	"github.com/corrillo/corrillo/actors"
	"github.com/corrillo/corrillo/repo"
)

// A node whose lease is over may have been taken out, and somebody out of a
// conversation that it still has awake: it gives out no page of that.
func TestCluster_NoPagesOnceTheLeaseIsOver(t *testing.T) {
	_, nodes := cluster(t, 2, actors.Options{})
	room := roomOf(nodes[0])
	bob := identify(t, nodes[0].sys, "bob")
	bob.ask("join_conversation", room)
	bob.ask("send_message", object{"conversationId": room, "content": "1"})
	pages := map[string]object{
		"get_history":       {"conversationId": room},
		"join_conversation": {"conversationId": room, "afterSeq": 0},
		"get_members":       {"conversationId": room},
	}
	for _, lapsed := range []bool{true, false} {
		nodes[0].lapsed.Store(lapsed)
		for event, page := range pages {
			if r := bob.ask(event, page); (code(r) == "unavailable") != lapsed {
				t.Errorf("%s, lapsed %v: %v", event, lapsed, r)
			}
		}
	}
}

// lapsing is a store that is away, and over whose activation a lease ends.
type lapsing struct {
	*faulty
	of    *member
	tries atomic.Int32
}

func (s *lapsing) Activate(context.Context, string) (repo.Activation, error) {
	s.tries.Add(1)
	s.of.lapsed.Store(true)
	return repo.Activation{}, fmt.Errorf("test: %w", repo.ErrUnavailable)
}

// An activation is not tried again by a node whose lease is over: it would fence
// whoever has the conversation then.
func TestCluster_NoFurtherTryToActivateOnceTheLeaseIsOver(t *testing.T) {
	store := &lapsing{faulty: &faulty{Store: openStore(t)}}
	_, nodes := cluster(t, 2, actors.Options{Store: store})
	store.of = nodes[0]
	alice := identify(t, nodes[0].sys, "alice")
	r := alice.ask("send_message", object{"conversationId": roomOf(nodes[0]), "content": "1"})
	if code(r) != "unavailable" || store.tries.Load() != 1 {
		t.Errorf("after %d tries: %v", store.tries.Load(), r)
	}
}
