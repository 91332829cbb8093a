package placement

import (
	"cmp"
	"slices"
)

// Cut returns the ids, ascending, of the nodes that must leave the view so that
// all the others reach each other. broken maps a node to the nodes that it has no
// link to; a pair counts as broken when either of the two lists the other, and ids
// that are not in the view are ignored. The node with the most broken pairs goes
// first, and so on until no pair is broken. Among equals it is one that is Leaving
// anyway, then the newest member (the highest Since), then the highest id, so that
// every node computes the same from the same broken.
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
