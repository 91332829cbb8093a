package main

import (
	"errors"
	"log/slog"
	"os"
	"runtime/debug"
	"strings"
	"testing"

	"github.com/KimMachineGun/automemlimit/memlimit"
)

const mib = 1 << 20

// A small heap has headroom, a large one Go's own percentage.
func TestHeapKeeper_Percent(t *testing.T) {
	for live, want := range map[uint64]int{0: 100, mib: 800, 8 * mib: 400, 32 * mib: 100, 4096 * mib: 100} {
		var k heapKeeper
		if got, _ := k.step(usage{live: live}); got != want {
			t.Errorf("%d MiB live: %d %%, want %d", live/mib, got, want)
		}
	}
}

// What a load leaves behind goes back after three seconds of rest, and once
// more after four, for what is forgotten only then.
func TestHeapKeeper_GivesBackAtRest(t *testing.T) {
	k := heapKeeper{}
	u := usage{live: 20 * mib, held: 30 * mib}
	k.released(u)
	second := func(allocated, held uint64) bool {
		u.allocated += allocated
		u.held = held
		_, release := k.step(u)
		return release
	}
	for range 5 { // under load
		if second(50*mib, 200*mib) {
			t.Fatal("memory is given back under load")
		}
	}
	for n := 1; n <= 3; n++ {
		if got, want := second(mib, 200*mib), n == 3; got != want {
			t.Fatalf("second %d of rest: release %v, want %v", n, got, want)
		}
	}
	u.held = 31 * mib
	k.released(u)
	for n := 1; n <= 4; n++ {
		if got, want := second(mib/2, 31*mib), n == 4; got != want {
			t.Fatalf("second %d after that: release %v, want %v", n, got, want)
		}
	}
	u.held = 25 * mib
	k.released(u)
	for range 20 {
		if second(mib/2, 27*mib) {
			t.Fatal("collected for 2 MiB")
		}
	}
}

// A heap that is large is not collected for a share of it that is small.
func TestHeapKeeper_LargeHeapsWait(t *testing.T) {
	for held, want := range map[uint64]bool{1140 * mib: false, 1160 * mib: true} {
		var k heapKeeper
		u := usage{live: 1000 * mib, held: 1050 * mib}
		k.released(u)
		k.quiet = quietFor
		if _, got := k.step(usage{live: u.live, held: held}); got != want {
			t.Errorf("%d MiB held: release %v, want %v", held/mib, got, want)
		}
	}
}

// A server that starts asks for the limit of its cgroup: what it cannot make
// out of the environment's word for it, it says.
func TestServe_LimitsMemory(t *testing.T) {
	s := serve(t, t.TempDir(), true, []string{"AUTOMEMLIMIT=nonsense"}, "--dev")
	s.await("the memory limit of the cgroup cannot be read: set GOMEMLIMIT", "nonsense")
}

// The heap's limit is nine tenths of the container's, unless the operator has
// set one; what is wrong is told and changes nothing.
func TestLimitMemory(t *testing.T) {
	before := debug.SetMemoryLimit(-1)
	t.Cleanup(func() { debug.SetMemoryLimit(before) })
	of := func(err error) memlimit.Provider { return func() (uint64, error) { return 0, err } }
	for name, c := range map[string]struct {
		provider memlimit.Provider
		given    string // GOMEMLIMIT in the environment
		want     int64
		said     string // "" for nothing
	}{
		"a container of 1000 MiB": {provider: memlimit.Limit(1000 * mib), want: 900 * mib, said: `limit="900 MiB"`},
		"the operator's own":      {provider: memlimit.Limit(1000 * mib), given: "3GiB", want: 2000 * mib},
		"no limit":                {provider: of(memlimit.ErrNoLimit), want: before},
		"no cgroup":               {provider: of(memlimit.ErrNoCgroup), want: 2000 * mib},
		"another system":          {provider: of(memlimit.ErrCgroupsNotSupported), want: 2000 * mib},
		"it cannot be read":       {provider: of(errors.New("no permission")), want: 2000 * mib, said: "no permission"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Setenv("GOMEMLIMIT", c.given)
			if c.given == "" {
				if err := os.Unsetenv("GOMEMLIMIT"); err != nil {
					t.Fatal(err)
				}
			}
			start := int64(2000 * mib)
			if c.want == before {
				start = before
			}
			debug.SetMemoryLimit(start)
			var out strings.Builder
			limitMemory(slog.New(slog.NewTextHandler(&out, nil)), c.provider)
			if got := debug.SetMemoryLimit(-1); got != c.want {
				t.Errorf("limit %d, want %d", got, c.want)
			}
			if said := out.String(); c.said == "" && said != "" || !strings.Contains(said, c.said) {
				t.Errorf("the log has %q, want %q", said, c.said)
			}
		})
	}
}
