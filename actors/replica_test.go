package actors_test

import (
	"context"
	"sync"
	"testing"

	"github.com/corrillo/corrillo/actors"
	"github.com/corrillo/corrillo/repo"
)

// asked remembers which pages were asked for.
type asked struct {
	repo.Store
	mu      sync.Mutex
	queries []repo.MessageQuery
}

func (a *asked) Messages(ctx context.Context, q repo.MessageQuery) ([]repo.Message, bool, error) {
	a.mu.Lock()
	a.queries = append(a.queries, q)
	a.mu.Unlock()
	return a.Store.Messages(ctx, q)
}

// A page of history may come from a replica that is as far as its conversation.
// What a join missed may not.
func TestSystem_HistoryMayComeFromAReplica(t *testing.T) {
	store := &asked{Store: openStore(t)}
	sys := start(t, actors.Options{Store: store})
	alice := identify(t, sys, "alice")
	alice.ask("join_conversation", "r")
	for _, text := range []string{"a", "b"} {
		if ack := alice.ask("send_message", object{"conversationId": "r", "content": text}); ack["status"] != "sent" {
			t.Fatal(ack)
		}
	}
	id := alice.ask("get_history", object{"conversationId": "r"})["messages"].([]any)[0].(map[string]any)["id"]
	if r := alice.ask("edit_message", object{"messageId": id, "conversationId": "r", "content": "c"}); r["status"] != "ok" {
		t.Fatal(r)
	}
	alice.ask("get_history", object{"conversationId": "r"})
	identify(t, sys, "bob").ask("join_conversation", object{"conversationId": "r", "afterSeq": 1})
	store.mu.Lock()
	defer store.mu.Unlock()
	if len(store.queries) != 3 {
		t.Fatalf("%d pages were asked for, want 3", len(store.queries))
	}
	for i, want := range []*repo.Position{{Epoch: 1, LastSeq: 2}, {Epoch: 1, LastSeq: 2, LastRev: 1}, nil} {
		if got := store.queries[i].AtLeast; (got == nil) != (want == nil) || got != nil && *got != *want {
			t.Errorf("page %d: at least %+v, want %+v", i, got, want)
		}
	}
}
