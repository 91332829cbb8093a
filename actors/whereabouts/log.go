package whereabouts

// log holds the kept messages, oldest first, and for which nodes. Entries are
// numbered consecutively; the first one in entries has the number base.
type log[M any] struct {
	entries []entry[M]
	base    uint64
	bytes   int
}

// entry is a message that may turn out to be for users of further nodes.
type entry[M any] struct {
	m        M
	size     int
	users    []uint64 // hashes of the users whom it is for
	waits    uint64   // the nodes it is kept for, a bit each (node.bit); 0: it is cleared
	listened uint64   // those of waits that have got the part for their listeners
}

func (l *log[M]) len() int { return len(l.entries) }

// end is the number that the next entry gets.
func (l *log[M]) end() uint64 { return l.base + uint64(len(l.entries)) }

// oldest returns the oldest entry, which trim has left since it is kept for some
// node. The log must not be empty.
func (l *log[M]) oldest() *entry[M] { return &l.entries[0] }

func (l *log[M]) append(e entry[M]) {
	l.entries = append(l.entries, e)
	l.bytes += e.size
}

// waits returns the bits of the nodes that something is kept for.
func (l *log[M]) waits() (all uint64) {
	for i := range l.entries {
		all |= l.entries[i].waits
	}
	return all
}

// take returns the messages kept for a node for which has reports true of their
// users, and keeps them for that node no longer.
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

// clear stops keeping for a node the entries whose number is less than end.
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

// trim drops entries from the front that are kept for no node any more.
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
