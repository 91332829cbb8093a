package main

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/corrillo/corrillo/actors/nodes"
	"github.com/corrillo/corrillo/actors/placement"
	"github.com/corrillo/corrillo/repo"
)

// oneNode is a registry for a node that is alone in its cluster.
type oneNode struct {
	repo.Registry // what is not called

	mu     sync.Mutex
	away   bool // nothing is answered
	frozen bool // the record cannot be changed
	record repo.ClusterRecord
	lease  repo.Lease
}

// reach locks, or waits for as long as it may where nobody answers.
func (r *oneNode) reach(ctx context.Context) error {
	r.mu.Lock()
	if !r.away {
		return nil
	}
	r.mu.Unlock()
	<-ctx.Done()
	return repo.ErrUnavailable
}

func (r *oneNode) Register(ctx context.Context, l repo.Lease, _ time.Duration) error {
	if err := r.reach(ctx); err != nil {
		return err
	}
	defer r.mu.Unlock()
	r.lease = l
	return nil
}

func (r *oneNode) Renew(ctx context.Context, l repo.Lease, ttl time.Duration) error {
	return r.Register(ctx, l, ttl)
}

func (r *oneNode) Read(ctx context.Context) (repo.Registered, error) {
	if err := r.reach(ctx); err != nil {
		return repo.Registered{}, err
	}
	defer r.mu.Unlock()
	return repo.Registered{Record: r.record, Leases: []repo.LeaseSeen{{Lease: r.lease}}}, nil
}

func (r *oneNode) Propose(ctx context.Context, p repo.Proposal) error {
	if err := r.reach(ctx); err != nil {
		return err
	}
	defer r.mu.Unlock()
	if r.frozen || p.Record.Generation != r.record.Generation+1 {
		return repo.ErrConflict
	}
	r.record = p.Record
	return nil
}

func (r *oneNode) Remove(ctx context.Context, _ string) error {
	if err := r.reach(ctx); err != nil {
		return err
	}
	r.mu.Unlock()
	return nil
}

func (r *oneNode) set(change func()) {
	r.mu.Lock()
	defer r.mu.Unlock()
	change()
}

// A node that is told to go does not keep its clients waiting for what cannot
// be: that others take over while the registry is away.
func TestNode_LeaveIsBounded(t *testing.T) {
	const lapse = 2 * time.Second // of a lease of 5 s
	for name, c := range map[string]struct {
		before time.Duration // since the registry has gone; negative: it answers, and nobody takes over
		period time.Duration
		most   time.Duration
		lapsed bool
	}{
		"the registry is away for long": {time.Minute, 20 * time.Second, 20 * time.Millisecond, true},
		"it has just gone":              {0, 20 * time.Second, lapse, true},
		"nobody takes over":             {-1, 20 * time.Second, 4 * time.Second, false},
		"a short time to stop":          {-1, 5 * time.Second, time.Second, false},
		"a long one":                    {-1, time.Hour, handOffWithin, false},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				registry := &oneNode{}
				keeper, err := nodes.Start(t.Context(), nodes.Options{
					Registry: registry, Self: placement.Node{ID: "a", Address: "10.0.0.1:7946"},
					Reachable: func() map[string]bool { return nil }, PeerLease: func(string) (bool, bool) { return false, false },
					Connect: func([]placement.Node) {}, OnView: func(placement.View) {}, OnLease: func(bool) {},
				})
				if err != nil {
					t.Fatal(err)
				}
				defer func() {
					registry.set(func() { registry.away = false })
					if err := keeper.Close(t.Context()); err != nil {
						t.Error(err)
					}
				}()
				n := &node{log: slog.New(slog.DiscardHandler)}
				n.keeping.Store(keeper)
				for keeper.View().Generation == 0 {
					time.Sleep(time.Millisecond)
				}
				registry.set(func() { registry.frozen, registry.away = true, c.before >= 0 })
				time.Sleep(max(0, c.before))
				ctx, cancel := context.WithTimeout(t.Context(), c.period)
				defer cancel()
				begun := time.Now()
				err = n.leave(ctx)
				if took := time.Since(begun); took > c.most || err == nil || errors.Is(err, errLapsed) != c.lapsed {
					t.Errorf("it took %s, %s at the most: %v", took, c.most, err)
				}
			})
		})
	}
}
