package small_test

import (
	"maps"
	"reflect"
	"testing"

	"github.com/corrillo/corrillo/actors/small"
)

// A map is made anew once it holds an eighth of its most, and only then.
func TestShrink(t *testing.T) {
	for _, c := range []struct {
		name       string
		most, left int
		anew       bool
	}{
		{"never much", 8, 0, false},
		{"still more than an eighth", 1000, 126, false},
		{"an eighth", 1000, 125, true},
		{"empty", 1000, 0, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			m, peak := map[int]int{}, 0
			for n := range c.most {
				m[n] = -n
			}
			if got := small.Shrink(m, &peak); !same(got, m) || peak != c.most {
				t.Fatalf("a full map was made anew, or its peak is %d", peak)
			}
			for n := c.left; n < c.most; n++ {
				delete(m, n)
			}
			want := maps.Clone(m)
			got := small.Shrink(m, &peak)
			if same(got, m) == c.anew {
				t.Errorf("made anew: %v, want %v", !c.anew, c.anew)
			}
			if !maps.Equal(got, want) {
				t.Errorf("it holds %d entries, want %d", len(got), len(want))
			}
			if c.anew && peak != c.left {
				t.Errorf("the new map's peak is %d, want %d", peak, c.left)
			}
		})
	}
}

func same(a, b map[int]int) bool {
	return reflect.ValueOf(a).Pointer() == reflect.ValueOf(b).Pointer()
}
