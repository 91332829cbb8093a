package judge

import (
	"cmp"
	"maps"
	"slices"
	"time"
)

// Version says what a message says: 0 what it was sent with, then what its
// author's first edit made of it, and so on.
type Version uint16

// The versions that are no edit's.
const (
	// Gone: it is deleted.
	Gone Version = 1<<16 - 1
	// Strange: nobody has written what it says.
	Strange Version = 1<<16 - 2
)

// State is what the table says of a message.
type State struct {
	ID      ID
	Rev     uint32 // 0: it was not changed
	Version Version
}

// The rules of edits and deletions. An author sends the next change of a message
// only when the one before was answered, and of one that had to be sent again
// makes no other edit: the first one may be done once more, at any time.
const (
	ChangeNotStored Rule = "an edit or a deletion that was acked or told is not in the table"
	ChangeUndone    Rule = "an edit was undone by one before it"
	ChangeInvented  Rule = "a message says what its author has not made of it"
	ChangeDiffers   Rule = "two changes got the same rev"
	RevGap          Rule = "rev is not 1, 2, 3... without gaps"
	ChangeMissed    Rule = "a member ends with another content of a message than the table's"
	ChangeSkipped   Rule = "a connection skipped a change that nothing had followed, and nothing said so"
	ChangeOrder     Rule = "a connection brought a change behind a later one, or twice"
)

// saying is a message as some rev left it.
type saying struct {
	id      ID
	version Version
}

// skip is a range of revs, both ends counted, that a connection passed over.
type skip struct {
	record      *Record // with which it did
	first, last uint32
}

// fate is what became of a change that its author has sent.
type fate struct {
	first    time.Duration // when it was sent first
	sent     int
	answered int
	revs     int // that it is known to have got
}

// spare is how often it may have been done besides.
func (f *fate) spare() int { return max(0, min(f.sent-f.answered, f.sent-f.revs)) }

// changes is what the log has of one room's edits and deletions.
type changes struct {
	revs    map[uint32]saying // by whoever was told
	written map[saying]*fate
	acked   map[saying]uint32 // with the rev; 0: not said
	skips   []skip
	differs []*Record // another one has the rev
}

func newChanges() *changes {
	return &changes{revs: map[uint32]saying{}, written: map[saying]*fate{}, acked: map[saying]uint32{}}
}

// emitted takes a change that its author sends, and reports whether for the
// first time.
func (c *changes) emitted(r *Record) bool {
	s := saying{r.ID, r.Version}
	f, again := c.written[s]
	if !again {
		f = &fate{first: r.At}
		c.written[s] = f
	}
	f.sent++
	return !again
}

func (c *changes) answered(r *Record) {
	s := saying{r.ID, r.Version}
	if f := c.written[s]; f != nil {
		f.answered++
	}
	c.acked[s] = r.Rev
	c.told(r)
}

// told takes what a message says from some rev on, wherever that was read.
func (c *changes) told(r *Record) {
	if r.Rev == 0 {
		return
	}
	s := saying{r.ID, r.Version}
	if other, known := c.revs[r.Rev]; known && other != s {
		c.differs = append(c.differs, r)
		return
	}
	c.revs[r.Rev] = s
}

func (c *changes) skipped(r *Record, first, last uint32) {
	if first <= last {
		c.skips = append(c.skips, skip{record: r, first: first, last: min(last, first+maxSkipped)})
	}
}

// end holds the log against the table. retold: one change may be done more than
// once though it was sent once. It returns how many revs were passed over as
// they may be, and how many nobody has heard of.
func (c *changes) end(e *evidence, v *Verdict, room int, retold bool) (passed, unknown int) {
	name, t := e.t.Rooms[room], &e.t.Tables[room]
	for _, r := range c.differs {
		v.add(ChangeDiffers, name, "%s was told rev %d of message seq %d, version %d", e.t.Clients[r.Client].Name, r.Rev, r.Seq, r.Version)
	}
	stored := make(map[ID]State, len(t.States))
	for _, s := range t.States {
		stored[s.ID] = s
		if s.Rev == 0 {
			if s.Version != 0 {
				v.add(ChangeInvented, name, "version %d is stored without a rev", s.Version)
			}
			continue
		}
		if other, known := c.revs[s.Rev]; known && other != (saying{s.ID, s.Version}) {
			v.add(ChangeDiffers, name, "rev %d is stored with version %d, and was told with %d; same message: %t", s.Rev, s.Version, other.version, other.id == s.ID)
			continue
		}
		c.revs[s.Rev] = saying{s.ID, s.Version}
	}
	c.areStored(v, name, stored)
	unknown = c.numbered(v, name, t, retold)
	last := c.inTurn(v, name)
	for _, s := range c.skips {
		for rev := s.first; rev <= s.last; rev++ {
			if what, known := c.revs[rev]; known {
				if s.record.Kind == ChangeHeard {
					passed++
				}
				if !c.followed(what.id, rev, last[what.id], s.record.At) {
					v.add(ChangeSkipped, name, "%s, connection %d: rev %d, version %d", e.t.Clients[s.record.Client].Name, s.record.Conn, rev, what.version)
				}
			}
		}
	}
	return passed, unknown
}

