package nodes_test

import (
	"fmt"
	"math/rand/v2"
	"testing"
	"testing/synctest"
	"time"
)

// three gives nodes that came at odd times of one second, each with its way to
// one registry.
func three(t *testing.T, m *mesh, r *rand.Rand) (all []*node, ways []*handle) {
	t.Helper()
	registry := newMemory()
	for _, id := range []string{"a", "b", "c"} {
		ways = append(ways, &handle{memory: registry})
		all = append(all, m.start(t, id, stormTTL, ways[len(ways)-1]))
		time.Sleep(time.Duration(r.Int64N(int64(time.Second))))
	}
	time.Sleep(3 * stormTTL)
	synctest.Wait()
	for _, n := range all {
		if v := n.View(); show(&v) != "a b c" {
			t.Fatalf("%s sees %q", n.id, show(&v))
		}
	}
	return all, ways
}

// Whoever is gone without a word is out of the view after the life of a lease
// and two renewals at the latest.
func TestKeeper_TakesOutInTime(t *testing.T) {
	for seed := range uint64(20) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := rand.New(rand.NewPCG(seed, 1))
				m := newMesh()
				defer m.endAll(t)
				all, ways := three(t, m, r)
				time.Sleep(time.Duration(r.Int64N(int64(time.Second))))
				ways[1].set(hangs)
				_ = all[1].Close(t.Context()) // it cannot say so
				m.drop("b")
				// Close has waited for the registry, which a death does not.
				time.Sleep(stormTTL + 2*stormTTL/5 - 2*stormTTL*3/10)
				synctest.Wait()
				for _, n := range []*node{all[0], all[2]} {
					if v := n.View(); show(&v) != "a c" {
						t.Errorf("%s still sees %q", n.id, show(&v))
					}
				}
			})
		})
	}
}

// The registry is away for everybody, in one way or another, for however long:
// nobody is lost, and no view changes.
func TestKeeper_AwayForAll(t *testing.T) {
	for seed := range uint64(60) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := rand.New(rand.NewPCG(seed, 2))
				m := newMesh()
				defer m.endAll(t)
				all, ways := three(t, m, r)
				generation := all[0].View().Generation
				for range 5 {
					kind := fault(1 + r.IntN(int(faults)-1))
					if kind == lostAnswer {
						kind = refused // that is no absence
					}
					for _, w := range ways {
						w.set(kind)
					}
					time.Sleep(time.Duration(r.Int64N(int64(4 * stormTTL))))
					for _, w := range ways {
						w.set(none)
					}
					time.Sleep(stormTTL/2 + time.Duration(r.Int64N(int64(2*stormTTL))))
				}
				time.Sleep(2 * stormTTL)
				synctest.Wait()
				for _, n := range all {
					if v := n.View(); n.Err() != nil || v.Generation != generation || !n.Valid() {
						t.Errorf("%s: generation %d after %d, %v", n.id, v.Generation, generation, n.Err())
					}
				}
			})
		})
	}
}
