package locator_test

import (
	"errors"
	"log/slog"
	"strings"
	"sync"
	"testing"

	"github.com/asynkron/protoactor-go/actor"

	"github.com/corrillo/corrillo/actors/locator"
	"github.com/corrillo/corrillo/actors/message"
	"github.com/corrillo/corrillo/actors/outbox"
	"github.com/corrillo/corrillo/actors/placement"
	"github.com/corrillo/corrillo/actors/supervision"
	"github.com/corrillo/corrillo/repo"
)

const (
	perID  = 4096 // messages that wait for one id that moves
	perAll = 100_000
)

// moving is the locator of node "a", for whom everything waits until "b" has
// settled the view of the two.
type moving struct {
	*locator.Locator
	arrived chan any // at any actor

	mu      sync.Mutex
	refused []any
}

func newMoving(t *testing.T) *moving {
	t.Helper()
	root := supervision.NewSystem().Root
	m := &moving{Locator: locator.New(root), arrived: make(chan any, 2*perAll)}
	for _, kind := range []locator.Kind{locator.User, locator.Conversation} {
		m.Register(kind, func(string) *actor.PID {
			return root.Spawn(actor.PropsFromFunc(func(ctx actor.Context) {
				if _, begins := ctx.Message().(*actor.Started); !begins {
					m.arrived <- ctx.Message()
				}
			}, actor.WithMailbox(supervision.Mailbox)))
		})
	}
	log := slog.New(slog.NewTextHandler(t.Output(), nil))
	m.UseCluster(locator.ClusterOptions{
		Self: "a", Out: outbox.New(func(string, []byte) error { return nil }, 1<<20, log),
		Interests:    func() []placement.Key { return nil },
		Announcement: func(placement.Key) any { return nil },
		Ready:        func() {}, Newer: func() {}, NotThere: func(any) {}, Log: log,
		Refuse: func(_ locator.Kind, _ string, msg any, err error) {
			if !errors.Is(err, message.ErrOverloaded) {
				t.Errorf("refused with %v", err)
			}
			m.mu.Lock()
			defer m.mu.Unlock()
			m.refused = append(m.refused, msg)
		},
	})
	m.Switch(placement.NewView(1, []placement.Node{{ID: "a", Since: 1}, {ID: "b", Since: 1}}))
	return m
}

// own returns the n-th id of a kind that "a" owns.
func (m *moving) own(kind locator.Kind, n int) string {
	for i := 0; ; i++ {
		id := strings.Repeat("x", i)
		if m.Owner(kind, id) != "a" {
			continue
		}
		if n == 0 {
			return id
		}
		n--
	}
}

func (m *moving) told(kind locator.Kind, id string, msg any, active bool) {
	m.Locator.Told("b", &message.Told{Kind: byte(kind), ID: id, Active: active, Message: msg})
}

func (m *moving) wantRefused(t *testing.T, n int) {
	t.Helper()
	m.mu.Lock()
	defer m.mu.Unlock()
	if len(m.refused) != n {
		t.Fatalf("%d are refused, want %d", len(m.refused), n)
	}
}

func post(content string) *message.PostMessage {
	return &message.PostMessage{Message: repo.Message{Content: content}}
}

// settle lets go what waits, and expects so much to arrive.
func (m *moving) settle(t *testing.T, n int) {
	t.Helper()
	done := make(chan struct{})
	ctx := t.Context()
	go func() { defer close(done); m.Move(ctx) }()
	t.Cleanup(func() { <-done })
	m.Settled("b", 1)
	for i := range n {
		select {
		case <-m.arrived:
		case <-ctx.Done():
			t.Fatalf("%d of %d arrive", i, n)
		}
	}
	if w := m.Routing().Waiting; w != (placement.Waiting{}) {
		t.Errorf("still waiting: %+v", w)
	}
}

