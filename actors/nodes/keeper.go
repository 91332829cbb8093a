package nodes

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/corrillo/corrillo/actors/placement"
	"github.com/corrillo/corrillo/repo"
)

// ErrClosed says that the Keeper was closed.
var ErrClosed = errors.New("the keeper is closed")

// Keeper keeps one process in its cluster. Its methods are safe for concurrent
// use, and none but Leave and Close waits for anything.
type Keeper struct {
	o     Options
	begun time.Time // the zero of the clock that core goes by

	mu      sync.Mutex
	core    core
	changed chan struct{} // closed when the view changes or the Keeper ends
	err     error         // why it is lost
	waiting waiting       // why this process is not a member yet

	validUntil atomic.Int64 // Duration of the clock; 0: not valid
	// renewed is when the last renewal that succeeded was sent, agreed when most
	// members were last known to have lapsed as this one had.
	renewed, agreed atomic.Pointer[clocks]
	view            atomic.Pointer[placement.View]

	lost chan struct{}
	// Each is a flag that one goroutine waits for: something is to be done or
	// looked at now.
	roundNow, watchNow, tellNow chan struct{}

	stop   context.CancelFunc // ends the goroutines
	wg     sync.WaitGroup
	closed sync.Once
	counts counts
	away   bool // the last round failed; of the goroutine that makes rounds
	swept  garbage
}

// Start makes a Keeper and lets it join. It returns at once, and fails only for
// options that cannot be: a registry that is away is tried again for ever. Of
// ctx only the values matter: Close ends a Keeper.
func Start(ctx context.Context, o Options) (*Keeper, error) {
	if err := o.setDefaults(); err != nil {
		return nil, err
	}
	ctx, stop := context.WithCancel(context.WithoutCancel(ctx))
	k := &Keeper{
		o: o, begun: time.Now(), stop: stop,
		core: core{
			self: placement.Node{ID: o.Self.ID, Address: o.Self.Address},
			ttl:  o.TTL, lease: lease{ttl: o.TTL}, compatible: o.Compatible,
		},
		changed: make(chan struct{}), lost: make(chan struct{}),
		roundNow: make(chan struct{}, 1), watchNow: make(chan struct{}, 1), tellNow: make(chan struct{}, 1),
	}
	k.view.Store(&placement.View{})
	k.wg.Go(func() { k.rounds(ctx) })
	k.wg.Go(func() { k.watch(ctx) })
	k.wg.Go(func() { k.tell(ctx) })
	return k, nil
}

// now is the clock that core goes by. It is monotonic.
func (k *Keeper) now() time.Duration { return time.Since(k.begun) }

// View is the newest view that this process is a member of, the zero one until
// then. OnView may not have been told of it yet.
func (k *Keeper) View() placement.View { return *k.view.Load() }

// Valid reports whether this process's own lease counts as valid: this is what
// other nodes are to be told. A machine that was suspended, or whose clock has
// been put forward, has to renew it first.
func (k *Keeper) Valid() bool {
	until, sent := time.Duration(k.validUntil.Load()), k.renewed.Load()
	if until == 0 || sent == nil {
		return false
	}
	now := k.clocks()
	return now.mono < until && now.since(sent) < k.core.lease.validFor()
}

// Undisputed reports whether no other process can have taken over from this one:
// its lease lives in the registry, or the registry is away for all.
func (k *Keeper) Undisputed() bool {
	if k.validUntil.Load() == 0 {
		return false
	}
	now := k.clocks()
	for _, at := range []*clocks{k.renewed.Load(), k.agreed.Load()} {
		if at != nil && now.since(at) < k.core.lease.decidedIn() {
			return true
		}
	}
	return false
}

// Lost is closed when this process is a member no longer and must close its
// clients and exit; Err says why. A Close does not close it.
func (k *Keeper) Lost() <-chan struct{} { return k.lost }

// Err is nil until Lost is closed; then it wraps ErrLost.
func (k *Keeper) Err() error {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.err
}

