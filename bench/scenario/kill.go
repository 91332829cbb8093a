package scenario

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/corrillo/corrillo/bench/server"
)

// KillRounds lets a crowd talk while the server is killed (SIGKILL) and
// started again the given number of times, and judges every message of it:
// clients come back by themselves, join with afterSeq, and send again under
// the same tempId what was not acked. c.Duration is the least time.
func KillRounds(ctx context.Context, c Config, s *server.Server, kills int) (Report, error) {
	r, err := talk(ctx, c, Remote{Address: s.Addr(), Messages: s.Database()}, "kill -9", func(ctx context.Context, w *crowd) error {
		w.comeBack.Store(true)
		for n := range kills {
			if err := round(ctx, w, s); err != nil {
				return fmt.Errorf("kill %d of %d: %w", n+1, kills, err)
			}
		}
		return nil
	})
	r.Kills = kills
	return r, err
}

// round waits until everyone is there and the talk goes on, lets it go on for
// a while that nobody can foresee, and kills.
func round(ctx context.Context, w *crowd, s *server.Server) error {
	everyone := int64(len(w.members))
	if err := w.until(ctx, "everyone to be back", w.c.Patience, func() bool { return w.up.Load() == everyone }); err != nil {
		return err
	}
	before := w.progress()
	if err := w.until(ctx, "the talk to go on", w.c.Patience, func() bool { return w.progress() > before }); err != nil {
		return err
	}
	while := 300*time.Millisecond + rand.N(time.Second) //nolint:gosec // no secret
	if err := pause(ctx, while, nil); err != nil {
		return err
	}
	if err := s.Kill(); err != nil {
		return err
	}
	return errors.Join(ctx.Err(), s.Restart(ctx))
}
