package judge

import "fmt"

// Ledger is what happens in one room, kept small: the order of messages once
// for all members, and for each member how far along it is. A member that
// leaves that order is written down word for word from there on. So a Ledger
// is a Room in another form, and has the same verdict.
type Ledger struct {
	id string
	// sequenced: deliveries and acks carry seq and id. Without it the one
	// order is what the members themselves saw first.
	sequenced bool
	order     []Delivery
	next      []uint32 // by member
	astray    map[int][]Delivery
	senders   []ledgerSender
	strange   []Ack // acks that no slot is for

	// Rows are the table's; they count when HasRows is set.
	Rows    []Row
	HasRows bool
	// Unexpected are events that had no business here, in words.
	Unexpected []string
}

type ledgerSender struct {
	number uint32
	acks   []ledgerAck // by message: as many as were sent
}

type ledgerAck struct {
	seq   uint32
	times uint32
	id    ID
}

// NewLedger is a room with so many members.
func NewLedger(id string, members int, sequenced bool) *Ledger {
	return &Ledger{id: id, sequenced: sequenced, next: make([]uint32, members)}
}

// ID is the room's.
func (l *Ledger) ID() string { return l.id }

// AddSender gives a sender a seat in this room, for Sent and Acked.
func (l *Ledger) AddSender(number uint32) (seat int) {
	l.senders = append(l.senders, ledgerSender{number: number})
	return len(l.senders) - 1
}

// Sent notes that a sender has emitted its next message and returns the
// message's number.
func (l *Ledger) Sent(seat int) (n uint32) {
	s := &l.senders[seat]
	s.acks = append(s.acks, ledgerAck{})
	return uint32(len(s.acks) - 1)
}

// Acked notes an ack and reports whether it is the first of a message that
// was sent.
func (l *Ledger) Acked(seat int, a Ack) bool {
	s := &l.senders[seat]
	if a.Sender != s.number || int(a.N) >= len(s.acks) {
		l.strange = append(l.strange, a)
		return false
	}
	slot := &s.acks[a.N]
	if slot.times > 0 {
		l.strange = append(l.strange, a)
		return false
	}
	*slot = ledgerAck{seq: a.Seq, times: 1, id: a.ID}
	return true
}

// Next is the place in the room's order of what a member will get next.
func (l *Ledger) Next(member int) uint32 { return l.next[member] }

// Repeated notes that a member got what another member got at the place that
// Next says. Only who has compared the bytes may say so.
func (l *Ledger) Repeated(member int) { l.next[member]++ }

// Delivered notes a delivery.
func (l *Ledger) Delivered(member int, d Delivery) {
	at := l.next[member]
	if rest, is := l.astray[member]; is {
		l.astray[member] = append(rest, d)
		return
	}
	switch {
	case int(at) == len(l.order):
		l.order = append(l.order, d)
		l.next[member]++
	case l.order[at] == d:
		l.next[member]++
	default:
		if l.astray == nil {
			l.astray = map[int][]Delivery{}
		}
		l.astray[member] = []Delivery{d}
	}
}

// OnCourse reports that a member has not left the order, so that Next and
// Repeated have a meaning.
func (l *Ledger) OnCourse(member int) bool {
	if l.astray == nil {
		return true
	}
	_, is := l.astray[member]
	return !is
}

// Audit looks at every room, as Judge does.
func Audit(ledgers []*Ledger) Verdict {
	v := Verdict{Rooms: len(ledgers)}
	for _, l := range ledgers {
		if !v.clean(l) {
			room := l.room()
			v.room(&room)
		}
	}
	v.finish()
	return v
}

// clean counts a room in that has kept every rule. It says no when it is not
// sure; then the whole log is looked at.
func (v *Verdict) clean(l *Ledger) bool {
	if len(l.astray)+len(l.strange)+len(l.Unexpected) > 0 {
		return false
	}
	for _, next := range l.next {
		if int(next) != len(l.order) {
			return false
		}
	}
	if !l.agrees() || l.HasRows && !l.stored() {
		return false
	}
	v.Messages += int64(len(l.order))
	v.Deliveries += int64(len(l.order)) * int64(len(l.next))
	v.Rows += int64(len(l.Rows))
	return true
}

