package nodes_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/corrillo/corrillo/repo"
)

// memory is a registry for faults that no real one can be made to show at the
// moment that is wanted, and for a clock that is not real. Each node has a
// handle of its own.
type memory struct {
	mu     sync.Mutex
	record repo.ClusterRecord
	leases map[string]*memoryLease
	// evicted is called with who is taken out because it has expired.
	evicted func(id string)
}

type memoryLease struct {
	repo.Lease
	expires time.Time
}

func newMemory() *memory { return &memory{leases: map[string]*memoryLease{}} }

// fault is what happens to a call.
type fault uint8

const (
	none    fault = iota
	refused       // an error at once
	hangs         // nothing until the context ends
	lostAnswer
	faults
)

// handle is one node's way to it.
type handle struct {
	*memory
	mu    sync.Mutex
	fault fault
}

func (h *handle) set(f fault) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.fault = f
}

// call does f under the lock, unless the fault keeps it from that.
func (h *handle) call(ctx context.Context, f func() error) error {
	h.mu.Lock()
	kind := h.fault
	h.mu.Unlock()
	switch kind {
	case refused:
		return fmt.Errorf("refused: %w", repo.ErrUnavailable)
	case hangs:
		<-ctx.Done()
		return fmt.Errorf("%w: %w", repo.ErrUnavailable, ctx.Err())
	}
	time.Sleep(time.Millisecond)
	if ctx.Err() != nil {
		return fmt.Errorf("%w: %w", repo.ErrUnavailable, ctx.Err())
	}
	h.memory.mu.Lock()
	err := f()
	h.memory.mu.Unlock()
	if kind == lostAnswer {
		<-ctx.Done()
		return fmt.Errorf("%w: %w", repo.ErrUnavailable, ctx.Err())
	}
	return err
}

func (h *handle) Register(ctx context.Context, l repo.Lease, ttl time.Duration) error {
	return h.call(ctx, func() error {
		h.leases[l.ID] = &memoryLease{l, time.Now().Add(ttl)}
		return nil
	})
}

func (h *handle) Renew(ctx context.Context, l repo.Lease, ttl time.Duration) error {
	return h.call(ctx, func() error {
		if h.leases[l.ID] == nil {
			return repo.ErrLeaseLost
		}
		h.leases[l.ID] = &memoryLease{l, time.Now().Add(ttl)}
		return nil
	})
}

func (h *handle) Read(ctx context.Context) (got repo.Registered, err error) {
	err = h.call(ctx, func() error {
		got.Record = repo.ClusterRecord{Generation: h.record.Generation, Members: slices.Clone(h.record.Members)}
		for _, l := range h.leases {
			got.Leases = append(got.Leases, repo.LeaseSeen{Lease: l.Lease, Expired: !time.Now().Before(l.expires)})
		}
		slices.SortFunc(got.Leases, func(a, b repo.LeaseSeen) int { return strings.Compare(a.ID, b.ID) })
		got.Now = time.Now()
		return nil
	})
	return got, err
}

func (h *handle) Propose(ctx context.Context, p repo.Proposal) error {
	if err := p.Check(); err != nil {
		return err
	}
	return h.call(ctx, func() error {
		if p.Record.Generation != h.record.Generation+1 {
			return repo.ErrConflict
		}
		for _, id := range p.Expired {
			if l := h.leases[id]; l != nil && time.Now().Before(l.expires) {
				return repo.ErrConflict
			}
		}
		for _, id := range p.Expired {
			if h.evicted != nil {
				h.evicted(id)
			}
		}
		for _, id := range append(p.Expired, p.Removed...) {
			delete(h.leases, id)
		}
		h.record = p.Record
		return nil
	})
}

func (h *handle) Remove(ctx context.Context, id string) error {
	return h.call(ctx, func() error {
		delete(h.leases, id)
		return nil
	})
}

func (h *handle) Close() error { return nil }
