package placement

import (
	"cmp"
	"slices"
)

// Cut says who must leave the view so that those who stay all reach each other:
// ids in ascending order. broken has, for a node, those that it has no link to;
// one of two is enough to say it, and ids that are not in the view do not
// matter. Whoever has most broken pairs goes first, and so on while there are
// any. Between equals it is one that leaves anyhow, then the one that came last
// (the higher Since), then the higher id: everyone who knows the same says the
// same.
func Cut(v View, broken map[string][]string) []string {
	pairs := map[string]map[string]bool{}
	note := func(a, b string) {
		if pairs[a] == nil {
			pairs[a] = map[string]bool{}
		}
		pairs[a][b] = true
	}
	for a, others := range broken {
		for _, b := range others {
			if a != b && v.Has(a) && v.Has(b) {
				note(a, b)
				note(b, a)
			}
		}
	}
	var gone []string
	for {
		worst := slices.MaxFunc(append([]Node{{}}, v.Nodes...), func(a, b Node) int {
			return cmp.Or(
				cmp.Compare(len(pairs[a.ID]), len(pairs[b.ID])),
				cmp.Compare(a.State, b.State),
				cmp.Compare(a.Since, b.Since),
				cmp.Compare(a.ID, b.ID),
			)
		})
		if len(pairs[worst.ID]) == 0 {
			slices.Sort(gone)
			return gone
		}
		gone = append(gone, worst.ID)
		for other := range pairs[worst.ID] {
			delete(pairs[other], worst.ID)
		}
		delete(pairs, worst.ID)
	}
}