// areStored: whatever was acked or told is in the table, or what followed it.
func (c *changes) areStored(v *Verdict, room string, stored map[ID]State) {
	for s, rev := range c.acked {
		if now := stored[s.id]; now.Version < s.version || now.Rev < rev {
			v.add(ChangeNotStored, room, "version %d was acked with rev %d; stored is version %d with rev %d", s.version, rev, now.Version, now.Rev)
		}
	}
	for rev, s := range c.revs {
		if now := stored[s.id]; now.Rev < rev {
			v.add(ChangeNotStored, room, "version %d was told with rev %d; stored is version %d with rev %d", s.version, rev, now.Version, now.Rev)
		}
	}
}

// numbered: the conversation has counted as far as its changes go, and no
// number is lacking, but those of what was done and never answered nor told.
func (c *changes) numbered(v *Verdict, room string, t *Table, retold bool) (unknown int) {
	highest := uint32(0)
	for rev, s := range c.revs {
		highest = max(highest, rev)
		if f := c.written[s]; f != nil {
			f.revs++
		}
	}
	if highest != t.LastRev {
		v.add(RevGap, room, "the last change has rev %d, the conversation has counted %d", highest, t.LastRev)
	}
	unknown = int(highest) - len(c.revs)
	spare := 0
	for _, f := range c.written {
		spare += f.spare()
	}
	if !retold && unknown > spare {
		v.add(RevGap, room, "nobody knows %d of %d revs, and only %d changes may have been done without a word", unknown, highest, spare)
	}
	return unknown
}

// inTurn: each message has got its versions one after the other. It returns the
// revs of each message, ascending.
func (c *changes) inTurn(v *Verdict, room string) map[ID][]uint32 {
	revs, latest := map[ID][]uint32{}, map[ID]Version{}
	for _, rev := range slices.Sorted(maps.Keys(c.revs)) {
		s := c.revs[rev]
		if _, is := c.written[s]; !is {
			v.add(ChangeInvented, room, "rev %d has version %d, which nobody has sent", rev, s.version)
		}
		if s.version < latest[s.id] {
			v.add(ChangeUndone, room, "rev %d has version %d, and one before it %d", rev, s.version, latest[s.id])
		}
		latest[s.id] = max(latest[s.id], s.version)
		revs[s.id] = append(revs[s.id], rev)
	}
	return revs
}

// followed reports whether a message was changed again after rev, and by when:
// its author had sent that by then.
func (c *changes) followed(id ID, rev uint32, revs []uint32, by time.Duration) bool {
	at, is := slices.BinarySearch(revs, rev)
	if is {
		at++
	}
	for _, later := range revs[at:] {
		if f := c.written[saying{id, c.revs[later].version}]; f != nil && f.first <= by {
			return true
		}
	}
	return false
}

// content is what a client has of a message, of which it keeps what has the
// higher rev.
type content struct {
	rev     uint32
	version Version
}

func (w *witness) reads(r *Record) {
	if r.Rev > 0 && r.Rev >= w.contents[r.ID].rev {
		w.contents[r.ID] = content{r.Rev, r.Version}
	}
}

// changed takes a live change: they come in the order of rev, from the join's
// reply on.
func (w *witness) changed(e *evidence, r *Record) {
	w.reads(r)
	switch {
	case w.way == adrift:
	case w.way == apart:
		e.note(BeforeJoin, r, "a change, rev %d", r.Rev)
	case r.Rev > w.rev:
		e.changes[r.Room].skipped(r, w.rev+1, r.Rev-1)
		w.rev = r.Rev
	default:
		e.note(ChangeOrder, r, "connection %d: rev %d after %d", r.Conn, r.Rev, w.rev)
	}
}

// paged takes a change of a join's reply.
func (w *witness) paged(e *evidence, r *Record) {
	w.reads(r)
	if r.Rev <= w.page {
		e.note(ChangeOrder, r, "connection %d: a join brought rev %d after %d", r.Conn, r.Rev, w.page)
		return
	}
	e.changes[r.Room].skipped(r, w.page+1, r.Rev-1)
	w.page = r.Rev
}

// caughtUp: a join's reply had all up to this rev.
func (w *witness) caughtUp(e *evidence, r *Record) {
	e.changes[r.Room].skipped(r, w.page+1, r.Rev)
	w.page = max(w.page, r.Rev)
}

// ends holds what a member has in the end against the table.
func (w *witness) ends(v *Verdict, states []State) {
	missed := make([]State, 0, 1)
	for _, s := range states {
		// One that was changed to the same once more, after everybody had gone, says
		// what it said.
		if w.contents[s.ID].version != s.Version {
			missed = append(missed, s)
		}
	}
	slices.SortFunc(missed, func(a, b State) int { return cmp.Compare(a.Rev, b.Rev) })
	for _, s := range missed {
		has := w.contents[s.ID]
		v.add(ChangeMissed, w.room, "%s: has version %d, rev %d; stored is version %d, rev %d", w.name, has.version, has.rev, s.Version, s.Rev)
	}
}
