package locator_test

import (
	"log/slog"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/asynkron/protoactor-go/actor"

	"github.com/corrillo/corrillo/actors/envelope"
	"github.com/corrillo/corrillo/actors/locator"
	"github.com/corrillo/corrillo/actors/message"
	"github.com/corrillo/corrillo/actors/outbox"
	"github.com/corrillo/corrillo/actors/placement"
	"github.com/corrillo/corrillo/actors/supervision"
)

// Who joins at the word of a node that is just being found dead is told to the
// next owner: nobody else would.
func TestLocator_AnnouncesWhoJoinsWhileAViewComes(t *testing.T) {
	root := supervision.NewSystem().Root
	l := locator.New(root)
	for _, kind := range []locator.Kind{locator.User, locator.Conversation} {
		l.Register(kind, func(string) *actor.PID { return root.Spawn(actor.PropsFromFunc(func(actor.Context) {})) })
	}
	old := placement.NewView(1, []placement.Node{{ID: "a", Since: 1}, {ID: "b", Since: 1}, {ID: "c", Since: 1}})
	next := placement.NewView(2, []placement.Node{{ID: "a", Since: 1}, {ID: "c", Since: 1}})
	key := placement.Key{Kind: byte(locator.Conversation)}
	for old.Owner(key.Kind, key.ID) != "b" || next.Owner(key.Kind, key.ID) != "c" {
		key.ID += "x"
	}
	told := make(chan string, 100)
	log := slog.New(slog.NewTextHandler(t.Output(), nil))
	out := outbox.New(func(node string, item []byte) error {
		if m, err := envelope.Decode(item); err != nil {
			t.Error(err)
		} else if m, is := m.(*message.Told); is {
			told <- strings.Join([]string{node, m.ID}, " ")
		}
		return nil
	}, 1<<20, log)
	var coming, joined atomic.Bool
	l.UseCluster(locator.ClusterOptions{
		Self: "a", Out: out,
		Interests: func() []placement.Key {
			if joined.Load() {
				return []placement.Key{key}
			}
			joined.Store(coming.Load()) // the join comes right after it was asked
			return nil
		},
		Announcement: func(placement.Key) any { return &message.Listening{} },
		Ready:        func() {}, Newer: func() {}, NotThere: func(any) {}, Log: log,
		Refuse: func(locator.Kind, string, any, error) {},
	})
	l.Switch(old)
	l.Settled("b", 1)
	l.Settled("c", 1)
	done := make(chan struct{})
	ctx := t.Context()
	go func() { defer close(done); l.Move(ctx) }()
	t.Cleanup(func() { <-done })
	coming.Store(true)
	l.Switch(next)
	l.Settled("c", 2)
	if got := <-told; got != "c "+key.ID {
		t.Errorf("told %q", got)
	}
}

// A view that another node tells of by what differs from one that this node does
// not know is not made up: it is learnt from where views are kept.
func TestLocator_ViewOf(t *testing.T) {
	l := locator.New(supervision.NewSystem().Root)
	asked := 0
	log := slog.New(slog.NewTextHandler(t.Output(), nil))
	l.UseCluster(locator.ClusterOptions{
		Self: "a", Out: outbox.New(func(string, []byte) error { return nil }, 1<<20, log),
		Interests: func() []placement.Key { return nil }, Announcement: func(placement.Key) any { return nil },
		Ready: func() {}, Newer: func() { asked++ }, NotThere: func(any) {}, Log: log,
		Refuse: func(locator.Kind, string, any, error) {},
	})
	l.Switch(placement.NewView(3, []placement.Node{{ID: "a"}, {ID: "b"}}))
	if v, newer := l.ViewOf(&message.Switched{Generation: 4, Base: 3, Gone: []string{"b"}}); !newer || v.Generation != 4 || len(v.Nodes) != 1 {
		t.Errorf("a newer one: %v, %+v", newer, v)
	}
	if v, newer := l.ViewOf(&message.Switched{Generation: 3, Base: 3}); newer {
		t.Errorf("the same: %+v", v)
	}
	if asked != 0 {
		t.Errorf("asked %d times for what it knows", asked)
	}
	if v, newer := l.ViewOf(&message.Switched{Generation: 9, Base: 8, Gone: []string{"b"}}); newer || asked != 1 {
		t.Errorf("one that it cannot know: %+v, asked %d times", v, asked)
	}
}
