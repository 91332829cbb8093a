package placement

import (
	"cmp"
	"slices"
)

// maxEarly bounds what new owners may say of one id before it is their turn.
const maxEarly = 4096

// word is what a new owner has said before those before it have settled.
type word struct {
	from string
	at   uint64 // generation of a view under which it is the owner
	msg  any
}

// turn reports whether what from says of k may be heard: whoever had k before it
// has let go of it, and said its last word of it on the same link before. at is the
// generation of the last view under which from owns k, 0 when this node knows none.
func (r *Router) turn(from string, k Key) (at uint64, now bool) {
	next, generation := r.Owner(k), r.view.Generation
	for i := len(r.changes) - 1; i >= 0; i-- {
		c := &r.changes[i]
		was := c.old.Owner(k.Kind, k.ID)
		if at == 0 && next == from {
			at = generation
		}
		if _, waits := c.waiting[was]; waits && at > 0 && was != from && was != next {
			return at, false
		}
		next, generation = was, c.old.Generation
	}
	return at, true
}

// InTurn reports whether what another node says of k may be heard now.
func (r *Router) InTurn(from string, k Key) bool {
	if len(r.changes) == 0 && len(r.early) == 0 {
		return true
	}
	at, now := r.turn(from, k)
	// What is kept may have its turn by now, and comes first.
	before := func(w word) bool { return w.from == from || at > 0 && w.at < at }
	return now && !slices.ContainsFunc(r.early[k], before)
}

// Early keeps what another node says of k and what is not InTurn. When too much
// is kept of k it returns all of it, in order, to be heard out of turn.
func (r *Router) Early(from string, k Key, msg any) (tooMuch []any) {
	at, _ := r.turn(from, k)
	r.early[k] = append(r.early[k], word{from: from, at: at, msg: msg})
	if len(r.early[k]) <= maxEarly {
		return nil
	}
	words := r.early[k]
	delete(r.early, k)
	return inOrder(words)
}

// Keeps reports whether something is kept that came early.
func (r *Router) Keeps() bool { return len(r.early) > 0 }

// Due takes out what was kept and is in turn now, for each id in order.
func (r *Router) Due() (due []any) {
	for _, k := range r.earlyKeys() {
		var now, later []word
		for _, w := range r.early[k] {
			if _, is := r.turn(w.from, k); is {
				now = append(now, w)
			} else {
				later = append(later, w)
			}
		}
		if r.early[k] = later; len(later) == 0 {
			delete(r.early, k)
		}
		due = append(due, inOrder(now)...)
	}
	return due
}

func (r *Router) earlyKeys() []Key {
	keys := make([]Key, 0, len(r.early))
	for k := range r.early {
		keys = append(keys, k)
	}
	slices.SortFunc(keys, compareKeys)
	return keys
}

// inOrder gives the words of one id in the order of its owners.
func inOrder(words []word) []any {
	slices.SortStableFunc(words, func(a, b word) int { return cmp.Compare(a.at, b.at) })
	all := make([]any, len(words))
	for i := range words {
		all[i] = words[i].msg
	}
	return all
}
