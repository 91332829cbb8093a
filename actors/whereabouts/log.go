package whereabouts

// log is what is kept, oldest first, and for whom. Entries have numbers that go
// up by one, from base on.
type log[M any] struct {
	entries []entry[M]
	base    uint64
	bytes   int
}

// entry is a message that some nodes may yet have to get.
type entry[M any] struct {
	m        M
	size     int
	users    []uint64 // for whom it is
	waits    uint64   // the nodes, by their bits; none: there is nothing left of it
	listened uint64   // of them, those that have had a part
}

func (l *log[M]) len() int { return len(l.entries) }

// end is the number that the next entry gets.
func (l *log[M]) end() uint64 { return l.base + uint64(len(l.entries)) }

// oldest is an entry that somebody waits for. There must be one.
func (l *log[M]) oldest() *entry[M] { return &l.entries[0] }

func (l *log[M]) append(e entry[M]) {
	l.entries = append(l.entries, e)
	l.bytes += e.size
}

// waits names the nodes that something is kept for.
func (l *log[M]) waits() (all uint64) {
	for i := range l.entries {
		all |= l.entries[i].waits
	}
	return all
}

// take takes what is kept for a node and is for the users that has is true of.
func (l *log[M]) take(bit uint64, has func(users []uint64) bool) (kept []Kept[M]) {
	for i := range l.entries {
		if e := &l.entries[i]; e.waits&bit != 0 && has(e.users) {
			kept = append(kept, Kept[M]{M: e.m, Listened: e.listened&bit != 0})
			l.done(e, bit)
		}
	}
	l.trim()
	return kept
}

// clear forgets what is kept for a node, of the entries up to the number end.
func (l *log[M]) clear(bit, end uint64) {
	for i := range l.entries {
		if l.base+uint64(i) >= end {
			break
		}
		l.done(&l.entries[i], bit)
	}
	l.trim()
}

// done notes that an entry is not kept for a node any more.
func (l *log[M]) done(e *entry[M], bit uint64) {
	if e.waits&bit == 0 {
		return
	}
	if e.waits &^= bit; e.waits == 0 {
		l.bytes -= e.size
		*e = entry[M]{}
	}
}

// trim drops the oldest entries that nobody waits for.
func (l *log[M]) trim() {
	n := 0
	for n < len(l.entries) && l.entries[n].waits == 0 {
		n++
	}
	l.base += uint64(n)
	if l.entries = l.entries[n:]; len(l.entries) == 0 {
		l.entries = nil
	}
}
