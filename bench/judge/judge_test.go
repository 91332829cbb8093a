package judge

import (
	"fmt"
	"slices"
	"testing"
)

// honest is a room that kept every rule: two senders, n messages each taken
// in turns, three members, and the table.
func honest(n uint32) Room {
	r := Room{ID: "room", HasRows: true}
	for i := range 2 * n {
		k := Key{Sender: i % 2, N: i / 2}
		id := Fingerprint(fmt.Append(nil, "id-", i))
		r.Sent = append(r.Sent, k)
		r.Acks = append(r.Acks, Ack{Key: k, Seq: i + 1, ID: id})
		r.Rows = append(r.Rows, Row{Key: k, Seq: int64(i) + 1, ID: id})
	}
	for _, name := range []string{"ann", "bob", "eve"} {
		m := Member{Name: name}
		for _, a := range r.Acks {
			m.Deliveries = append(m.Deliveries, Delivery(a))
		}
		r.Members = append(r.Members, m)
	}
	return r
}

func TestJudge_FindsNothingInAnHonestRun(t *testing.T) {
	v := Judge([]Room{honest(10), honest(3)})
	if !v.OK() {
		t.Fatalf("broken: %v, %v", v.Count, v.Examples)
	}
	if v.Rooms != 2 || v.Messages != 26 || v.Deliveries != 78 || v.Rows != 26 {
		t.Fatalf("counted %+v", v)
	}
}

func TestJudge_LooksAtNoRowsUnlessTheyWereRead(t *testing.T) {
	r := honest(4)
	r.Rows, r.HasRows = nil, false
	if v := Judge([]Room{r}); !v.OK() {
		t.Fatalf("broken: %v", v.Count)
	}
}

