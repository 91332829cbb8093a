package locator_test

import (
	"fmt"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/asynkron/protoactor-go/actor"

	"github.com/corrillo/corrillo/actors/locator"
	"github.com/corrillo/corrillo/actors/supervision"
)

// counter is an actor that passivates whenever it is asked and busy is not
// set, and counts what it was told.
type counter struct {
	l    *locator.Locator
	id   string
	seen *sync.Map // id -> *atomic.Int64
	busy *atomic.Bool
}

func (c *counter) Receive(ctx actor.Context) {
	switch m := ctx.Message().(type) {
	case chan struct{}:
		<-m
	case int:
		n, _ := c.seen.LoadOrStore(c.id, &atomic.Int64{})
		n.(*atomic.Int64).Add(1)
	case locator.Passivate:
		if c.busy.Load() {
			c.l.Resume(locator.Conversation, c.id)
			return
		}
		ctx.Stop(ctx.Self())
	case *actor.Stopped:
		c.l.Stopped(locator.Conversation, c.id, ctx.Self())
	}
}

func newLocator() (l *locator.Locator, seen *sync.Map, busy *atomic.Bool) {
	system := supervision.NewSystem()
	l = locator.New(system.Root)
	seen, busy = &sync.Map{}, &atomic.Bool{}
	l.Register(locator.Conversation, func(id string) *actor.PID {
		return system.Root.Spawn(actor.PropsFromProducer(func() actor.Actor {
			return &counter{l: l, id: id, seen: seen, busy: busy}
		}, actor.WithMailbox(supervision.Mailbox)))
	})
	return l, seen, busy
}

func total(seen *sync.Map) (n int64) {
	seen.Range(func(_, v any) bool { n += v.(*atomic.Int64).Load(); return true })
	return n
}

// eventually waits until the condition holds; the test's own deadline ends a
// wait for what never comes.
func eventually(t *testing.T, what string, ok func() bool) {
	t.Helper()
	for !ok() {
		select {
		case <-t.Context().Done():
			t.Fatal(what)
		default:
			yield()
		}
	}
}

func TestLocator_PassivationLosesNothing(t *testing.T) {
	l, seen, busy := newLocator()
	const senders, each, ids = 4, 5000, 8
	var wg, asking sync.WaitGroup
	stop := make(chan struct{})
	asking.Go(func() {
		for i := 0; ; i++ {
			select {
			case <-stop:
				return
			default:
				busy.Store(i%3 == 0)
				l.Passivate(locator.Conversation, fmt.Sprint(i%ids))
				yield()
			}
		}
	})
	var sent atomic.Int64
	for range senders {
		wg.Go(func() {
			for i := 0; i < each || l.Stats().ConversationsSpawned <= ids; i++ {
				for l.Tell(locator.Conversation, fmt.Sprint(i%ids), i) != nil {
					yield()
				}
				sent.Add(1)
			}
		})
	}
	wg.Wait()
	close(stop)
	asking.Wait()
	busy.Store(false)
	eventually(t, "messages were lost", func() bool { return total(seen) == sent.Load() })
}

func TestLocator_TellActive(t *testing.T) {
	l, seen, _ := newLocator()
	if l.TellActive(locator.Conversation, "a", 1) {
		t.Error("told an actor that is not there")
	}
	if err := l.Tell(locator.Conversation, "a", 1); err != nil {
		t.Fatal(err)
	}
	if !l.TellActive(locator.Conversation, "a", 1) {
		t.Error("did not tell an actor that is there")
	}
	eventually(t, "the messages did not arrive", func() bool { return total(seen) == 2 })
	l.Passivate(locator.Conversation, "a")
	eventually(t, "it did not stop", func() bool { return l.Stats().Conversations == 0 })
	if l.TellActive(locator.Conversation, "a", 1) {
		t.Error("told an actor that has stopped")
	}
}

// What an actor waits for comes however much else is held back for it.
func TestLocator_TellActiveIsNeverRefused(t *testing.T) {
	l, seen, busy := newLocator()
	busy.Store(true)
	block := make(chan struct{})
	if err := l.Tell(locator.Conversation, "a", block); err != nil {
		t.Fatal(err)
	}
	l.Passivate(locator.Conversation, "a")
	held := int64(0)
	for l.Tell(locator.Conversation, "a", 1) == nil {
		held++
	}
	if !l.TellActive(locator.Conversation, "a", 1) {
		t.Error("refused")
	}
	close(block)
	eventually(t, "the message was lost", func() bool { return total(seen) == held+1 })
}
