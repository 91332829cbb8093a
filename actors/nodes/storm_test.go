package nodes_test

import (
	"fmt"
	"math/rand/v2"
	"sort"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// storm is a cluster to which everything happens at random, on a clock that
// jumps: links go down, the registry is away for one or for all, nodes come,
// leave and die.
type storm struct {
	*testing.T
	*mesh
	r        *rand.Rand
	registry *memory
	handles  map[string]*handle
	all      []*node
	born     int
}

const stormTTL = 5 * time.Second

func (s *storm) alive() (ids []string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for id := range s.nodes {
		ids = append(ids, id)
	}
	sort.Strings(ids)
	return ids
}

func (s *storm) birth() {
	s.born++
	id := fmt.Sprintf("n%02d", s.born)
	h := &handle{memory: s.registry}
	s.handles[id] = h
	s.all = append(s.all, s.start(s, id, stormTTL, h))
}

func (s *storm) node(id string) *node {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.nodes[id]
}

// death ends a node without a word: it does not reach the registry any more,
// and nobody has a link to it.
func (s *storm) death(id string) {
	n := s.node(id)
	s.handles[id].set(refused)
	_ = n.Close(s.Context()) // it cannot say so
	s.drop(id)
}

// step lets something happen.
func (s *storm) step() {
	ids := s.alive()
	one, other := "", ""
	if len(ids) > 0 {
		one, other = ids[s.r.IntN(len(ids))], ids[s.r.IntN(len(ids))]
	}
	switch k := s.r.IntN(20); {
	case one == "" || k < 3 && len(ids) < 6:
		s.birth()
	case k < 4:
		s.death(one)
	case k < 5:
		_ = s.node(one).Close(s.Context()) // the registry may be away
		s.drop(one)
	case k < 9:
		s.set(one, other, s.r.IntN(2) == 0)
	case k < 11:
		s.handles[one].set(fault(s.r.IntN(int(faults))))
	case k < 13:
		f := fault(s.r.IntN(int(faults)))
		for _, id := range ids {
			s.handles[id].set(f)
		}
	case k < 15:
		for _, id := range ids {
			s.handles[id].set(none)
		}
	}
	time.Sleep(time.Duration(s.r.Int64N(int64(stormTTL))))
	s.reap()
}

// reap ends the processes of those who are lost, and starts others for them.
func (s *storm) reap() {
	synctest.Wait()
	for _, id := range s.alive() {
		select {
		case <-s.node(id).Lost():
			_ = s.node(id).Close(s.Context()) // the registry may be away
			s.drop(id)
		default:
		}
	}
}

// calm mends everything and waits.
func (s *storm) calm(ttls int) {
	for _, id := range s.alive() {
		s.handles[id].set(none)
	}
	s.mu.Lock()
	s.cut = map[[2]string]bool{}
	s.mu.Unlock()
	s.wakeAll()
	for range ttls {
		time.Sleep(stormTTL)
		s.reap()
	}
}

// Whatever happens: of a generation there is one view, each node goes through
// them upwards, nobody is taken out for a lease that it holds to be valid, and
// when everything works again all who are there are members and agree on it.
func TestKeeper_Storm(t *testing.T) {
	for seed := range uint64(60) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := &storm{T: t, mesh: newMesh(), r: rand.New(rand.NewPCG(seed, 7)), registry: newMemory(), handles: map[string]*handle{}}
				s.registry.evicted = func(id string) {
					if n := s.node(id); n != nil && n.Valid() {
						t.Errorf("%s is taken out, and holds its lease", id)
					}
				}
				for range 3 {
					s.birth()
				}
				for range 40 {
					s.step()
				}
				s.calm(6)
				s.birth()  // should nobody be left
				s.calm(14) // what is left of who died before it was a member goes late
				want := strings.Join(s.alive(), " ")
				for _, id := range s.alive() {
					v := s.node(id).View()
					if got := show(&v); got != want {
						t.Errorf("%s sees %q, want %q: %+v", id, got, want, s.node(id).Stats())
					}
				}
				s.check(t, s.all...)
				s.endAll(t)
				if got := s.registry; len(got.leases) != 0 || len(got.record.Members) != 0 {
					t.Errorf("what is left: %v, %v", got.leases, got.record.Members)
				}
			})
		})
	}
}
