package placement

import (
	"cmp"
	"slices"
)

// maxEarly bounds how many messages about one id are kept because they came from
// a new owner before its turn.
const maxEarly = 4096

// word is a message about an id from a new owner, kept because an earlier owner
// has not settled yet.
type word struct {
	from string
	at   uint64 // generation of the last view under which from owns the id
	msg  any
}

// turn reports whether a message about k from the node from may be passed on now:
// every earlier owner of k has settled, so its last message about k has arrived. at
// is the generation of the last view under which from owns k, 0 when this node
// knows of none.
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

// InTurn reports whether a message about k from another node may be passed on
// now. Otherwise it goes to Early.
func (r *Router) InTurn(from string, k Key) bool {
	if len(r.changes) == 0 && len(r.early) == 0 {
		return true
	}
	at, now := r.turn(from, k)
	// A message that was kept earlier may be in turn by now, and goes first.
	before := func(w word) bool { return w.from == from || at > 0 && w.at < at }
	return now && !slices.ContainsFunc(r.early[k], before)
}

// Early keeps a message about k that is not InTurn, until Due returns it. When
// more than maxEarly are kept for k it returns them all, in order, to be passed on
// out of turn.
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

// Keeps reports whether Early has kept anything that Due has not returned.
func (r *Router) Keeps() bool { return len(r.early) > 0 }

// Due removes and returns the kept messages that are in turn now, those about one
// id in order.
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

// inOrder returns the messages of words, all about one id, in the order in which
// their senders owned it.
func inOrder(words []word) []any {
	slices.SortStableFunc(words, func(a, b word) int { return cmp.Compare(a.at, b.at) })
	all := make([]any, len(words))
	for i := range words {
		all[i] = words[i].msg
	}
	return all
}
