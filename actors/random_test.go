package actors_test

import (
	"flag"
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/corrillo/corrillo/actors"
	"github.com/corrillo/corrillo/actors/rules"
	"github.com/corrillo/corrillo/repo"
	"github.com/corrillo/corrillo/wire"
)

var randomSeed = flag.Uint64("random.seed", 0, "seed of TestSystem_RandomUse; 0: those that are always run")

func TestSystem_RandomUse(t *testing.T) {
	seeds := []uint64{1, 2, 3}
	if *randomSeed != 0 {
		seeds = []uint64{*randomSeed}
	}
	for _, seed := range seeds {
		t.Run(fmt.Sprint(seed), func(t *testing.T) { randomUse(t, seed) })
	}
}

func randomUse(t *testing.T, seed uint64) {
	store := &faulty{Store: openStore(t)}
	sys := start(t, actors.Options{
		Store: store, SaveTimeout: 300 * time.Millisecond, IdleAfter: 20 * time.Millisecond, PresenceGrace: 5 * time.Millisecond,
		InFlight: 1 << 20, Rules: rules.Options{Coalesce: 20 * time.Millisecond},
	})
	shared := &pool{}
	riders := make([]*rider, 8)
	var riding sync.WaitGroup
	for i := range riders {
		r := &rider{
			t: t, at: func() *actors.System { return sys }, rng: rand.New(rand.NewPCG(seed, uint64(i))), name: fmt.Sprint("rider", i),
			unacked: map[string]object{}, acked: map[string]string{}, pool: shared,
		}
		riders[i] = r
		riding.Go(func() { r.ride(250) })
	}
	over := make(chan struct{})
	var chaos sync.WaitGroup
	chaos.Go(func() { disturb(t, sys, store, rand.New(rand.NewPCG(seed, 99)), over) })
	riding.Wait()
	close(over)
	chaos.Wait()

	eventually(t, "the riders", func() bool {
		last, lastRev, ok := lastSeqs(t, store), lastRevs(t, store), true
		for _, r := range riders {
			ok = r.settled(last, lastRev) && ok
		}
		return ok && sys.Stats().Hub.Unanswered == 0
	}, func() string {
		s := fmt.Sprintf("last %v, stats %+v", lastSeqs(t, store), sys.Stats().Hub)
		for _, r := range riders {
			s += "\n" + r.wants(lastSeqs(t, store))
		}
		return s
	})
	checkStore(t, store, riders)
	checkChanges(t, store, riders)
	for _, r := range riders {
		r.current().close(wire.CloseClient)
	}
	sys.ExpireDetached()
	eventually(t, "the end of all sessions", func() bool {
		st := sys.Stats()
		return st.Hub.Sessions+st.Hub.Users+st.Hub.Detached == 0 && st.Locator.Users+st.Locator.Conversations == 0
	}, func() string { return fmt.Sprintf("%+v", sys.Stats()) })
}

// disturb takes the store away, hides what became of saves, and lets actors
// fail, until over. The pauses before restarts grow, so that there are few of
// those.
func disturb(t *testing.T, sys *actors.System, store *faulty, rng *rand.Rand, over chan struct{}) {
	failures := 0
	for {
		fault := &store.away
		switch rng.IntN(4) {
		case 0:
			fault = &store.lie
		case 1:
			if failures++; failures > 9 {
				break
			}
			if err := sys.FailConversation(rooms[failures%len(rooms)]); err != nil {
				t.Log(err)
			}
			sys.FailUser(users[failures%len(users)])
		}
		select {
		case <-over:
			return
		case <-time.After(time.Duration(20+rng.IntN(40)) * time.Millisecond):
		}
		fault.Store(true)
		time.Sleep(time.Duration(1+rng.IntN(10)) * time.Millisecond)
		fault.Store(false)
	}
}

// everywhere are the conversations of the riders.
func everywhere() []string {
	ids := slices.Clone(rooms)
	for i, a := range users {
		for _, b := range users[i:] {
			ids = append(ids, wire.DirectID(a, b))
		}
	}
	return ids
}

func lastSeqs(t *testing.T, store repo.Store) map[string]int64 {
	last := map[string]int64{}
	for _, id := range everywhere() {
		page, _, err := store.Messages(t.Context(), repo.MessageQuery{ConversationID: id, Limit: 1})
		if err != nil {
			t.Fatal(err)
		}
		if len(page) > 0 {
			last[id] = page[0].Seq
		}
	}
	return last
}

// checkStore: what was acked is there, once, and seq has no gaps.
func checkStore(t *testing.T, store repo.Store, riders []*rider) {
	stored := map[string]string{}
	for id, last := range lastSeqs(t, store) {
		for after := int64(0); after < last; {
			page, _, err := store.Messages(t.Context(), repo.MessageQuery{ConversationID: id, AfterSeq: after, FromOldest: true, Limit: 200})
			if err != nil || len(page) == 0 {
				t.Fatalf("%s after %d: %d rows, %v", id, after, len(page), err)
			}
			for i := range page {
				m := &page[i]
				if after++; m.Seq != after {
					t.Fatalf("%s: seq %d at place %d", id, m.Seq, after)
				}
				if stored[m.TempID] != "" {
					t.Errorf("%s is stored twice", m.TempID)
				}
				stored[m.TempID] = m.ID
			}
		}
	}
	total := 0
	for _, r := range riders {
		r.mu.Lock()
		for tempID, id := range r.acked {
			total++
			if stored[tempID] != id {
				t.Errorf("%s was acked as %s and is stored as %q", tempID, id, stored[tempID])
			}
		}
		r.mu.Unlock()
	}
	t.Logf("%d messages acked, %d stored", total, len(stored))
}

func eventually(t *testing.T, what string, ok func() bool, state func() string) {
	t.Helper()
	for end := time.Now().Add(2 * time.Minute); !ok(); time.Sleep(2 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("%s did not come to rest: %s", what, state())
		}
	}
}
