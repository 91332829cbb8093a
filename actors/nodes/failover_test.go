package nodes_test

import (
	"errors"
	"math/rand/v2"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/corrillo/corrillo/actors/nodes"
	"github.com/corrillo/corrillo/actors/placement"
	"github.com/corrillo/corrillo/repo"
)

// A registry that fails over to a replica may lose its last view, and another
// one gets the same generation. Who has gone by the lost one is lost: of one
// generation there is one view.
func TestKeeper_LostWithAViewThatTheRegistryHasLost(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := newMesh()
		defer m.endAll(t)
		all, ways := three(t, m, rand.New(rand.NewPCG(1, 1)))
		registry := ways[0].memory
		write := func(leaving string) {
			registry.mu.Lock()
			defer registry.mu.Unlock()
			r := repo.ClusterRecord{Generation: all[1].View().Generation + 1, Members: slices.Clone(registry.record.Members)}
			for i := range r.Members {
				r.Members[i].State = uint8(placement.Active)
				if r.Members[i].ID == leaving {
					r.Members[i].State = uint8(placement.Leaving)
				}
			}
			registry.record = r
		}
		ways[1].set(hangs) // b does not see it
		write("c")
		time.Sleep(stormTTL / 4)
		lost := all[0].View()
		if show(&lost) != "a b (c)" {
			t.Fatalf("a sees %q", show(&lost))
		}
		write("a") // as the replica, which b comes upon
		ways[1].set(none)
		time.Sleep(stormTTL / 2)
		synctest.Wait()
		for _, n := range []*node{all[0], all[2]} {
			if v := n.View(); !errors.Is(n.Err(), nodes.ErrLost) {
				t.Errorf("%s goes on with %q: %v", n.id, show(&v), n.Err())
			}
		}
		all[1].Adopt(lost) // told by one who does not know yet
		time.Sleep(stormTTL / 4)
		synctest.Wait()
		if v := all[1].View(); show(&v) != "(a) b c" || all[1].Err() != nil {
			t.Errorf("b sees %q: %v", show(&v), all[1].Err())
		}
	})
}
