package small

import "iter"

// few is how many entries stand in a slice before they move to a map.
const few = 8

// Map is a map whose first entries take no more room than a slice of them: a
// Go map costs 300 bytes and more for the first one. The zero Map is empty
// and ready. It is not safe for concurrent use.
type Map[K comparable, V any] struct {
	pairs []pair[K, V]
	many  map[K]V // in place of pairs once there are more than few
}

type pair[K comparable, V any] struct {
	key   K
	value V
}

// Len returns the number of entries.
func (m *Map[K, V]) Len() int { return len(m.pairs) + len(m.many) }

// Get returns the value of a key; ok is false when there is none.
func (m *Map[K, V]) Get(key K) (value V, ok bool) {
	if m.many != nil {
		value, ok = m.many[key]
		return value, ok
	}
	if i := m.find(key); i >= 0 {
		return m.pairs[i].value, true
	}
	return value, false
}

// Set gives a key its value.
func (m *Map[K, V]) Set(key K, value V) {
	if m.many == nil {
		if i := m.find(key); i >= 0 {
			m.pairs[i].value = value
			return
		}
		if len(m.pairs) < few {
			if m.pairs == nil {
				m.pairs = make([]pair[K, V], 0, 1) // most have one for ever
			}
			m.pairs = append(m.pairs, pair[K, V]{key, value})
			return
		}
		m.many = make(map[K]V, 2*few)
		for _, p := range m.pairs {
			m.many[p.key] = p.value
		}
		m.pairs = nil
	}
	m.many[key] = value
}

// Delete takes a key away, if it is there.
func (m *Map[K, V]) Delete(key K) {
	if m.many != nil {
		if delete(m.many, key); len(m.many) == 0 {
			m.many = nil
		}
		return
	}
	if i := m.find(key); i >= 0 {
		last := len(m.pairs) - 1
		m.pairs[i] = m.pairs[last]
		m.pairs[last] = pair[K, V]{}
		if m.pairs = m.pairs[:last]; last == 0 {
			m.pairs = nil
		}
	}
}

// All goes over the entries, in no order. The loop must not change the map.
func (m *Map[K, V]) All() iter.Seq2[K, V] {
	return func(yield func(K, V) bool) {
		for i := range m.pairs {
			if !yield(m.pairs[i].key, m.pairs[i].value) {
				return
			}
		}
		for k, v := range m.many {
			if !yield(k, v) {
				return
			}
		}
	}
}

// DeleteFunc takes away the entries for which del is true.
func (m *Map[K, V]) DeleteFunc(del func(K, V) bool) {
	var gone []K
	for k, v := range m.All() {
		if del(k, v) {
			gone = append(gone, k)
		}
	}
	for _, k := range gone {
		m.Delete(k)
	}
}

func (m *Map[K, V]) find(key K) int {
	for i := range m.pairs {
		if m.pairs[i].key == key {
			return i
		}
	}
	return -1
}
