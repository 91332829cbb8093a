package main

import "testing"

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
	k := heapKeeper{}
	u := usage{live: 1000 * mib, held: 1050 * mib}
	k.released(u)
	for held, want := range map[uint64]bool{1140 * mib: false, 1160 * mib: true} {
		k.quiet = quietFor
		if _, got := k.step(usage{live: u.live, held: held}); got != want {
			t.Errorf("%d MiB held: release %v, want %v", held/mib, got, want)
		}
	}
}
