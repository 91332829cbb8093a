package simulation

import (
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/corrillo/corrillo/actors/nodes"
	"github.com/corrillo/corrillo/actors/placement"
	"github.com/corrillo/corrillo/repo"
)

// registryDelay is what a call to the registry takes; one proposal is decided at
// a time.
const registryDelay = 2 * time.Millisecond

// keeping is the real Keepers of many nodes, around one registry that counts
// what it is asked. It lives in a synctest bubble.
type keeping struct {
	t   *testing.T
	rng *rand.Rand

	mu      sync.Mutex
	record  repo.ClusterRecord
	leases  map[string]keptLease
	calls   calls
	keepers map[string]*keeper
	wants   map[[2]string]bool // whom a node connects to
}

type keptLease struct {
	repo.Lease
	expires time.Time
}

// calls are what the registry was asked.
type calls struct {
	renewed, read, proposed, refused int
	rows, bytes                      int // that were read
	statements                       int // as repo/mysql makes them
}

// keeper is one process, and its way to the registry.
type keeper struct {
	self *nodes.Keeper
	k    *keeping
	id   string
	dead atomic.Bool
}

func newKeeping(t *testing.T, seed uint64) *keeping {
	return &keeping{t: t, rng: rand.New(rand.NewPCG(seed, 3)), leases: map[string]keptLease{}, keepers: map[string]*keeper{}, wants: map[[2]string]bool{}}
}

// start begins a process.
func (k *keeping) start() *keeper {
	p := &keeper{k: k, id: nodeID(k.rng)}
	k.mu.Lock()
	defer k.mu.Unlock()
	var err error
	p.self, err = nodes.Start(k.t.Context(), nodes.Options{
		Registry: p, Self: placement.Node{ID: p.id, Address: "chat-000.internal.example:7400"}, Version: "v1.0.0", Schema: 1,
		TTL: leaseTTL, Every: renewEvery,
		Reachable: p.reachable, PeerLease: p.peerLease, Connect: p.connect, OnView: p.spread,
		OnLease: func(bool) { time.AfterFunc(linkDelay, k.wake) },
	})
	if err != nil {
		k.t.Fatal(err)
	}
	k.keepers[p.id] = p
	return p
}

// alive are those that live.
func (k *keeping) alive() (all []*keeper) {
	k.mu.Lock()
	defer k.mu.Unlock()
	for _, p := range k.keepers {
		if !p.dead.Load() {
			all = append(all, p)
		}
	}
	slices.SortFunc(all, func(a, b *keeper) int { return strings.Compare(a.id, b.id) })
	return all
}

func (k *keeping) wake() {
	for _, p := range k.alive() {
		p.self.Wake()
	}
}

// linked: both want it, and both live. k.mu is held.
func (k *keeping) linked(a, b string) bool {
	p := k.keepers[b]
	return p != nil && !p.dead.Load() && k.wants[[2]string{a, b}] && k.wants[[2]string{b, a}]
}

func (p *keeper) reachable() map[string]bool {
	p.k.mu.Lock()
	defer p.k.mu.Unlock()
	up := map[string]bool{}
	for id := range p.k.keepers {
		if id != p.id && p.k.linked(p.id, id) {
			up[id] = true
		}
	}
	return up
}

func (p *keeper) peerLease(id string) (valid, known bool) {
	p.k.mu.Lock()
	other, up := p.k.keepers[id], p.k.linked(p.id, id)
	p.k.mu.Unlock()
	return up && other.self.Valid(), up
}

// connect makes links; both ends hear of one that comes up.
func (p *keeper) connect(to []placement.Node) {
	p.k.mu.Lock()
	var up []*keeper
	for _, n := range to {
		was := p.k.linked(p.id, n.ID)
		p.k.wants[[2]string{p.id, n.ID}] = true
		if !was && p.k.linked(p.id, n.ID) {
			up = append(up, p.k.keepers[n.ID])
		}
	}
	p.k.mu.Unlock()
	if len(up) > 0 {
		time.AfterFunc(2*linkDelay, func() {
			p.self.Wake()
			for _, other := range up {
				other.self.Wake()
			}
		})
	}
}

// spread is Switched: who goes on to a view tells all others.
func (p *keeper) spread(v placement.View) {
	time.AfterFunc(linkDelay, func() {
		if p.dead.Load() {
			return
		}
		for _, other := range p.k.alive() {
			if v.Has(other.id) {
				other.self.Adopt(v)
			}
		}
	})
}

