package placement_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/corrillo/corrillo/actors/placement"
)

func TestCut(t *testing.T) {
	view := placement.NewView(9, []placement.Node{
		{ID: "a", Since: 1}, {ID: "b", Since: 2}, {ID: "c", Since: 3}, {ID: "d", Since: 3},
		{ID: "left", Since: 1, State: placement.Leaving},
	})
	for name, tc := range map[string]struct{ broken, want string }{
		"all is well":                      {"", ""},
		"two: the one that came last":      {"a-b", "b"},
		"one of two says so":               {"b-a", "b"},
		"two of one age: the higher id":    {"c-d", "d"},
		"one that is cut off from all":     {"a-b a-c a-d", "a"},
		"in the middle of a chain":         {"b-a b-c", "b"},
		"a chain of four":                  {"a-b b-c c-d", "b c"},
		"two pairs":                        {"a-b c-d", "b d"},
		"everyone from everyone":           {"a-b a-c a-d b-c b-d c-d", "b c d"},
		"one that leaves anyhow":           {"left-a", "left"},
		"one that leaves, but others more": {"left-a a-b", "a"},
		"nodes that are not there":         {"a-x x-y y-b", ""},
		"itself":                           {"a-a", ""},
	} {
		t.Run(name, func(t *testing.T) {
			broken := map[string][]string{}
			for _, pair := range strings.Fields(tc.broken) {
				one, other, _ := strings.Cut(pair, "-")
				broken[one] = append(broken[one], other)
			}
			if got := strings.Join(placement.Cut(view, broken), " "); got != tc.want {
				t.Errorf("%s: %q must go, want %q", tc.broken, got, tc.want)
			}
		})
	}
}

// Those who stay reach each other, nobody goes who reaches all, and who says
// so, and in which order, does not matter.
func TestCut_LeavesNoBrokenPair(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n := rapid.IntRange(1, 7).Draw(t, "nodes")
		var all []placement.Node
		for i := range n {
			all = append(all, placement.Node{ID: fmt.Sprint("n", i), Since: rapid.Uint64Range(1, 3).Draw(t, "since")})
		}
		view := placement.NewView(3, all)
		broken, mirrored, bad := map[string][]string{}, map[string][]string{}, map[string]bool{}
		for a := range n {
			for b := range a {
				if !rapid.Bool().Draw(t, "broken") {
					continue
				}
				one, other := fmt.Sprint("n", a), fmt.Sprint("n", b)
				broken[one] = append(broken[one], other)
				mirrored[other] = append([]string{one}, mirrored[other]...)
				bad[one], bad[other] = true, true
			}
		}
		gone := placement.Cut(view, broken)
		for _, id := range gone {
			if !bad[id] {
				t.Errorf("%s must go, and reaches all", id)
			}
		}
		for one, others := range broken {
			for _, other := range others {
				if !slices.Contains(gone, one) && !slices.Contains(gone, other) {
					t.Errorf("%s and %s stay", one, other)
				}
			}
		}
		if len(gone) == n {
			t.Error("nobody stays")
		}
		if again := placement.Cut(view, mirrored); !slices.Equal(again, gone) {
			t.Errorf("%q or %q, as it is told", gone, again)
		}
	})
}
