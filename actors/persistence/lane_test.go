package persistence

import (
	"context"
	"log/slog"
	"runtime"
	"sync/atomic"
	"testing"

	"github.com/asynkron/protoactor-go/actor"

	"github.com/corrillo/corrillo/actors/message"
	"github.com/corrillo/corrillo/actors/supervision"
	"github.com/corrillo/corrillo/repo"
)

// gated saves nothing, when it is let.
type gated struct {
	repo.Store
	open <-chan struct{}
}

func (g gated) Save(_ context.Context, groups []repo.Group) []repo.GroupResult {
	<-g.open
	return make([]repo.GroupResult, len(groups))
}

// What waited in a burst leaves no room behind; what waits all the time keeps
// its own.
func TestLane_LetsGoOfABurst(t *testing.T) {
	for _, c := range []struct {
		name   string
		groups int
		kept   bool
	}{{"a burst", 5000, false}, {"a batch", 100, true}} {
		t.Run(c.name, func(t *testing.T) {
			open := make(chan struct{})
			load := &Load{}
			l := NewLane(0, Options{
				Store: gated{open: open}, Log: slog.New(slog.DiscardHandler),
				Report:   func(string, *message.GroupSaved) {},
				Failures: &supervision.Failures{}, Unknown: &atomic.Int64{},
			}, load)
			system := supervision.NewSystem()
			defer system.Shutdown()
			pid := system.Root.Spawn(actor.PropsFromProducer(func() actor.Actor { return l }, actor.WithMailbox(supervision.Mailbox)))
			for range c.groups {
				system.Root.Send(pid, &message.SaveGroup{})
			}
			for load.Groups.Load() < int64(c.groups) {
				runtime.Gosched()
			}
			close(open)
			for load.Groups.Load() > 0 {
				runtime.Gosched()
			}
			if kept := cap(l.pending) > 0; kept != c.kept {
				t.Errorf("room for %d groups is left", cap(l.pending))
			}
		})
	}
}