// Adopt takes in a view that another node told of. An older one, or one of the
// same generation, is nothing new; of two that differ in one generation the
// registry has lost one, and is asked which.
func (k *Keeper) Adopt(v placement.View) {
	k.mu.Lock()
	if k.core.contradicts(&v) {
		k.mu.Unlock()
		flag(k.roundNow)
		return
	}
	changed, err := k.core.adopt(v)
	if changed {
		k.viewChanged()
	}
	k.mu.Unlock()
	if err != nil {
		k.lose(err)
	}
}

// Wake says that a link has come up or gone down, or that a node has said
// something of its lease: whatever follows is done at once.
func (k *Keeper) Wake() {
	flag(k.watchNow)
	if k.View().Generation == 0 {
		flag(k.roundNow)
	}
}

// Leave asks to be a node that owns nothing, and returns when a view says so,
// or when this process is no member. The error is that of ctx, wraps ErrLost,
// or is ErrClosed.
func (k *Keeper) Leave(ctx context.Context) error {
	k.mu.Lock()
	k.core.leaving = true
	k.mu.Unlock()
	flag(k.roundNow)
	for {
		k.mu.Lock()
		self, member := k.core.view.Node(k.core.self.ID)
		err, changed := k.err, k.changed
		k.mu.Unlock()
		switch {
		case err != nil:
			return err
		case changed == nil:
			return ErrClosed
		case !member, self.State == placement.Leaving:
			return nil
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return fmt.Errorf("leave the cluster: %w", ctx.Err())
		}
	}
}

// Close takes this process out of the cluster, ends everything that Start
// began, and returns when no function of Options runs any more. The error says
// that the registry could not be told: the lease is over by itself then.
// Further calls do nothing.
func (k *Keeper) Close(ctx context.Context) (err error) {
	k.closed.Do(func() {
		k.stop()
		k.wg.Wait()
		k.validUntil.Store(0)
		k.mu.Lock()
		if k.changed != nil {
			close(k.changed)
			k.changed = nil
		}
		k.mu.Unlock()
		err = k.takeOutSelf(ctx)
	})
	return err
}

// takeOutSelf proposes a view without this process, so that the others need not
// find out. Where that fails they find out that its lease is gone.
func (k *Keeper) takeOutSelf(ctx context.Context) error {
	id := k.o.Self.ID
	for range 5 {
		got, err := k.read(ctx)
		if err != nil {
			break
		}
		p := repo.Proposal{Record: repo.ClusterRecord{Generation: got.Record.Generation + 1}, Removed: []string{id}}
		for _, m := range got.Record.Members {
			if m.ID != id {
				p.Record.Members = append(p.Record.Members, m)
			}
		}
		if len(p.Record.Members) == len(got.Record.Members) {
			break
		}
		if err = k.offer(ctx, p); err == nil {
			return nil
		} else if !errors.Is(err, repo.ErrConflict) {
			break
		}
	}
	if err := k.remove(ctx, id); err != nil {
		return fmt.Errorf("leave the cluster: %w", err)
	}
	return nil
}

// lose ends everything but Close, for that reason.
func (k *Keeper) lose(err error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.err != nil || k.changed == nil {
		return
	}
	k.err = err
	k.validUntil.Store(0)
	close(k.changed)
	k.changed = make(chan struct{})
	k.o.Log.Error("lost the place in the cluster", "node", k.o.Self.ID, "generation", k.core.view.Generation, "err", err)
	close(k.lost)
	k.stop()
}

// viewChanged tells everyone who waits for it. k.mu is held.
func (k *Keeper) viewChanged() {
	v := k.core.view
	k.view.Store(&v)
	k.waiting = waiting{}
	k.o.Log.Info("a new view of the cluster", "generation", v.Generation, "nodes", describe(&v))
	if k.changed != nil {
		close(k.changed)
		k.changed = make(chan struct{})
	}
	flag(k.tellNow)
	flag(k.watchNow)
}

// describe lists a view's nodes for people.
func describe(v *placement.View) []string {
	names := make([]string, len(v.Nodes))
	for i, n := range v.Nodes {
		names[i] = n.ID + " at " + n.Address
		if n.State != placement.Active {
			names[i] += " (" + n.State.String() + ")"
		}
	}
	return names
}

// flag raises a flag that may be up already.
func flag(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}
