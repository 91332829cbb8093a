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

// Directory is the table of the presence of this node's users, for get_presence and the
// webhook. It also writes last-seen times: user actors report changes, and Flush writes
// them to the store in batches. It is safe for concurrent use.
type Directory struct {
	store repo.Store
	log   *slog.Logger

	maxDirty int

	mu      sync.Mutex
	known   map[string]wire.PresenceStatus
	most    int                  // the peak size of known; see small.Shrink
	dirty   map[string]time.Time // last-seen times to be written
	writing int                  // how many a Flush is writing
	dropped int64
}

// NewDirectory returns an empty directory over store. maxDirty bounds the last-seen times
// that wait for the store; beyond it new ones are dropped, and come again with the user's
// next change.
func NewDirectory(store repo.Store, log *slog.Logger, maxDirty int) *Directory {
	return &Directory{
		store: store, log: log, maxDirty: maxDirty,
		known: map[string]wire.PresenceStatus{}, dirty: map[string]time.Time{},
	}
}

func (d *Directory) set(id string, s wire.PresenceStatus) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.known[id] = s
	if !s.Online {
		d.soil(id, s.LastSeen)
	}
}

// soil lets the next Flush write a last-seen time, if there is room. mu is held.
func (d *Directory) soil(id string, at time.Time) {
	if _, there := d.dirty[id]; !there && len(d.dirty) >= d.maxDirty {
		d.dropped++
		return
	}
	d.dirty[id] = at
}

// Waiting returns how many last-seen times are to be written, and how many were
// dropped since the start because too many were.
func (d *Directory) Waiting() (now int, dropped int64) {
	d.mu.Lock()
	defer d.mu.Unlock()
	return len(d.dirty) + d.writing, d.dropped
}

// told returns the presence of a user of this node, as it was set last.
func (d *Directory) told(id string) (s wire.PresenceStatus, ok bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	s, ok = d.known[id]
	return s, ok
}

// left lets the last-seen time of a user be written who belongs to another node now.
func (d *Directory) left(id string, at time.Time) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.soil(id, at)
}

func (d *Directory) forget(id string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	delete(d.known, id)
}

// Known returns the presence of those of ids who have an actor here, or whose last-seen
// time is yet to be written.
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
	d.writing = len(dirty)
	d.mu.Unlock()
	if len(dirty) == 0 {
		return
	}
	err := d.store.TouchUsers(ctx, dirty)
	if err != nil {
		d.log.Warn("last-seen times could not be written", "users", len(dirty), "err", err)
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	d.writing = 0
	if err == nil {
		return
	}
	for id, at := range dirty {
		if _, newer := d.dirty[id]; !newer {
			d.soil(id, at)
		}
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