// TestJudge_FindsEachBrokenRule forges one log after the other.
func TestJudge_FindsEachBrokenRule(t *testing.T) {
	stranger := Key{Sender: 9, N: 9}
	for _, c := range []struct {
		name  string
		forge func(r *Room)
		want  []Rule // exactly these
	}{
		{"message without an ack, stored and delivered", func(r *Room) {
			r.Acks = slices.Delete(r.Acks, 19, 20)
		}, []Rule{NotAcked}},
		{"message without a trace", func(r *Room) {
			r.Sent = append(r.Sent, stranger)
		}, []Rule{NotAcked}},
		{"same ack twice", func(r *Room) {
			r.Acks = append(r.Acks, r.Acks[4])
		}, []Rule{AckedTwice}},
		{"second ack with another seq", func(r *Room) {
			r.Acks = append(r.Acks, Ack{Key: r.Acks[4].Key, Seq: 77, ID: r.Acks[4].ID})
		}, []Rule{AckedTwice}},
		{"ack of nothing", func(r *Room) {
			r.Acks = append(r.Acks, Ack{Key: stranger, Seq: 21})
		}, []Rule{AckedUnsent}},
		{"one seq for two", func(r *Room) {
			r.Acks[19].Seq = 19
		}, []Rule{SeqShared, Differs, StoredDiffers}},
		{"gap in seq, the same everywhere", func(r *Room) {
			r.Acks[19].Seq, r.Rows[19].Seq = 25, 25
			for i := range r.Members {
				r.Members[i].Deliveries[19].Seq = 25
			}
		}, []Rule{SeqGap}},
		{"seq that begins at 0", func(r *Room) {
			for i := range r.Acks {
				r.Acks[i].Seq--
				r.Rows[i].Seq--
				for j := range r.Members {
					r.Members[j].Deliveries[i].Seq--
				}
			}
		}, []Rule{SeqGap, OutOfOrder}},
		{"one member misses the first", func(r *Room) {
			r.Members[1].Deliveries = r.Members[1].Deliveries[1:]
		}, []Rule{Lost}},
		{"one member misses one in the middle", func(r *Room) {
			r.Members[1].Deliveries = slices.Delete(r.Members[1].Deliveries, 7, 8)
		}, []Rule{Lost}},
		{"one member misses the last", func(r *Room) {
			r.Members[2].Deliveries = r.Members[2].Deliveries[:19]
		}, []Rule{Lost}},
		{"one member gets nothing", func(r *Room) {
			r.Members[0].Deliveries = nil
		}, []Rule{Lost}},
		{"the same once more at once", func(r *Room) {
			d := &r.Members[2].Deliveries
			*d = slices.Insert(*d, 5, (*d)[5])
		}, []Rule{Doubled}},
		{"the same once more at the end", func(r *Room) {
			d := &r.Members[2].Deliveries
			*d = append(*d, (*d)[0])
		}, []Rule{Doubled}},
		{"message of another room", func(r *Room) {
			d := &r.Members[0].Deliveries
			*d = append(*d, Delivery{Key: stranger, Seq: 21})
		}, []Rule{Invented}},
		{"two swapped at one member", func(r *Room) {
			d := r.Members[0].Deliveries
			d[3], d[4] = d[4], d[3]
		}, []Rule{OutOfOrder}},
		{"two swapped at one member, seqs in order", func(r *Room) {
			d := r.Members[0].Deliveries
			d[3].Key, d[4].Key = d[4].Key, d[3].Key
		}, []Rule{Differs}},
		{"other id at one member", func(r *Room) {
			r.Members[0].Deliveries[3].ID++
		}, []Rule{Differs}},
		{"acked but not in the table", func(r *Room) {
			r.Rows = r.Rows[:19]
		}, []Rule{NotStored}},
		{"a hole in the table", func(r *Room) {
			r.Rows = slices.Delete(r.Rows, 7, 8)
		}, []Rule{NotStored, SeqGap}},
		{"twice in the table", func(r *Room) {
			r.Rows = append(r.Rows, Row{Key: r.Rows[3].Key, Seq: 21, ID: 1})
		}, []Rule{StoredTwice}},
		{"stored though nobody sent it", func(r *Room) {
			r.Rows = append(r.Rows, Row{Key: stranger, Seq: 21})
		}, []Rule{StoredUnsent}},
		{"stored under another id", func(r *Room) {
			r.Rows[3].ID++
		}, []Rule{StoredDiffers}},
		{"stored in another order", func(r *Room) {
			r.Rows[3].Seq, r.Rows[4].Seq = r.Rows[4].Seq, r.Rows[3].Seq
		}, []Rule{StoredDiffers}},
		{"error event", func(r *Room) {
			r.Unexpected = append(r.Unexpected, "ann: error rate_limited")
		}, []Rule{Unexpected}},
		{"silence", func(r *Room) {
			*r = Room{ID: "room", HasRows: true, Members: []Member{{Name: "ann"}}}
		}, []Rule{NothingHappens}},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := honest(10)
			c.forge(&r)
			l := ledger(&r, true)
			for form, v := range map[string]Verdict{"log": Judge([]Room{r}), "ledger": Audit([]*Ledger{l})} {
				if got := broken(&v); !slices.Equal(got, sorted(c.want)) {
					t.Errorf("%s: found %q, want %q: %v", form, got, c.want, v.Examples)
				}
				if v.OK() {
					t.Errorf("%s: OK() on a forged log", form)
				}
			}
		})
	}
}

func broken(v *Verdict) (rules []Rule) {
	for rule := range v.Count {
		rules = append(rules, rule)
	}
	return sorted(rules)
}

func sorted(rules []Rule) []Rule {
	slices.Sort(rules)
	return rules
}

func TestJudge_BoundsItsExamples(t *testing.T) {
	r := honest(1000)
	r.Members[0].Deliveries = nil
	v := Judge([]Room{r})
	if v.Count[Lost] != 2000 || len(v.Examples) != examplesPerRule {
		t.Fatalf("%d counted, %d examples", v.Count[Lost], len(v.Examples))
	}
}
