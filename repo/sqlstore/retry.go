package sqlstore

import (
	"context"
	"time"

	"github.com/sethvargo/go-retry"
)

// The pauses between two tries: they double from the first to the longest,
// each a bit shorter or longer by chance, so that two who collided do not
// collide again.
const (
	firstPause   = 5 * time.Millisecond
	longestPause = 500 * time.Millisecond
	// smallTries bounds the tries of everything but a Save: its caller asks
	// again, or tells its client to.
	smallTries = 6
)

func newBackoff() retry.Backoff {
	return retry.WithJitterPercent(30, retry.WithCappedDuration(longestPause, retry.NewExponential(firstPause)))
}

// pause waits until the next try is due. It returns the context's error when
// that ended first.
func pause(ctx context.Context, b retry.Backoff) error {
	d, _ := b.Next()
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// again runs f, and runs it again while its error is transient, a few times.
// f must do no harm when it is done twice.
func (s *Store) again(ctx context.Context, what string, f func() error) error {
	b := newBackoff()
	for try := 1; ; try++ {
		err := f()
		if err == nil {
			return nil
		}
		if s.classify(err) != ClassTransient || try == smallTries || ctx.Err() != nil {
			return s.wrap(what, err)
		}
		s.retries.Add(1)
		if pause(ctx, b) != nil {
			return s.wrap(what, err)
		}
	}
}