// What nodes tell an id that moves is bounded, whoever tells it, and what is
// beyond is refused. What nobody could be told of is not.
func TestLocator_BoundsWhatWaitsForAnID(t *testing.T) {
	m := newMoving(t)
	room, user := m.own(locator.Conversation, 0), m.own(locator.User, 0)
	for range perID {
		m.told(locator.Conversation, room, post("x"), false)
	}
	m.wantRefused(t, 0)
	last := post("one too many")
	m.told(locator.Conversation, room, last, false)
	m.wantRefused(t, 1)
	if m.refused[0] != last {
		t.Errorf("refused is %v", m.refused[0])
	}
	if err := m.Tell(locator.Conversation, room, post("of this node")); !errors.Is(err, message.ErrOverloaded) {
		t.Errorf("this node's own: %v", err)
	}
	m.told(locator.Conversation, m.own(locator.Conversation, 1), post("of another id"), false)
	m.wantRefused(t, 1)

	for range perID {
		m.told(locator.User, user, &message.Beat{}, false)
	}
	m.told(locator.User, user, &message.Beat{}, false)
	m.wantRefused(t, 2)
	must := []struct {
		kind   locator.Kind
		id     string
		msg    any
		active bool
	}{
		{locator.Conversation, room, &message.Leave{}, false},
		{locator.Conversation, room, &message.Listening{}, false},
		{locator.Conversation, room, &message.SessionClosed{}, true},
		{locator.User, user, &message.SessionAttached{}, false},
		{locator.User, user, &message.UserSessions{}, false},
		{locator.User, user, &message.RevokeUser{}, true},
	}
	for _, tt := range must {
		m.told(tt.kind, tt.id, tt.msg, tt.active)
	}
	if err := m.Tell(locator.Conversation, room, &message.Leave{}); err != nil {
		t.Errorf("a leave of this node: %v", err)
	}
	m.wantRefused(t, 2)
	m.settle(t, 2*perID+1+len(must)+1)
}

// Nor do many ids together make a node hold what it likes.
func TestLocator_BoundsWhatWaitsForAllIDs(t *testing.T) {
	t.Run("bytes", func(t *testing.T) {
		m := newMoving(t)
		large := post(strings.Repeat("x", 1<<20-400))
		for n := range 64 {
			m.told(locator.Conversation, m.own(locator.Conversation, n), large, false)
		}
		m.wantRefused(t, 0)
		m.told(locator.Conversation, m.own(locator.Conversation, 64), large, false)
		m.wantRefused(t, 1)
		m.told(locator.Conversation, m.own(locator.Conversation, 64), &message.Leave{}, false)
		m.wantRefused(t, 1)
		m.settle(t, 65)
		m.told(locator.Conversation, m.own(locator.Conversation, 64), large, false)
		m.wantRefused(t, 1)
	})
	t.Run("messages", func(t *testing.T) {
		m := newMoving(t)
		ids := make([]string, 100)
		for n := range ids {
			ids[n] = m.own(locator.Conversation, n)
		}
		for n := range perAll {
			m.told(locator.Conversation, ids[n%len(ids)], &message.SetTyping{}, false)
		}
		m.wantRefused(t, 0)
		m.told(locator.Conversation, ids[0], &message.SetTyping{}, false)
		m.wantRefused(t, 1)
		m.settle(t, perAll)
	})
}

// What an actor that stops has no room for waits for its successor, or is
// refused, as on its own node.
func TestLocator_BoundsWhatWaitsForOneThatStops(t *testing.T) {
	m := newMoving(t)
	m.settle(t, 0)
	room := m.own(locator.Conversation, 0)
	m.told(locator.Conversation, room, post("begins it"), false)
	<-m.arrived
	m.Passivate(locator.Conversation, room)
	<-m.arrived
	for range perID {
		m.told(locator.Conversation, room, post("x"), false)
	}
	m.wantRefused(t, 0)
	m.told(locator.Conversation, room, post("one too many"), false)
	m.wantRefused(t, 1)
	m.told(locator.Conversation, room, &message.Leave{}, false)
	m.wantRefused(t, 1)
	m.Resume(locator.Conversation, room)
	for range perID + 1 {
		<-m.arrived
	}
}
