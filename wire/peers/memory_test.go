package peers

import (
	"runtime"
	"testing"
	"time"
)

// What a link keeps when it has nothing to do is little, also after it had.
func TestLink_IdleCostsLittle(t *testing.T) {
	before, goroutines := inUse(), runtime.NumGoroutine()
	var nodes []*node
	for i := range 4 {
		nodes = append(nodes, start(t, string(rune('a'+i)), func(o *Options) {
			o.Beat = time.Second
			o.Receive = func(string, []byte) {}
		}))
	}
	alone, few := inUse()-before, runtime.NumGoroutine()-goroutines
	join(nodes...)
	const ends = 4 * 3
	for round, items := range []int{0, 2000} {
		for _, from := range nodes {
			for _, to := range nodes {
				for range items {
					if from != to {
						_ = from.Send(to.id, make([]byte, 1000))
					}
				}
			}
		}
		for _, n := range nodes {
			n.await("idle", func() bool {
				left := 0
				for _, l := range n.State() {
					left += l.QueuedItems
				}
				return left == 0
			})
		}
		each := (inUse() - before - alone) / ends
		t.Logf("round %d: %d KiB and %d goroutines for an end, %d KiB and %d goroutines for a node", round,
			each>>10, (runtime.NumGoroutine()-goroutines-few)/ends, alone/4>>10, few/4)
		if each > 1<<20 {
			t.Errorf("an idle link keeps %d KiB at each end", each>>10)
		}
	}
}

// inUse is what the process has of the heap and of stacks.
func inUse() int64 {
	var m runtime.MemStats
	for range 3 { // pools are emptied by the second
		runtime.GC()
	}
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc + m.StackInuse)
}
