package small_test

import (
	"maps"
	"testing"

	"pgregory.net/rapid"

	"github.com/corrillo/corrillo/actors/small"
)

// A Map does what a Go map does, whatever its size.
func TestMap_IsAMap(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var m small.Map[int, int]
		want := map[int]int{}
		key := rapid.IntRange(0, 20)
		t.Repeat(map[string]func(*rapid.T){
			"set": func(t *rapid.T) {
				k, v := key.Draw(t, "key"), rapid.Int().Draw(t, "value")
				m.Set(k, v)
				want[k] = v
			},
			"delete": func(t *rapid.T) {
				k := key.Draw(t, "key")
				m.Delete(k)
				delete(want, k)
			},
			"delete some": func(t *rapid.T) {
				below := key.Draw(t, "below")
				small := func(k, _ int) bool { return k < below }
				m.DeleteFunc(small)
				maps.DeleteFunc(want, small)
			},
			"": func(t *rapid.T) {
				if got := maps.Collect(m.All()); !maps.Equal(got, want) || m.Len() != len(want) {
					t.Fatalf("got %v (%d), want %v", got, m.Len(), want)
				}
				for k := range 21 {
					got, ok := m.Get(k)
					if v, there := want[k]; got != v || ok != there {
						t.Fatalf("key %d: got %d %v, want %d %v", k, got, ok, v, there)
					}
				}
			},
		})
	})
}

// The first entry costs one allocation of its own size.
func TestMap_FirstEntryIsOneAllocation(t *testing.T) {
	if n := testing.AllocsPerRun(100, func() {
		var m small.Map[string, int]
		m.Set("a", 1)
	}); n != 1 {
		t.Errorf("%v allocations, want 1", n)
	}
}
