package judge

import (
	"fmt"
	"time"
)

// Kind says what a Record tells.
type Kind uint8

// The kinds.
const (
	// Kept: a client took a message into its outbox. Key.
	Kept Kind = iota + 1
	// Emitted: it wrote a message to its connection, for the first time or
	// again. Key.
	Emitted
	// AckGot: a message_ack or a reply that says "sent". Key, Seq, ID.
	AckGot
	// Deferred: a refusal that may pass, of any request.
	Deferred
	// Refused: a refusal that does not. Seq is the number of the request's
	// word in Trial.Words.
	Refused
	// Opened: a connection is there. The client's number of it is in Conn of
	// this record and of those that came over it.
	Opened
	// Joined: a join was answered. Seq is the conversation's last, Rev that of its
	// last change, and N the rev behind which the client had asked for changes.
	Joined
	// Received: a live message, as it came. Key, Seq, ID, Rev, Version.
	Received
	// Fetched: a message of a join's reply or of a page of history. Key, Seq,
	// ID, Rev, Version.
	Fetched
	// Shown: the client put a message at the end of what its user sees. Key,
	// Seq, ID.
	Shown
	// MarkGot: the server told this client's own read mark. Seq.
	MarkGot
	// MarkKept: a mark_read for Seq was answered.
	MarkKept
	// MarkHeard: an event told another one's. Seq; Sender is its place in
	// Trial.Clients.
	MarkHeard
	// Closed: the connection is gone.
	Closed
	// Resumed: the connection, just opened, goes on with the session of the
	// one before, and what that one missed is to follow.
	Resumed
	// Changing: a client wrote an edit or a deletion of its own message to its
	// connection, for the first time or again. Key, ID, Version.
	Changing
	// Changed: a reply that says that it is done. Key, Seq, ID, Version; Rev of an
	// edit, since a deletion's has none.
	Changed
	// ChangeHeard: a live edit or deletion, as it came. Key where it has one, Seq,
	// ID, Rev, Version.
	ChangeHeard
	// ChangeFetched: one of a join's reply, by which the client asks on. Key, Seq,
	// ID, Rev, Version.
	ChangeFetched
	// CaughtUp: the joins' replies had all changes up to Rev.
	CaughtUp
)

// Record is one thing that happened at one client. Those of one client stand
// in the order in which they happened.
type Record struct {
	Key
	// At is the time since the log began, by a monotonic clock.
	At     time.Duration
	ID     ID
	Client uint32 // its place in Trial.Clients
	Room   uint32 // its place in Trial.Rooms
	Conn   uint32 // the client's connections are 1, 2, 3...
	Seq    uint32
	// Rev and Version are of a message that was changed.
	Rev     uint32
	Version Version
	Kind    Kind
}

// Client is who a Record speaks of.
type Client struct {
	Name string
	// Room is the place in Trial.Rooms of the one conversation that it has to
	// do with.
	Room uint32
	// Member: it may read and write there. Nothing may reach it otherwise.
	Member bool
}

// Table is what the database says of one conversation, after the run.
type Table struct {
	Rows []Row
	// Marks are the stored read marks by user.
	Marks map[string]int64
	// States are what the messages say, and LastRev how far the conversation has
	// counted its edits and deletions.
	States  []State
	LastRev uint32
}

// Trial is a whole run: who took part, what happened, and what is stored.
type Trial struct {
	Rooms   []string
	Clients []Client
	Records []Record
	// Tables are by place in Rooms.
	Tables []Table
	// Words are what Refused records point at.
	Words []string
	// Retold: the servers tell each other again what one of them has not answered,
	// so that a change may be done more than once though it was sent once.
	Retold bool
}

// The rules of a Trial that a Room knows nothing of.
const (
	SilentGap     Rule = "a connection skipped a message and nothing said so"
	WireOrder     Rule = "a connection brought messages in another order than that of seq"
	WireDoubled   Rule = "a connection brought a message twice"
	BeforeJoin    Rule = "a connection brought a message before the join was answered"
	MarkBack      Rule = "a read mark moved back behind one that was confirmed or told to others"
	MarkNotStored Rule = "a read mark that was confirmed is not in the table"
	Leaked        Rule = "something reached one who is no member"
)

