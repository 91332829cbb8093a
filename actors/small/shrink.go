package small

import "maps"

const (
	// spare is how many times the entries that are left a map must have held
	// to be made anew, so that what is copied was paid for by what went.
	spare = 8
	// least is the peak under which a map is left alone: one of 8 takes no
	// more than one of 1.
	least = 9
)

// Shrink returns m, or a copy when m has held much more than it holds now: a
// Go map keeps the room of the most that it ever held, and going over it takes
// as long as then. peak is the most that m held when Shrink looked; whoever
// keeps the map keeps it too, 0 at first. Shrink is meant to be called now and
// then, under the lock that guards m.
func Shrink[K comparable, V any](m map[K]V, peak *int) map[K]V {
	*peak = max(*peak, len(m))
	if *peak < least || len(m) > *peak/spare {
		return m
	}
	*peak = len(m)
	less := make(map[K]V, len(m))
	maps.Copy(less, m)
	return less
}
