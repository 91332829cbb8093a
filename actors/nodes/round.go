package nodes

import (
	"context"
	"errors"
	"fmt"
	"hash/fnv"
	"math/rand/v2"
	"time"

	"github.com/corrillo/corrillo/repo"
)

// rounds makes a round every Every, and whenever roundNow asks for one.
func (k *Keeper) rounds(ctx context.Context) {
	timer := time.NewTimer(0)
	defer timer.Stop()
	least := k.o.Every / 10 // the least time between two rounds
	begun := -least
	pauses := k.pauses()
	for {
		select {
		case <-ctx.Done():
			return
		case <-timer.C:
		case <-k.roundNow:
			if early := begun + least - k.now(); early > 0 {
				timer.Reset(early)
				continue
			}
		}
		begun = k.now()
		err := k.round(ctx)
		if ctx.Err() != nil {
			return
		}
		k.noteRound(err)
		if errors.Is(err, repo.ErrLeaseLost) {
			err = fmt.Errorf("%w: %w", ErrLost, err)
		}
		if errors.Is(err, ErrLost) {
			k.lose(err)
			return
		}
		timer.Reset(max(begun+pauses()-k.now(), least))
	}
}

// pauses returns the times from one round to the next: Every, a tenth more or less.
// Nodes that were started together would go on to ask the registry in the same
// moment otherwise, and to propose the same. What a node gets follows from its id.
func (k *Keeper) pauses() func() time.Duration {
	hash := fnv.New64a()
	_, _ = hash.Write([]byte(k.o.Self.ID))        // it never fails
	rng := rand.New(rand.NewPCG(hash.Sum64(), 0)) //nolint:gosec // no secret
	return func() time.Duration {
		return k.o.Every*9/10 + time.Duration(rng.Int64N(int64(k.o.Every/5)+1))
	}
}

// callTimeout bounds a call to the registry. After two calls without an answer there
// is time for a third before the lease expires.
func (k *Keeper) callTimeout() time.Duration { return k.o.TTL * 3 / 10 }

// round renews the lease, reads the registry, and proposes the view that follows
// from it; where another node was faster it reads and proposes again.
func (k *Keeper) round(ctx context.Context) error {
	if err := k.renew(ctx); err != nil {
		return err
	}
	for range 3 {
		again, err := k.propose(ctx)
		if err != nil || !again {
			return err
		}
	}
	return nil
}

func (k *Keeper) renew(ctx context.Context) error {
	k.mu.Lock()
	at, first := k.clocks(), !k.core.lease.held
	sent := at.mono
	l := repo.Lease{ID: k.o.Self.ID, Address: k.o.Self.Address, Version: k.o.Version, Schema: k.o.Schema, Meta: k.core.meta(sent)}
	k.mu.Unlock()
	ctx, cancel := context.WithTimeout(ctx, k.callTimeout())
	defer cancel()
	call := k.o.Registry.Renew
	if first {
		call = k.o.Registry.Register
	}
	if err := call(ctx, l, k.o.TTL); err != nil {
		return err
	}
	k.counts.renewed.Add(1)
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.err != nil {
		return nil
	}
	k.core.lease.renewed(sent, k.now())
	k.renewed.Store(&at)
	k.validUntil.Store(int64(k.core.lease.lapsesAt()))
	flag(k.watchNow)
	return nil
}

// propose reads the registry and proposes the view that follows from it, if any.
// again says that another node has changed the record meanwhile.
func (k *Keeper) propose(ctx context.Context) (again bool, err error) {
	since := k.View().Generation
	got, err := k.read(ctx)
	if err != nil {
		return false, err
	}
	w := k.world()
	now := k.now()
	k.mu.Lock()
	changed, err := k.core.read(now, &got, since)
	if changed {
		k.viewChanged()
	}
	flag(k.tellNow)
	var p repo.Proposal
	ok, old := false, []string(nil)
	if err == nil {
		var waiting string
		k.core.look(now, &w)
		p, ok, waiting = k.core.propose(now, &got, &w)
		if !k.core.member() {
			k.noteWaiting(waiting)
		} else {
			old = k.swept.sweep(now, k.o.TTL, &got)
		}
	}
	k.mu.Unlock()
	if err != nil {
		return false, err
	}
	if ok {
		return k.send(ctx, p)
	}
	for _, id := range old {
		if err := k.remove(ctx, id); err != nil {
			return false, err
		}
	}
	return false, nil
}

