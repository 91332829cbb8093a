package user

import (
	"context"
	"log/slog"
	"sync"
	"time"

	"github.com/corrillo/corrillo/actors/small"
	"github.com/corrillo/corrillo/repo"
	"github.com/corrillo/corrillo/wire"
)

// Directory is what this node knows of its users' presence, for get_presence
// and the webhook, and the writer of last-seen times: user actors report
// changes, Run writes them to the store in batches. Safe for concurrent use.
type Directory struct {
	store repo.Store
	log   *slog.Logger

	mu    sync.Mutex
	known map[string]wire.PresenceStatus
	most  int // that known held; see small.Shrink
	dirty map[string]time.Time
}

// maxDirty bounds the last-seen times that wait for the store; over it the
// newest are dropped and counted on to come again with the next change.
const maxDirty = 100_000

// NewDirectory returns an empty directory over store.
func NewDirectory(store repo.Store, log *slog.Logger) *Directory {
	return &Directory{store: store, log: log, known: map[string]wire.PresenceStatus{}, dirty: map[string]time.Time{}}
}

func (d *Directory) set(id string, s wire.PresenceStatus) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.known[id] = s
	if !s.Online && len(d.dirty) < maxDirty {
		d.dirty[id] = s.LastSeen
	}
}

func (d *Directory) forget(id string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	delete(d.known, id)
}

// Known returns the presence of those of ids who have or had a session here
// lately.
func (d *Directory) Known(ids []string) map[string]wire.PresenceStatus {
	d.mu.Lock()
	defer d.mu.Unlock()
	found := make(map[string]wire.PresenceStatus, len(ids))
	for _, id := range ids {
		if s, ok := d.known[id]; ok {
			found[id] = s
		} else if at, ok := d.dirty[id]; ok {
			found[id] = wire.PresenceStatus{LastSeen: at}
		}
	}
	return found
}

// Flush writes what has changed since the last time. What could not be
// written waits for the next.
func (d *Directory) Flush(ctx context.Context) {
	d.mu.Lock()
	dirty := d.dirty
	d.dirty = map[string]time.Time{}
	d.known = small.Shrink(d.known, &d.most)
	d.mu.Unlock()
	if len(dirty) == 0 {
		return
	}
	if err := d.store.TouchUsers(ctx, dirty); err != nil {
		d.log.Warn("last-seen times could not be written", "users", len(dirty), "err", err)
		d.mu.Lock()
		for id, at := range dirty {
			if _, newer := d.dirty[id]; !newer && len(d.dirty) < maxDirty {
				d.dirty[id] = at
			}
		}
		d.mu.Unlock()
	}
}

// Close writes last-seen times for everyone who is still online, for a node
// that stops.
func (d *Directory) Close(ctx context.Context) {
	d.mu.Lock()
	now := time.Now()
	for id, s := range d.known {
		if s.Online {
			d.dirty[id] = now
		}
	}
	d.mu.Unlock()
	d.Flush(ctx)
}
