package actors

import (
	"context"
	"fmt"
	"time"

	"github.com/corrillo/corrillo/actors/message"
	"github.com/corrillo/corrillo/repo"
	"github.com/corrillo/corrillo/wire"
)

const (
	looksAtOnce  = 8
	looksWaiting = 10_000
	lookFor      = 5 * time.Second
)

// look asks how users are, beside the actor that wants to know, and calls done
// once. The error wraps repo.ErrUnavailable or ErrOverloaded; it comes at once while
// not every node has given up what is not its own under this one's view.
func (s *System) look(userIDs []string, done func(map[string]wire.PresenceStatus, error)) {
	if s.locator.Routing().Unsettled > 0 {
		done(nil, fmt.Errorf("%w: the view is not settled", repo.ErrUnavailable))
		return
	}
	ok := s.looks.Go(func() {
		defer func() {
			if reason := recover(); reason != nil {
				s.o.Log.Error("asking for presence panicked", "panic", reason)
				done(nil, fmt.Errorf("asking panicked: %w", repo.ErrUnavailable))
			}
		}()
		ctx, cancel := context.WithTimeout(s.stopped, lookFor)
		defer cancel()
		done(s.Presence(ctx, userIDs))
	})
	if !ok {
		done(nil, fmt.Errorf("too many ask: %w", message.ErrOverloaded))
	}
}
