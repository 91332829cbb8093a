package nodes

import (
	"context"
	"slices"
	"time"

	"github.com/corrillo/corrillo/actors/placement"
)

// world asks the functions of Options how the links are.
func (k *Keeper) world() world {
	w := world{reachable: k.o.Reachable(), oneWay: k.o.OneWay(), unlinked: k.o.Unlinked(), peerLease: map[string]leaseHeard{}}
	for _, n := range k.View().Nodes {
		if n.ID == k.o.Self.ID {
			continue
		}
		valid, known := k.o.PeerLease(n.ID)
		w.peerLease[n.ID] = leaseHeard{valid, known}
	}
	return w
}

// watch notices when the lease lapses, even while a call to the registry hangs, and
// decides whether this process is lost.
func (k *Keeper) watch(ctx context.Context) {
	timer := time.NewTimer(k.o.Every)
	defer timer.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-timer.C:
		case <-k.watchNow:
		}
		at := k.clocks()
		w := k.world()
		now := k.now()
		k.mu.Lock()
		k.core.look(now, &w)
		err := k.core.judge(now, &w)
		if k.core.lapse.ever && k.core.lapse.agreed == now {
			k.agreed.Store(&at)
		}
		next := k.o.Every / 4
		if k.core.lease.valid(now) {
			next = min(k.o.Every, k.core.lease.lapsesAt()-now)
		}
		k.mu.Unlock()
		flag(k.tellNow)
		if err != nil {
			k.lose(err)
			return
		}
		timer.Reset(next)
	}
}

// tell calls OnLease, Connect and OnView when what they were last called with has
// changed.
func (k *Keeper) tell(ctx context.Context) {
	var view placement.View
	var linked []placement.Node
	valid := false
	for {
		select {
		case <-ctx.Done():
			if valid {
				k.o.OnLease(false)
			}
			return
		case <-k.tellNow:
		}
		if v := k.Valid(); v != valid {
			valid = v
			k.o.OnLease(v)
		}
		k.mu.Lock()
		connect, current := k.core.connect(), k.core.view
		k.mu.Unlock()
		if !slices.Equal(connect, linked) {
			linked = connect
			k.o.Connect(slices.Clone(connect))
		}
		if current.Generation > view.Generation {
			view = current
			k.o.OnView(current)
		}
	}
}