// Facts are counted, not judged.
type Facts struct {
	Sent     int `json:"sent"`
	Emitted  int `json:"emitted"`
	Acked    int `json:"acked"`
	AckAgain int `json:"ackedAgain"` // the same ack once more: as an event beside the reply, or to a repeat
	Unacked  int `json:"unacked"`
	Deferred int `json:"deferred"`
	Returns  int `json:"returns"` // connections made after the first
	Resumed  int `json:"resumed"` // those of them that were recovered
	Live     int `json:"live"`
	Fetched  int `json:"fetched"`
	// Repeats are messages that a client got though it had them: what it
	// removes by id.
	Repeats int `json:"repeats"`
	Marks   int `json:"marks"`
	// MarksBack are marks that were told below one told before, though not
	// below one that was confirmed: sending moves the sender's own mark, and
	// that need not be stored yet.
	MarksBack int `json:"marksBack"`
	// Changes are edits and deletions, ChangesAgain the times that one was sent
	// again, Unchanged those that were never acked.
	Changes        int `json:"changes"`
	ChangesAgain   int `json:"changesAgain"`
	Unchanged      int `json:"unchanged"`
	ChangesHeard   int `json:"changesHeard"`
	ChangesFetched int `json:"changesFetched"`
	// PassedOver are changes that a connection did not bring among the live ones,
	// since the message was changed again before. RevsUnknown are those that nobody heard of.
	PassedOver  int `json:"passedOver"`
	RevsUnknown int `json:"revsUnknown"`
}

// Judge looks at the whole run. A message that was not acked is no broken
// rule; Facts say how many there are.
func (t *Trial) Judge() (Verdict, Facts) {
	e := t.evidence()
	v := Verdict{Rooms: len(t.Rooms)}
	for i := range t.Rooms {
		v.room(&e.rooms[i])
	}
	for i, c := range e.changes {
		passed, unknown := c.end(e, &v, i, t.Retold)
		e.facts.PassedOver += passed
		e.facts.RevsUnknown += unknown
		e.facts.Unchanged += len(c.written) - len(c.acked)
	}
	for i := range e.clients {
		w := &e.clients[i]
		w.end(&v)
		if t.Clients[i].Member {
			w.ends(&v, t.Tables[t.Clients[i].Room].States)
		}
	}
	for _, f := range e.found {
		v.add(f.Rule, f.Room, "%s", f.Detail)
	}
	v.finish()
	return v, e.facts
}

// evidence is a Trial's log on its way to a verdict.
type evidence struct {
	t       *Trial
	rooms   []Room
	acks    []map[Key]Ack
	shown   []int // by client: its place among its room's members
	clients []witness
	changes []*changes
	found   []Violation
	facts   Facts
}

func (t *Trial) evidence() *evidence {
	e := &evidence{t: t, rooms: make([]Room, len(t.Rooms)), acks: make([]map[Key]Ack, len(t.Rooms)),
		shown: make([]int, len(t.Clients)), clients: make([]witness, len(t.Clients))}
	for i, id := range t.Rooms {
		e.rooms[i] = Room{ID: id, Partial: true, HasRows: true, Rows: t.Tables[i].Rows}
		e.acks[i] = map[Key]Ack{}
		e.changes = append(e.changes, newChanges())
	}
	for i, c := range t.Clients {
		e.clients[i] = witness{name: c.Name, room: t.Rooms[c.Room], stored: t.Tables[c.Room].Marks[c.Name], known: map[ID]struct{}{}, heard: map[uint32]uint32{},
			contents: map[ID]content{}}
		if c.Member {
			r := &e.rooms[c.Room]
			e.shown[i] = len(r.Members)
			r.Members = append(r.Members, Member{Name: c.Name})
		}
	}
	for i := range t.Records {
		e.take(&t.Records[i])
	}
	e.facts.Unacked = e.facts.Sent - e.facts.Acked
	return e
}

