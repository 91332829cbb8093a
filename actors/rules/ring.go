package rules

import "slices"

// ring keeps the last elements up to a limit. It grows as it fills. The zero
// value is empty.
type ring[T any] struct {
	items []T
	start int // the oldest, once it is full
}

// push adds an element. When there are limit elements already, the oldest one
// makes room and is returned.
func (r *ring[T]) push(v T, limit int) (old T, evicted bool) {
	if len(r.items) < max(limit, 1) {
		r.items = append(r.items, v)
		return old, false
	}
	old = r.items[r.start]
	r.items[r.start] = v
	r.start = (r.start + 1) % len(r.items)
	return old, true
}

// find returns the newest element that is wanted.
func (r *ring[T]) find(want func(T) bool) (v T, ok bool) {
	for i := len(r.items) - 1; i >= 0; i-- {
		if e := r.items[(r.start+i)%len(r.items)]; want(e) {
			return e, true
		}
	}
	return v, false
}

// shrink forgets all but the newest n elements and the room they took.
func (r *ring[T]) shrink(n int) {
	n = min(n, len(r.items))
	kept := make([]T, 0, n)
	for i := len(r.items) - n; i < len(r.items); i++ {
		kept = append(kept, r.items[(r.start+i)%len(r.items)])
	}
	r.items, r.start = slices.Clip(kept), 0
}
