package whereabouts

import (
	"fmt"
	"runtime"
	"testing"
)

// What a node remembers of each user of each other node, and of its own; it prints
// the bytes.
func TestOthers_Memory(t *testing.T) {
	const users, nodes = 100_000, 2
	heap := func() int64 {
		var m runtime.MemStats
		runtime.GC()
		runtime.GC()
		runtime.ReadMemStats(&m)
		return int64(m.HeapAlloc)
	}
	before := heap()
	o := &Others[int]{}
	o.Members([]string{"n0", "n1"})
	for n := range nodes {
		for i := range users {
			o.Here(fmt.Sprint("n", n), []uint64{Hash(fmt.Sprintf("user-%d-%d", n, i))})
		}
	}
	others := float64(heap()-before) / users / nodes
	before = heap()
	own := &Own{}
	for i := range users {
		own.Here(Hash(fmt.Sprint("user-", i)))
	}
	own.Changes()
	mine := float64(heap()-before) / users
	t.Logf("a user of another node takes %.0f bytes, one of this node %.0f", others, mine)
	if others > 48 || mine > 64 {
		t.Error("that is more than the documentation says")
	}
	runtime.KeepAlive(o)
	runtime.KeepAlive(own)
}