func (e *evidence) note(rule Rule, r *Record, format string, args ...any) {
	e.found = append(e.found, Violation{Rule: rule, Room: e.t.Rooms[r.Room], Detail: e.t.Clients[r.Client].Name + ": " + fmt.Sprintf(format, args...)})
}

// take puts a record where the rules want it.
func (e *evidence) take(r *Record) {
	c := &e.t.Clients[r.Client]
	w := &e.clients[r.Client]
	if !c.Member || r.Room != c.Room {
		e.stranger(r)
		return
	}
	room := &e.rooms[r.Room]
	switch r.Kind {
	case Kept:
		e.facts.Sent++
		room.Sent = append(room.Sent, r.Key)
	case Emitted:
		e.facts.Emitted++
	case AckGot:
		e.ack(r, room)
	case Deferred:
		e.facts.Deferred++
	case Refused:
		room.Unexpected = append(room.Unexpected, c.Name+": refused: "+e.t.Words[r.Seq])
	case Opened:
		if r.Conn > 1 {
			e.facts.Returns++
		}
		w.opened(e, r)
	case Resumed:
		e.facts.Resumed++
		w.resumed()
	case Joined:
		w.joined(r)
	case Received:
		e.facts.Live++
		e.changes[r.Room].told(r)
		w.received(e, r)
	case Fetched:
		e.facts.Fetched++
		e.changes[r.Room].told(r)
		w.got(e, r)
	case Shown:
		m := &room.Members[e.shown[r.Client]]
		m.Deliveries = append(m.Deliveries, Delivery{Key: r.Key, Seq: r.Seq, ID: r.ID})
	case MarkGot:
		w.mark(e, r)
	case MarkKept:
		e.facts.Marks++
		w.confirmed = max(w.confirmed, r.Seq)
	case MarkHeard:
		w.hears(e, r)
	case Closed:
		w.closed(e, r)
	case Changing, Changed, ChangeHeard, ChangeFetched, CaughtUp:
		e.change(r, w)
	}
}

// change takes a record of an edit or a deletion.
func (e *evidence) change(r *Record, w *witness) {
	c := e.changes[r.Room]
	switch r.Kind {
	case Changing:
		if c.emitted(r) {
			e.facts.Changes++
		} else {
			e.facts.ChangesAgain++
		}
	case Changed:
		c.answered(r)
		w.reads(r)
	case ChangeHeard:
		e.facts.ChangesHeard++
		c.told(r)
		w.changed(e, r)
	case ChangeFetched:
		e.facts.ChangesFetched++
		c.told(r)
		w.paged(e, r)
	case CaughtUp:
		w.caughtUp(e, r)
	}
}

// stranger takes a record of one who is no member, or of another conversation
// than a member's own. To connect and to be refused is all that may happen.
func (e *evidence) stranger(r *Record) {
	switch r.Kind {
	case AckGot, Joined, Received, Fetched, Shown, MarkGot, MarkKept, MarkHeard, Changed, ChangeHeard, ChangeFetched, CaughtUp:
		e.note(Leaked, r, "kind %d, message %s, seq %d", r.Kind, r.Key, r.Seq)
	case Kept, Emitted, Deferred, Refused, Opened, Closed, Resumed, Changing:
	}
}

// ack takes the first ack of a message, and a further one only when it
// differs: a message that was sent again is answered again.
func (e *evidence) ack(r *Record, room *Room) {
	ack := Ack{Key: r.Key, Seq: r.Seq, ID: r.ID}
	first, again := e.acks[r.Room][r.Key]
	switch {
	case !again:
		e.facts.Acked++
		e.acks[r.Room][r.Key] = ack
	case first == ack:
		e.facts.AckAgain++
		return
	}
	room.Acks = append(room.Acks, ack)
}
