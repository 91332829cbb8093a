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
// use, and only Leave and Close wait for anything.
type Keeper struct {
	o     Options
	begun time.Time // core counts its times from here

	mu      sync.Mutex
	core    core
	changed chan struct{} // closed when the view changes or the Keeper is lost; nil after Close
	err     error         // why this process is lost
	waiting waiting       // why this process is not a member yet

	validUntil atomic.Int64 // lease.lapsesAt; 0: the lease is not valid
	// renewed is when the last successful renewal was sent; agreed is lapse.agreed.
	renewed, agreed atomic.Pointer[clocks]
	view            atomic.Pointer[placement.View]

	lost chan struct{}
	// These wake the goroutines rounds, watch and tell.
	roundNow, watchNow, tellNow chan struct{}

	stop   context.CancelFunc // ends the goroutines
	wg     sync.WaitGroup
	closed sync.Once
	counts counts
	away   bool // the last round failed; used by the goroutine rounds only
	swept  garbage
}

// Start makes a Keeper and lets it join. It returns at once. An error says that the
// options are not valid; a registry that is away is tried again for ever. Only the
// values of ctx are used: it does not end the Keeper, Close does.
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

// now is the monotonic time that core counts in.
func (k *Keeper) now() time.Duration { return time.Since(k.begun) }

// View returns the newest view that this process is a member of, the zero View
// before it is one. Options.OnView may not have been called with it yet.
func (k *Keeper) View() placement.View { return *k.view.Load() }

// Valid reports whether this process counts its own lease as valid: see the
// package's comment. Other nodes are to be told this. On a machine that was
// suspended, or whose clock was put forward, it is false until the next renewal.
func (k *Keeper) Valid() bool {
	until, sent := time.Duration(k.validUntil.Load()), k.renewed.Load()
	if until == 0 || sent == nil {
		return false
	}
	now := k.clocks()
	return now.mono < until && now.since(sent) < k.core.lease.validFor()
}

// Undisputed reports whether it is certain that no other process has taken over
// from this one: its lease has not expired in the registry, or the registry is away
// for everybody.
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

// Lost is closed when this process is no longer a member, so that it must close its
// clients and exit; Err says why. Close does not close the channel.
func (k *Keeper) Lost() <-chan struct{} { return k.lost }

// Err is nil until Lost is closed; then it wraps ErrLost.
func (k *Keeper) Err() error {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.err
}

// Adopt takes in a view that another node has adopted. One that is not newer than
// this process's is ignored. If it has the same generation but differs, the registry
// has lost one of the two, and is read to learn which one counts.
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

// Wake is called when a link has come up or gone down, or a node has told whether
// its lease is valid. The Keeper then looks at the links at once.
func (k *Keeper) Wake() {
	flag(k.watchNow)
	if k.View().Generation == 0 {
		flag(k.roundNow)
	}
}

// Leave asks for a view in which this node is placement.Leaving, so that it owns
// nothing, and returns when there is one, or when this process is no member. The
// error wraps that of ctx or ErrLost, or is ErrClosed.
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

// Close takes this process out of the cluster, ends everything that Start began,
// and returns when no function of Options runs any more. An error says that the
// registry could not be told; the lease expires by itself then. Further calls do
// nothing.
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

// takeOutSelf proposes a view without this process. Where that is not possible it
// removes the lease, which the other members notice.
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

// lose ends the goroutines and closes Lost; err is the reason.
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

// viewChanged publishes core.view and wakes whoever waits for a new one. k.mu is
// held.
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

// describe lists a view's nodes for the log.
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

// flag wakes the goroutine that receives from c, a channel with room for one.
func flag(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}
