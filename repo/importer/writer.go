package importer

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/corrillo/corrillo/repo"
)

// writer saves groups until each has an outcome: what another activation has
// fenced is activated and tried again, and a store that is away is waited for.
type writer struct {
	store    Store
	known    *conversations
	patience time.Duration
	made     int64 // conversations that had no row
}

const (
	firstPause   = 20 * time.Millisecond
	longestPause = 2 * time.Second
)

// work is what is to be saved of one conversation.
type work struct {
	v *conversation
	// group builds the group from what is left to do and the state as it is
	// now; false: nothing is left.
	group func() (repo.Group, bool)
	// done takes the outcome of the group that was committed. It reports
	// whether something is left to be saved again.
	done func(g *repo.Group, r *repo.GroupResult) (again bool)
}

// save returns nil when every work is done. An error leaves the rest undone.
func (w *writer) save(ctx context.Context, works []work) error {
	pause, since := firstPause, time.Now()
	for len(works) > 0 {
		groups, tried := w.groups(works)
		if len(groups) == 0 {
			return nil
		}
		results := w.store.Save(ctx, groups)
		works = works[:0]
		var stale []*conversation
		var trouble error
		for i := range results {
			t, r := tried[i], &results[i]
			if r.Err == nil {
				w.count(t.v, r)
				t.v.saved(&groups[i], r)
				since = time.Now()
				if t.done(&groups[i], r) {
					works = append(works, t)
				}
				continue
			}
			if !errors.Is(r.Err, repo.ErrFenced) {
				if trouble = r.Err; !errors.Is(r.Err, repo.ErrUnavailable) {
					return fmt.Errorf("save: %w", r.Err)
				}
			}
			stale, works = append(stale, t.v), append(works, t)
		}
		// What is not known may be committed: the activation tells.
		if err := w.known.activate(ctx, stale); err != nil {
			if !errors.Is(err, repo.ErrUnavailable) || ctx.Err() != nil {
				return fmt.Errorf("activate: %w", err)
			}
			trouble = err
		}
		if trouble == nil {
			pause = firstPause
			continue
		}
		if time.Since(since) > w.patience {
			return fmt.Errorf("the store has been away for %s: %w", w.patience, trouble)
		}
		if err := wait(ctx, pause); err != nil {
			return err
		}
		pause = min(2*pause, longestPause)
	}
	return nil
}

func (w *writer) groups(works []work) ([]repo.Group, []work) {
	groups, tried := make([]repo.Group, 0, len(works)), make([]work, 0, len(works))
	for _, t := range works {
		if g, some := t.group(); some {
			groups, tried = append(groups, g), append(tried, t)
		}
	}
	return groups, tried
}

// count counts the conversations that this group has made.
func (w *writer) count(v *conversation, r *repo.GroupResult) {
	if v.epoch == 0 && r.Epoch > 0 {
		w.made++
	}
}

func wait(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
