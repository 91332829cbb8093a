package actors

import (
	"context"
	"fmt"
	"time"

	"github.com/corrillo/corrillo/actors/message"
	"github.com/corrillo/corrillo/repo"
	"github.com/corrillo/corrillo/wire"
)

// lookFor bounds one look.
const lookFor = 5 * time.Second

// look finds out the presence of users, on a goroutine of its own, and calls done
// once. The error wraps repo.ErrUnavailable or ErrOverloaded. It comes at once while
// nodes still hand ids over under this node's view.
func (s *System) look(userIDs []string, done func(map[string]wire.PresenceStatus, error)) {
	if s.locator.Routing().Unsettled > 0 {
		done(nil, fmt.Errorf("%w: the view is not settled", repo.ErrUnavailable))
		return
	}
	if !s.looks.Go(func() { done(s.looked(userIDs)) }) {
		done(nil, fmt.Errorf("too many ask: %w", message.ErrOverloaded))
	}
}

// looked is Presence with a panic turned into an error.
func (s *System) looked(userIDs []string) (known map[string]wire.PresenceStatus, err error) {
	defer func() {
		if reason := recover(); reason != nil {
			s.o.Log.Error("asking for presence panicked", "panic", reason)
			known, err = nil, fmt.Errorf("asking panicked: %w", repo.ErrUnavailable)
		}
	}()
	ctx, cancel := context.WithTimeout(s.stopped, lookFor)
	defer cancel()
	return s.Presence(ctx, userIDs)
}