// agree waits until everyone who lives has the same view, of just those who
// live, and says how long that took.
func (k *keeping) agree() time.Duration {
	begun := time.Now()
	for ; time.Since(begun) < 10*time.Minute; time.Sleep(time.Millisecond) {
		all, same := k.alive(), 0
		for _, p := range all {
			if v := p.self.View(); len(v.Nodes) == len(all) && v.Has(all[0].id) && v.Generation == all[0].self.View().Generation {
				same++
			}
		}
		if same == len(all) {
			return time.Since(begun)
		}
	}
	k.t.Fatalf("they do not agree: %d live, the record is %+v", len(k.alive()), k.record)
	return 0
}

// since gives what the registry was asked while f ran.
func (k *keeping) since(f func()) calls {
	k.mu.Lock()
	k.calls = calls{}
	k.mu.Unlock()
	f()
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.calls
}

// kill ends a process without a word.
func (k *keeping) kill() {
	all := k.alive()
	p := all[k.rng.IntN(len(all))]
	p.dead.Store(true)
	time.AfterFunc(linkDelay, k.wake) // its links are down
}

func (k *keeping) close() {
	var wg sync.WaitGroup
	for _, p := range k.keepers {
		wg.Go(func() {
			p.dead.Store(true)
			ctx, cancel := context.WithCancel(k.t.Context())
			cancel()
			_ = p.self.Close(ctx) // the registry goes with all of them
		})
	}
	wg.Wait()
}

// call is one call to the registry; f is under its lock.
func (p *keeper) call(ctx context.Context, statements int, f func() error) error {
	if p.dead.Load() || ctx.Err() != nil {
		<-ctx.Done()
		return fmt.Errorf("%w: %w", repo.ErrUnavailable, ctx.Err())
	}
	time.Sleep(registryDelay)
	p.k.mu.Lock()
	defer p.k.mu.Unlock()
	p.k.calls.statements += statements
	return f()
}

// Register implements repo.Registry.
func (p *keeper) Register(ctx context.Context, l repo.Lease, ttl time.Duration) error {
	return p.call(ctx, 1, func() error {
		p.k.leases[l.ID] = keptLease{l, time.Now().Add(ttl)}
		return nil
	})
}

// Renew implements repo.Registry.
func (p *keeper) Renew(ctx context.Context, l repo.Lease, ttl time.Duration) error {
	return p.call(ctx, 1, func() error {
		if _, there := p.k.leases[l.ID]; !there {
			return repo.ErrLeaseLost
		}
		p.k.calls.renewed++
		p.k.leases[l.ID] = keptLease{l, time.Now().Add(ttl)}
		return nil
	})
}

// Read implements repo.Registry.
func (p *keeper) Read(ctx context.Context) (got repo.Registered, err error) {
	err = p.call(ctx, 1, func() error {
		got.Now = time.Now()
		got.Record = repo.ClusterRecord{Generation: p.k.record.Generation, Members: slices.Clone(p.k.record.Members)}
		text, err := json.Marshal(got.Record.Members)
		p.k.calls.read++
		p.k.calls.rows += 1 + len(p.k.leases)
		p.k.calls.bytes += len(text)
		for _, l := range p.k.leases {
			p.k.calls.bytes += len(l.ID) + len(l.Address) + len(l.Version) + len(l.Meta)
			got.Leases = append(got.Leases, repo.LeaseSeen{Lease: l.Lease, Expired: !got.Now.Before(l.expires)})
		}
		slices.SortFunc(got.Leases, func(a, b repo.LeaseSeen) int { return strings.Compare(a.ID, b.ID) })
		return err
	})
	return got, err
}

// Propose implements repo.Registry.
func (p *keeper) Propose(ctx context.Context, pr repo.Proposal) error {
	// BEGIN, UPDATE, COMMIT or ROLLBACK.
	return p.call(ctx, 3, func() error {
		p.k.calls.proposed++
		if pr.Record.Generation != p.k.record.Generation+1 {
			p.k.calls.refused++
			return repo.ErrConflict
		}
		if len(pr.Expired) > 0 {
			p.k.calls.statements += 2 // DELETE, and SELECT of what is left
		}
		if len(pr.Removed) > 0 {
			p.k.calls.statements++
		}
		for _, id := range pr.Expired {
			if time.Now().Before(p.k.leases[id].expires) {
				p.k.calls.refused++
				return repo.ErrConflict
			}
		}
		for _, id := range slices.Concat(pr.Expired, pr.Removed) {
			delete(p.k.leases, id)
		}
		p.k.record = pr.Record
		return nil
	})
}

// Remove implements repo.Registry.
func (p *keeper) Remove(ctx context.Context, id string) error {
	return p.call(ctx, 1, func() error {
		delete(p.k.leases, id)
		return nil
	})
}

// Close implements repo.Registry.
func (p *keeper) Close() error { return nil }
