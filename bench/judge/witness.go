package judge

// witness is what one member's connections and read marks look like, one
// record after the other.
type witness struct {
	name, room string
	known      map[ID]struct{} // messages that it has

	open    bool
	way     way             // of this connection, or of the last one
	before  way             // of the one before
	next    uint32          // the seq that the next live message has, when live
	skipped map[uint32]bool // those that a later one came before
	rev     uint32          // of the last live change, or of the join, when live
	page    uint32          // how far the joins' replies have brought the changes

	contents map[ID]content // of messages that were changed

	confirmed uint32            // its own mark, as it was stored
	told      uint32            // the same, as any answer had it
	heard     map[uint32]uint32 // the others'
	stored    int64
}

// way is what is known of the live messages that a connection brings.
type way uint8

const (
	apart  way = iota // none may come: its join was not answered
	live              // next is the next one
	adrift            // it was recovered from one whose join was on its way: any may come
)

func (w *witness) opened(e *evidence, r *Record) {
	if w.open { // its end went unnoticed
		w.closed(e, r)
	}
	w.open, w.before, w.way = true, w.way, apart
}

// resumed goes on where the connection before ended.
func (w *witness) resumed() {
	w.way = w.before
	if w.before == apart {
		w.way = adrift
	}
}

func (w *witness) joined(r *Record) {
	// A second join on one connection does not stop what is live.
	if w.way == apart {
		w.way, w.next, w.rev = live, r.Seq+1, r.Rev
	}
	w.page = r.N
}

// received holds a live message against the one before it on this connection,
// or on the one that it was recovered from: they are the seqs behind the
// join's, one by one.
func (w *witness) received(e *evidence, r *Record) {
	w.got(e, r)
	switch {
	case w.way == adrift:
	case w.way == apart:
		e.note(BeforeJoin, r, "message %s, seq %d", r.Key, r.Seq)
	case r.Seq == w.next:
		w.next++
	case r.Seq > w.next:
		if w.skipped == nil {
			w.skipped = map[uint32]bool{}
		}
		for seq := w.next; seq < r.Seq && len(w.skipped) < maxSkipped; seq++ {
			w.skipped[seq] = true
		}
		w.next = r.Seq + 1
	case w.skipped[r.Seq]:
		delete(w.skipped, r.Seq)
		e.note(WireOrder, r, "connection %d: message %s, seq %d when %d was next", r.Conn, r.Key, r.Seq, w.next)
	default:
		e.note(WireDoubled, r, "connection %d: message %s, seq %d when %d was next", r.Conn, r.Key, r.Seq, w.next)
	}
}

// maxSkipped bounds what a nonsensical seq costs.
const maxSkipped = 1000

func (w *witness) got(e *evidence, r *Record) {
	w.reads(r)
	if _, is := w.known[r.ID]; is {
		e.facts.Repeats++
	}
	w.known[r.ID] = struct{}{}
}

// closed ends a connection: what it skipped and never brought is a gap that
// nobody spoke of.
func (w *witness) closed(e *evidence, r *Record) {
	if n := len(w.skipped); n > 0 {
		e.note(SilentGap, r, "%d messages, before seq %d", n, w.next)
	}
	w.open, w.skipped = false, nil
}

func (w *witness) mark(e *evidence, r *Record) {
	switch {
	case r.Seq < w.confirmed:
		e.note(MarkBack, r, "from %d to %d", w.confirmed, r.Seq)
	case r.Seq < w.told:
		e.facts.MarksBack++
	}
	w.told = max(w.told, r.Seq)
}

func (w *witness) hears(e *evidence, r *Record) {
	if last := w.heard[r.Sender]; r.Seq < last {
		e.note(MarkBack, r, "that of %s from %d to %d", e.t.Clients[r.Sender].Name, last, r.Seq)
	}
	w.heard[r.Sender] = max(w.heard[r.Sender], r.Seq)
}

// end looks at what is left when the log has ended.
func (w *witness) end(v *Verdict) {
	if n := len(w.skipped); n > 0 {
		v.add(SilentGap, w.room, "%s: %d messages, before seq %d", w.name, n, w.next)
	}
	if w.stored < int64(w.confirmed) {
		v.add(MarkNotStored, w.room, "%s: %d was confirmed, %d is stored", w.name, w.confirmed, w.stored)
	}
}
