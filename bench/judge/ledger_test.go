package judge

import (
	"slices"
	"testing"
)

// ledger tells a room's story to a Ledger, one member after the other.
func ledger(r *Room, sequenced bool) *Ledger {
	l := NewLedger(r.ID, len(r.Members), sequenced)
	l.Rows, l.HasRows, l.Unexpected = r.Rows, r.HasRows, r.Unexpected
	seats := map[uint32]int{}
	for _, k := range r.Sent {
		if _, ok := seats[k.Sender]; !ok {
			seats[k.Sender] = l.AddSender(k.Sender)
		}
		for l.Sent(seats[k.Sender]) < k.N {
		}
	}
	for _, a := range r.Acks {
		l.Acked(seats[a.Sender], a)
	}
	for i, m := range r.Members {
		for _, d := range m.Deliveries {
			l.Delivered(i, d)
		}
	}
	return l
}

func TestLedger_FindsNothingInAnHonestRun(t *testing.T) {
	a, b := honest(10), honest(3)
	v := Audit([]*Ledger{ledger(&a, true), ledger(&b, true)})
	if !v.OK() {
		t.Fatalf("broken: %v, %v", v.Count, v.Examples)
	}
	if v.Rooms != 2 || v.Messages != 26 || v.Deliveries != 78 || v.Rows != 26 {
		t.Fatalf("counted %+v", v)
	}
}

// TestLedger_KnowsWhoHasLeftTheOrder is what a client that compares bytes
// relies on.
func TestLedger_KnowsWhoHasLeftTheOrder(t *testing.T) {
	l := NewLedger("room", 2, true)
	seat := l.AddSender(7)
	for n := range uint32(3) {
		l.Sent(seat)
		k := Key{Sender: 7, N: n}
		if !l.Acked(seat, Ack{Key: k, Seq: n + 1}) || l.Acked(seat, Ack{Key: k, Seq: n + 1}) != false {
			t.Fatal("the first ack is new, the second is not")
		}
		l.Delivered(0, Delivery{Key: k, Seq: n + 1})
	}
	l.Repeated(1)
	if l.Next(0) != 3 || l.Next(1) != 1 || !l.OnCourse(1) {
		t.Fatalf("at %d and %d, on course %t", l.Next(0), l.Next(1), l.OnCourse(1))
	}
	l.Delivered(1, Delivery{Key: Key{Sender: 7, N: 2}, Seq: 3})
	if l.OnCourse(1) || !l.OnCourse(0) {
		t.Error("who skips a message has left the order, and nobody else has")
	}
	v := Audit([]*Ledger{l})
	if got := broken(&v); !slices.Equal(got, sorted([]Rule{AckedTwice, Lost})) {
		t.Errorf("found %q: %v", got, v.Examples)
	}
}

// anonymous is an honest room of a server that tells neither seq nor id.
func anonymous(n uint32) Room {
	r := honest(n)
	r.Rows, r.HasRows = nil, false
	for i := range r.Acks {
		r.Acks[i].Seq, r.Acks[i].ID = 0, 0
	}
	for _, m := range r.Members {
		for i := range m.Deliveries {
			m.Deliveries[i].Seq, m.Deliveries[i].ID = 0, 0
		}
	}
	return r
}

// TestLedger_JudgesByTheOrderThatAllSaw is for servers without seq.
func TestLedger_JudgesByTheOrderThatAllSaw(t *testing.T) {
	for _, c := range []struct {
		name  string
		forge func(r *Room)
		want  []Rule
	}{
		{"honest", func(*Room) {}, nil},
		{"ids in deliveries alone", func(r *Room) {
			for _, m := range r.Members {
				for i := range m.Deliveries {
					m.Deliveries[i].ID = ID(i + 1)
				}
			}
		}, nil},
		{"another id in the ack", func(r *Room) {
			r.Acks[4].ID = 9
			for _, m := range r.Members {
				m.Deliveries[4].ID = 8
			}
		}, []Rule{Differs}},
		{"not acked", func(r *Room) { r.Acks = r.Acks[:19] }, []Rule{NotAcked}},
		{"acked twice", func(r *Room) { r.Acks = append(r.Acks, r.Acks[0]) }, []Rule{AckedTwice}},
		{"lost by one", func(r *Room) {
			r.Members[1].Deliveries = slices.Delete(r.Members[1].Deliveries, 7, 8)
		}, []Rule{Lost}},
		{"lost by all", func(r *Room) {
			for i := range r.Members {
				r.Members[i].Deliveries = slices.Delete(r.Members[i].Deliveries, 7, 8)
			}
		}, []Rule{Lost}},
		{"doubled at the first", func(r *Room) {
			d := &r.Members[0].Deliveries
			*d = slices.Insert(*d, 5, (*d)[5])
		}, []Rule{Doubled}},
		{"doubled at the last", func(r *Room) {
			d := &r.Members[2].Deliveries
			*d = append(*d, (*d)[3])
		}, []Rule{Doubled}},
		{"swapped at one", func(r *Room) {
			d := r.Members[1].Deliveries
			d[3], d[4] = d[4], d[3]
		}, []Rule{OutOfOrder}},
		{"invented", func(r *Room) {
			d := &r.Members[1].Deliveries
			*d = append(*d, Delivery{Key: Key{Sender: 9, N: 9}})
		}, []Rule{Invented}},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := anonymous(10)
			c.forge(&r)
			v := Audit([]*Ledger{ledger(&r, false)})
			if got := broken(&v); !slices.Equal(got, sorted(c.want)) {
				t.Errorf("found %q, want %q: %v", got, c.want, v.Examples)
			}
		})
	}
}
