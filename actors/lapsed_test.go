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

// A page that is being read when the node of who asked for it dies is for nobody.
func TestCluster_NothingWaitsForADeadNode(t *testing.T) {
	store := &stuck{faulty: &faulty{Store: openStore(t)}, asked: make(chan struct{}), release: make(chan struct{})}
	f, nodes := cluster(t, 3, actors.Options{Store: store})
	room := roomOf(nodes[0])
	alice := identify(t, nodes[2].sys, "alice")
	bob := identify(t, nodes[0].sys, "bob")
	alice.ask("send_message", object{"conversationId": room, "content": "1"})
	alice.emit("get_history", object{"conversationId": room})
	<-store.asked
	f.mu.Lock()
	f.noLink = true
	f.mu.Unlock()
	f.kill(nodes[2])
	f.view(nil)
	close(store.release)
	bob.ask("get_history", object{"conversationId": room}) // later than alice's
	if o := nodes[0].sys.ClusterStats().Out; o.Waiting != 0 {
		t.Errorf("%+v", o)
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
