package simulation_test

import (
	"flag"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/corrillo/corrillo/actors/simulation"
)

var (
	seed  = flag.Uint64("seed", 0, "play this seed alone, and show what happens in it")
	steps = flag.Int("steps", 300_000, "play seeds until so many steps are done")
	first = flag.Uint64("first", 1, "the first seed")
)

// play fails the test with what is needed to look into the seed.
func play(t *testing.T, seed uint64, o simulation.Options) simulation.Result {
	t.Helper()
	r, err := simulation.Run(seed, o)
	if err != nil {
		t.Fatalf("seed %d: %v\nto look into it: go test ./actors/simulation -run Cluster -args -seed %d", seed, err, seed)
	}
	return r
}

// TestCluster plays one cluster after the other. That it finds faults was seen
// by making them; see doc.go.
func TestCluster(t *testing.T) {
	if *seed != 0 {
		r, err := simulation.Run(*seed, simulation.Options{Trace: true})
		t.Log(strings.Join(r.Trace, "\n"))
		if err != nil {
			t.Fatal(err)
		}
		return
	}
	begun, done, seeds := time.Now(), simulation.Result{}, 0
	for s := *first; done.Steps < *steps; s++ {
		r := play(t, s, simulation.Options{})
		seeds++
		done.Steps += r.Steps
		done.Messages += r.Messages
		done.Bounced += r.Bounced
		done.Retold += r.Retold
		done.Fenced += r.Fenced
		done.Views += r.Views
	}
	fmt.Printf("%d clusters, %d steps, %.0f a second: %d messages acked, %d views, %d bounced, %d told again, %d groups fenced\n",
		seeds, done.Steps, float64(done.Steps)/time.Since(begun).Seconds(),
		done.Messages, done.Views, done.Bounced, done.Retold, done.Fenced)
}

// TestRun_PlaysTheSameAgain: a seed is a schedule.
func TestRun_PlaysTheSameAgain(t *testing.T) {
	for seed := uint64(1); seed <= 8; seed++ {
		once, _ := simulation.Run(seed, simulation.Options{Trace: true})
		again, _ := simulation.Run(seed, simulation.Options{Trace: true})
		if a, b := strings.Join(once.Trace, "\n"), strings.Join(again.Trace, "\n"); a != b || once.Steps != again.Steps {
			t.Fatalf("seed %d: %d steps, then %d", seed, once.Steps, again.Steps)
		}
	}
}

// TestRun_Schedules plays those that once broke a promise, or break one when
// the rule in their name is left out.
func TestRun_Schedules(t *testing.T) {
	for name, seed := range map[string]uint64{
		"a conversation comes back before its first owner has settled": 5630,
		"another one, in which a message comes back too late":          8501,
		"one in which a node leaves the view between out":              29181,
		"one in which a message is told under an earlier view":         30004,
		"a direct one moves, and the old owner's link is the slower":   4051,
		"another one": 14843,
		"a room is left while its messages wait behind a gate":       89,
		"a conversation comes back within the time of its hand-off":  1424,
		"the one that fails was about to go":                         64,
		"the one that fails while it goes belongs to its node again": 3849,
		"another one, of which two fail":                             19941,
		"one more":                                                   21574,
		"the one that fails asks who listens":                        120,
		"a node settles for one who is behind":                       1738,
		"a node settles before its actors are gone":                  14,
		"what is told too late goes back":                            17,
		"what waits goes back on a new view":                         133,
		"listeners are announced to a new owner":                     31,
	} {
		t.Run(name, func(t *testing.T) { play(t, seed, simulation.Options{}) })
	}
}
