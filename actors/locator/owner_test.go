package locator_test

import (
	"log/slog"
	"slices"
	"testing"

	"github.com/asynkron/protoactor-go/actor"

	"github.com/corrillo/corrillo/actors/envelope"
	"github.com/corrillo/corrillo/actors/locator"
	"github.com/corrillo/corrillo/actors/message"
	"github.com/corrillo/corrillo/actors/outbox"
	"github.com/corrillo/corrillo/actors/placement"
	"github.com/corrillo/corrillo/actors/supervision"
)

// settledPair is the locator of node "a" beside "b", which has settled. arrived are
// the messages of its actors, told what goes to other nodes, newer counts how often
// it asked for a view.
func settledPair(t *testing.T) (l *locator.Locator, arrived chan any, told chan string, newer *int) {
	t.Helper()
	root := supervision.NewSystem().Root
	l = locator.New(root)
	arrived, told, newer = make(chan any, 10), make(chan string, 10), new(int)
	for _, kind := range []locator.Kind{locator.User, locator.Conversation} {
		l.Register(kind, func(string) *actor.PID {
			return root.Spawn(actor.PropsFromFunc(func(ctx actor.Context) {
				if _, begins := ctx.Message().(*actor.Started); !begins {
					arrived <- ctx.Message()
				}
			}, actor.WithMailbox(supervision.Mailbox)))
		})
	}
	log := slog.New(slog.NewTextHandler(t.Output(), nil))
	out := outbox.New(func(node string, item []byte) error {
		if m, err := envelope.Decode(item); err != nil {
			t.Error(err)
		} else if _, is := m.(*message.Told); is {
			told <- node
		}
		return nil
	}, 1<<20, log)
	l.UseCluster(locator.ClusterOptions{
		Self: "a", Out: out, Interests: func() []placement.Key { return nil }, Announcement: func(placement.Key) any { return nil },
		Ready: func() {}, Newer: func() { *newer++ }, NotThere: func(any) {}, Log: log,
		Refuse: func(locator.Kind, string, any, error) {},
	})
	l.Switch(placement.NewView(1, []placement.Node{{ID: "a", Since: 1}, {ID: "b", Since: 1}}))
	done, ctx := make(chan struct{}), t.Context()
	go func() { defer close(done); l.Move(ctx) }()
	t.Cleanup(func() { <-done })
	l.Settled("b", 1)
	return l, arrived, told, newer
}

// A node that does not own what it was told says under which view: who asked looks
// for that view at once, and asks the owner under it.
func TestLocator_LearnsFromWhoIsNotTheOwner(t *testing.T) {
	l, _, told, newer := settledPair(t)
	next := placement.NewView(2, []placement.Node{{ID: "a", Since: 1}, {ID: "b", Since: 1}, {ID: "c", Since: 2}})
	key := placement.Key{Kind: byte(locator.Conversation)}
	for l.Owner(locator.Conversation, key.ID) != "b" || next.Owner(key.Kind, key.ID) != "c" {
		key.ID += "x"
	}
	l.Returned(&message.Returned{Generation: 1, Told: message.Told{Kind: key.Kind, ID: key.ID, Message: post("one")}})
	if *newer != 0 {
		t.Errorf("looked %d times for the view that it knows", *newer)
	}
	if got := <-told; got != "b" {
		t.Errorf("what came back under the same view went to %q", got)
	}
	l.Returned(&message.Returned{Generation: 2, Told: message.Told{Kind: key.Kind, ID: key.ID, Message: post("two")}})
	if *newer != 1 {
		t.Errorf("looked %d times for a view that it does not know", *newer)
	}
	l.Switch(next)
	l.Settled("b", 2)
	l.Settled("c", 2)
	if got := <-told; got != "c" {
		t.Errorf("what came back went to %q", got)
	}
}

// A node that is no member any more is not heard: its sessions have gone with it.
func TestLocator_HearsNobodyWhoHasGone(t *testing.T) {
	l, arrived, _, _ := settledPair(t)
	id := ""
	for l.Owner(locator.Conversation, id) != "a" {
		id += "x"
	}
	eventually(t, "b to have settled", func() bool { return l.Routing().Unsettled == 0 })
	for _, from := range []string{"gone", "b"} {
		if !l.Told(from, &message.Told{Kind: byte(locator.Conversation), ID: id, Message: post(from)}) {
			t.Errorf("what %s told is for an actor that need not be there", from)
		}
	}
	if got := (<-arrived).(*message.PostMessage).Message.Content; got != "b" {
		t.Errorf("%s was heard", got)
	}
}

// What a node still had to say is sent before it is told that this one has let go: the
// new owner may speak from there on.
func TestLocator_SaysItsLastWordsBeforeItSettles(t *testing.T) {
	l := locator.New(supervision.NewSystem().Root)
	log := slog.New(slog.NewTextHandler(t.Output(), nil))
	var said []string
	out := outbox.New(func(node string, item []byte) error {
		if m, err := envelope.Decode(item); err != nil {
			t.Error(err)
		} else if _, is := m.(*message.Settled); is {
			said = append(said, node+" settled")
		}
		return nil
	}, 1<<20, log)
	l.UseCluster(locator.ClusterOptions{
		Self: "a", Out: out, LastWords: func(node string) { said = append(said, node+" last words") },
		Interests: func() []placement.Key { return nil }, Announcement: func(placement.Key) any { return nil },
		Ready: func() {}, Newer: func() {}, NotThere: func(any) {}, Log: log,
		Refuse: func(locator.Kind, string, any, error) {},
	})
	l.Switch(placement.NewView(1, []placement.Node{{ID: "a", Since: 1}, {ID: "b", Since: 1}}))
	l.Switched("b", &message.Switched{Generation: 1})
	if want := []string{"b last words", "b settled"}; !slices.Equal(said, want) {
		t.Errorf("said %q, want %q", said, want)
	}
}