func (k *Keeper) read(ctx context.Context) (repo.Registered, error) {
	ctx, cancel := context.WithTimeout(ctx, k.callTimeout())
	defer cancel()
	return k.o.Registry.Read(ctx)
}

func (k *Keeper) remove(ctx context.Context, id string) error {
	ctx, cancel := context.WithTimeout(ctx, k.callTimeout())
	defer cancel()
	return k.o.Registry.Remove(ctx, id)
}

func (k *Keeper) offer(ctx context.Context, p repo.Proposal) error {
	ctx, cancel := context.WithTimeout(ctx, k.callTimeout())
	defer cancel()
	return k.o.Registry.Propose(ctx, p)
}

// send makes a proposal and, if it was accepted, adopts its view.
func (k *Keeper) send(ctx context.Context, p repo.Proposal) (again bool, err error) {
	k.counts.proposed.Add(1)
	err = k.offer(ctx, p)
	if errors.Is(err, repo.ErrConflict) {
		k.counts.conflicts.Add(1)
		return true, nil
	}
	if err != nil {
		return false, err
	}
	k.noteTakenOut(&p)
	k.mu.Lock()
	defer k.mu.Unlock()
	changed, err := k.core.adopt(viewOf(&p.Record))
	if changed {
		k.viewChanged()
	}
	return false, err
}

// noteTakenOut logs which nodes a proposal has taken out, and why.
func (k *Keeper) noteTakenOut(p *repo.Proposal) {
	args := []any{"generation", p.Record.Generation}
	if len(p.Expired) > 0 {
		args = append(args, "expired", p.Expired)
	}
	if len(p.Removed) > 0 {
		args = append(args, "cut_off", p.Removed)
	}
	if len(args) > 2 {
		k.o.Log.Warn("took nodes out of the cluster", args...)
	}
}

// waiting is why this process is not a member yet, and since when it waits.
type waiting struct {
	why    string
	since  time.Duration
	warned map[string]bool // the reasons that a warning was logged of
}

// maxWarned bounds waiting.warned: nodes that come and go all the time make ever new
// reasons.
const maxWarned = 64

// noteWaiting logs why this process cannot join, once for each reason. It is a
// warning only when it lasts, since every process that joins waits a moment for its
// links. k.mu is held.
func (k *Keeper) noteWaiting(why string) {
	w := &k.waiting
	if why == "" {
		*w = waiting{}
		return
	}
	if w.why == "" {
		w.since = k.now()
	}
	switch lasting := k.now()-w.since >= k.o.TTL/2; {
	case lasting && !w.warned[why]:
		if w.warned == nil || len(w.warned) >= maxWarned {
			w.warned = map[string]bool{}
		}
		w.warned[why] = true
		k.o.Log.Warn("cannot join the cluster yet", "node", k.o.Self.ID, "because", why)
	case !lasting && why != w.why:
		k.o.Log.Info("waiting to join the cluster", "node", k.o.Self.ID, "because", why)
	}
	w.why = why
}

// noteRound logs when the registry begins to fail, and when it is back. err is the
// outcome of a round.
func (k *Keeper) noteRound(err error) {
	switch {
	case err != nil && !errors.Is(err, ErrLost) && !errors.Is(err, repo.ErrLeaseLost):
		k.counts.failed.Add(1)
		if !k.away {
			k.o.Log.Warn("the registry of the cluster fails", "err", err)
		}
		k.away = true
	case err == nil && k.away:
		k.away = false
		k.o.Log.Info("the registry of the cluster is back")
	}
}
