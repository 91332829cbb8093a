package rules

import (
	"fmt"
	"slices"
	"testing"
)

func TestRing(t *testing.T) {
	var r ring[int]
	var out []int
	for i := range 7 {
		if old, evicted := r.push(i, 3); evicted {
			out = append(out, old)
		}
	}
	if got := fmt.Sprint(out); got != "[0 1 2 3]" {
		t.Fatalf("evicted %s", got)
	}
	var seen []int
	if _, ok := r.find(func(v int) bool { seen = append(seen, v); return false }); ok {
		t.Fatal("found what is not there")
	}
	if !slices.Equal(seen, []int{6, 5, 4}) {
		t.Fatalf("looked at %v", seen)
	}
	r.shrink(2)
	seen = nil
	r.find(func(v int) bool { seen = append(seen, v); return false })
	if !slices.Equal(seen, []int{6, 5}) {
		t.Fatalf("kept %v", seen)
	}
	r.push(7, 3)
	if old, evicted := r.push(8, 3); !evicted || old != 5 {
		t.Fatalf("after shrink: %d %v", old, evicted)
	}
}