// agrees reports that the order has each message that was sent once, as its
// ack says.
func (l *Ledger) agrees() bool {
	seats := make(map[uint32]int, len(l.senders))
	seen := make([][]bool, len(l.senders))
	sent := 0
	for i := range l.senders {
		seats[l.senders[i].number], seen[i] = i, make([]bool, len(l.senders[i].acks))
		sent += len(seen[i])
	}
	if sent != len(l.order) || len(seats) != len(l.senders) {
		return false
	}
	for i, d := range l.order {
		seat, ok := seats[d.Sender]
		if !ok || int(d.N) >= len(seen[seat]) || seen[seat][d.N] {
			return false
		}
		seen[seat][d.N] = true
		ack := l.senders[seat].acks[d.N]
		if ack.times != 1 || l.sequenced && (d.Seq != uint32(i)+1 || ack.seq != d.Seq) || !l.sameID(ack.id, d.ID) {
			return false
		}
	}
	return true
}

// sameID compares, where both are known: a server that is not sequenced may
// tell ids in one place only.
func (l *Ledger) sameID(a, b ID) bool { return a == b || !l.sequenced && (a == 0 || b == 0) }

// stored reports that the rows are the order.
func (l *Ledger) stored() bool {
	if len(l.Rows) != len(l.order) {
		return false
	}
	for i, d := range l.order {
		if r := l.Rows[i]; r.Key != d.Key || r.Seq != int64(d.Seq) || r.ID != d.ID {
			return false
		}
	}
	return true
}

// room writes everything out.
func (l *Ledger) room() Room {
	r := Room{ID: l.id, Rows: l.Rows, HasRows: l.HasRows, Unexpected: l.Unexpected}
	for _, s := range l.senders {
		for n, a := range s.acks {
			k := Key{Sender: s.number, N: uint32(n)}
			r.Sent = append(r.Sent, k)
			if a.times > 0 {
				r.Acks = append(r.Acks, Ack{Key: k, Seq: a.seq, ID: a.id})
			}
		}
	}
	r.Acks = append(r.Acks, l.strange...)
	for i, next := range l.next {
		m := Member{Name: fmt.Sprintf("member %d", i), Deliveries: l.order[:next:next]}
		m.Deliveries = append(m.Deliveries, l.astray[i]...)
		r.Members = append(r.Members, m)
	}
	if !l.sequenced {
		l.number(&r)
	}
	return r
}

// number gives the messages of a server without seq the places at which they
// were first seen, everywhere.
func (l *Ledger) number(r *Room) {
	type place struct {
		seq uint32
		id  ID
	}
	places := make(map[Key]place, len(l.order))
	see := func(deliveries []Delivery) {
		for _, d := range deliveries {
			if _, known := places[d.Key]; !known {
				places[d.Key] = place{seq: uint32(len(places)) + 1, id: d.ID}
			}
		}
	}
	see(l.order)
	for i := range l.next {
		see(l.astray[i])
	}
	for i := range r.Members {
		numbered := make([]Delivery, 0, len(r.Members[i].Deliveries))
		for _, d := range r.Members[i].Deliveries {
			d.Seq = places[d.Key].seq
			numbered = append(numbered, d)
		}
		r.Members[i].Deliveries = numbered
	}
	for i := range r.Acks {
		a := &r.Acks[i]
		p, known := places[a.Key]
		if !known { // nobody got it: it is last, whatever else
			p = place{seq: uint32(len(places)) + 1, id: a.ID}
			places[a.Key] = p
		}
		a.Seq = p.seq
		if l.sameID(a.ID, p.id) {
			a.ID = p.id
		}
	}
}
