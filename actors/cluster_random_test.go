package actors_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"sync"
	"testing"
	"time"

	"github.com/corrillo/corrillo/actors"
	"github.com/corrillo/corrillo/actors/placement"
	"github.com/corrillo/corrillo/actors/rules"
	"github.com/corrillo/corrillo/wire"
)

// Riders on nodes that come, go and die: see TestSystem_RandomUse.
func TestCluster_RandomUse(t *testing.T) {
	seeds := []uint64{1, 2}
	if *randomSeed != 0 {
		seeds = []uint64{*randomSeed}
	}
	for _, seed := range seeds {
		t.Run(fmt.Sprint(seed), func(t *testing.T) { randomCluster(t, seed) })
	}
}

func randomCluster(t *testing.T, seed uint64) {
	store := &faulty{Store: openStore(t)}
	f, _ := cluster(t, 3, actors.Options{
		Store: store, SaveTimeout: 2 * time.Second, IdleAfter: 20 * time.Millisecond, PresenceGrace: 5 * time.Millisecond,
		InFlight: 1 << 20, Rules: rules.Options{Coalesce: 20 * time.Millisecond},
	})
	shared := &pool{}
	riders := make([]*rider, 8)
	var riding sync.WaitGroup
	for i := range riders {
		rng := rand.New(rand.NewPCG(seed, uint64(i)))
		at := func() *actors.System {
			all := f.live()
			return all[rng.IntN(len(all))].sys
		}
		riders[i] = &rider{
			t: t, at: at, rng: rng, name: fmt.Sprint("rider", i), unacked: map[string]object{}, acked: map[string]string{}, pool: shared,
		}
		riding.Go(func() { riders[i].ride(250) })
	}
	over := make(chan struct{})
	var chaos sync.WaitGroup
	chaos.Go(func() { move(f, store, riders, rand.New(rand.NewPCG(seed, 99)), over) })
	riding.Wait()
	close(over)
	chaos.Wait()

	unanswered := func() (n int) {
		for _, m := range f.live() {
			n += int(m.sys.Stats().Hub.Unanswered) + m.sys.Routing().HeldIDs + m.sys.Routing().Unanswered
		}
		return n
	}
	eventually(t, "the riders", func() bool {
		cutOff(f, riders)
		last, lastRev, ok := lastSeqs(t, store), lastRevs(t, store), true
		for _, r := range riders {
			ok = r.settled(last, lastRev) && ok
		}
		return ok && unanswered() == 0
	}, func() string {
		s := fmt.Sprintf("last %v, revs %v, unanswered %d", lastSeqs(t, store), lastRevs(t, store), unanswered())
		for _, m := range f.live() {
			s += fmt.Sprintf("\n%s: %+v", m.id, m.sys.Routing())
		}
		for _, r := range riders {
			s += "\n" + r.wants(lastSeqs(t, store))
		}
		return s
	})
	checkStore(t, store, riders)
	checkChanges(t, store, riders)
	for _, r := range riders {
		r.current().close(wire.CloseClient)
		for _, l := range r.links {
			l.end(wire.CloseTransport) // what a ping would have noticed
		}
	}
	eventually(t, "the end of all sessions", func() bool {
		for _, m := range f.live() { // that a connection was lost may come from another node
			m.sys.ExpireDetached()
		}
		for _, m := range f.live() {
			st := m.sys.Stats()
			if st.Hub.Sessions+st.Hub.Users+st.Hub.Detached != 0 || st.Locator.Users+st.Locator.Conversations != 0 {
				return false
			}
		}
		return true
	}, func() string {
		s := ""
		for _, m := range f.live() {
			s += fmt.Sprintf("\n%s: %+v", m.id, m.sys.Stats())
		}
		return s
	})
}

// cutOff loses the connections of those who are at nodes that are no more.
func cutOff(f *fabric, riders []*rider) {
	live := map[*actors.System]bool{}
	for _, m := range f.live() {
		live[m.sys] = true
	}
	for _, r := range riders {
		r.mu.Lock()
		if l := r.link; l != nil && l.sys != nil && !live[l.sys] {
			l.dead, r.link = true, nil
		}
		r.mu.Unlock()
	}
}

// move has nodes come, go and die, and the store fail now and then, until over.
func move(f *fabric, store *faulty, riders []*rider, rng *rand.Rand, over chan struct{}) {
	for {
		select {
		case <-over:
			return
		case <-time.After(time.Duration(20+rng.IntN(60)) * time.Millisecond):
		}
		cutOff(f, riders)
		all := f.live()
		one := all[rng.IntN(len(all))]
		switch n := rng.IntN(4); {
		case n == 0 && len(all) < 5:
			f.add()
			f.view(rng)
		case n == 1 && len(all) > 2: // it goes in good order
			f.mu.Lock()
			one.state = placement.Leaving
			f.mu.Unlock()
			f.view(rng)
			ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
			if err := one.sys.HandedOff(ctx); err != nil {
				f.t.Errorf("%s did not hand off: %v, %+v", one.id, err, one.sys.Routing())
			}
			cancel()
			f.kill(one)
			f.view(rng)
		case n == 2 && len(all) > 2: // it dies
			f.kill(one)
			f.view(rng)
		default:
			fault := &store.away
			if rng.IntN(2) == 0 {
				fault = &store.lie
			}
			fault.Store(true)
			time.Sleep(time.Duration(1+rng.IntN(10)) * time.Millisecond)
			fault.Store(false)
		}
	}
}
