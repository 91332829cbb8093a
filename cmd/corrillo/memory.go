package main

import (
	"context"
	"errors"
	"log/slog"
	"os"
	"runtime/debug"
	gauges "runtime/metrics"
	"time"

	"github.com/KimMachineGun/automemlimit/memlimit"
	"github.com/dustin/go-humanize"
)

const (
	// headroom is what a small heap may grow by between two collections: at
	// twice its size, as Go has it, a small server would collect all the time.
	headroom = 32 << 20
	// mostPercent bounds what headroom makes of Go's GC percentage; the least
	// is Go's own.
	leastPercent, mostPercent = 100, 800

	// quietBytes is the most that is allocated in a second of rest, quietFor
	// how many of those there are before memory goes back.
	quietBytes = 2 << 20
	quietFor   = 3
	// againFor is how many more until it goes back once more: conversations
	// that have become quiet let go of what answers repeats only after 5 s, and
	// how much that was no figure tells before it is collected.
	againFor = 4
	// worth is the least that is given back at a time. Collecting a large heap
	// is dearer, so it is a share of that, too.
	worth      = 4 << 20
	worthShare = 10
)

// usage is the heap at one moment, in bytes.
type usage struct {
	allocated uint64 // since the start
	live      uint64 // found by the last collection
	held      uint64 // objects, dead ones included, and free memory that is kept
}

// heapKeeper decides how often to collect, and when memory that a load has
// left behind goes back to the system: Go would keep it for minutes.
type heapKeeper struct {
	last  uint64 // allocated, at the last step
	quiet int    // seconds
	base  uint64 // held, after the last release
	again bool   // the release after that one is still to come
}

// step is called once a second. percent is the GC percentage from now on;
// release: collect and give back now, then call released.
func (k *heapKeeper) step(u usage) (percent int, release bool) {
	percent = leastPercent
	if u.live > 0 {
		percent = int(min(max(headroom*100/u.live, leastPercent), mostPercent))
	}
	if u.allocated-k.last <= quietBytes {
		k.quiet++
	} else {
		k.quiet = 0
	}
	k.last = u.allocated
	k.base = min(k.base, u.held)
	switch {
	case k.quiet >= quietFor && u.held-k.base >= max(worth, u.live/worthShare):
		k.again, release = true, true
	case k.again && k.quiet >= againFor:
		k.again, release = false, true
	}
	return percent, release
}

// released says that memory has been given back, with the heap as it is then.
func (k *heapKeeper) released(u usage) { k.base, k.last, k.quiet = u.held, u.allocated, 0 }

// keepHeap runs a heapKeeper until ctx ends. A GC percentage that the
// environment gives (GOGC) stays.
func keepHeap(ctx context.Context) {
	_, given := os.LookupEnv("GOGC")
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	var k heapKeeper
	read := heapReader()
	was := 0
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		percent, release := k.step(read())
		if !given && percent != was {
			debug.SetGCPercent(percent)
			was = percent
		}
		if release {
			debug.FreeOSMemory()
			k.released(read())
		}
	}
}

// heapReader returns a function that reads the heap's state. It allocates
// once.
func heapReader() func() usage {
	samples := []gauges.Sample{
		{Name: "/gc/heap/allocs:bytes"}, {Name: "/gc/heap/live:bytes"},
		{Name: "/memory/classes/heap/objects:bytes"}, {Name: "/memory/classes/heap/free:bytes"},
	}
	return func() usage {
		gauges.Read(samples)
		return usage{
			allocated: samples[0].Value.Uint64(), live: samples[1].Value.Uint64(),
			held: samples[2].Value.Uint64() + samples[3].Value.Uint64(),
		}
	}
}

// memoryShare is how much of what a container may use the heap may: the rest
// is for what Go does not count, and for the moment until a collection ends.
const memoryShare = 0.9

// limitMemory makes the collector work harder near the limit of the process's
// cgroup, as provider reads it, and says so. GOMEMLIMIT in the environment
// stays as it is; without a limit nothing changes.
func limitMemory(log *slog.Logger, provider memlimit.Provider) {
	before := debug.SetMemoryLimit(-1)
	limit, err := memlimit.Set(memlimit.WithRatio(memoryShare), memlimit.WithProvider(provider))
	switch {
	case errors.Is(err, memlimit.ErrNoCgroup), errors.Is(err, memlimit.ErrCgroupsNotSupported):
		// There is nothing that limits it.
	case err != nil:
		log.Warn("the memory limit of the cgroup cannot be read: set GOMEMLIMIT", "error", err)
	case limit != before:
		log.Info("memory is limited", "limit", humanize.IBytes(uint64(limit)), "share_of_cgroup", memoryShare) //nolint:gosec // never negative
	}
}
