package judge

import (
	"fmt"
	"slices"
	"testing"
	"time"
)

// story writes the log of a run down, one client after the other taking part.
type story struct {
	Trial
	ids map[Key]ID
}

func (s *story) tell(client, conn uint32, kind Kind, k Key, seq uint32) {
	s.Records = append(s.Records, Record{
		Key: k, At: time.Duration(len(s.Records)), ID: s.ids[k], Client: client, Room: s.Clients[client].Room, Conn: conn, Seq: seq, Kind: kind,
	})
}

// The clients of an honest story: two who write, one who reads and loses its
// connection, and a stranger, all of one room; and one in a room of its own.
const (
	ann = iota
	bob
	eve
	stranger
	hermit
)

// faithful is a run that kept every promise: twelve messages by ann and bob in
// turns, of which eve misses four and fetches them after her return. She gets
// the first of them once more, and ann's first message is sent and acked
// twice. Ann edits her first message twice and bob his, of which eve misses all
// but the first edit and asks for them; then bob deletes his second one.
func faithful() *story {
	s := &story{ids: map[Key]ID{}, Trial: Trial{
		Rooms: []string{"room", "hermitage"},
		Clients: []Client{{"ann", 0, true}, {"bob", 0, true}, {"eve", 0, true}, {"stranger", 0, false},
			{"hermit", 1, true}},
		Tables: []Table{{Marks: map[string]int64{"eve": 12}}, {}},
		Words:  []string{"forbidden"},
	}}
	for c := range uint32(len(s.Clients)) {
		s.tell(c, 1, Opened, Key{}, 0)
		if s.Clients[c].Member {
			s.tell(c, 1, Joined, Key{}, 0)
		} else {
			s.tell(c, 1, Refused, Key{}, 0)
		}
	}
	for n := range uint32(12) {
		s.message(n)
		s.changes(n)
	}
	s.back(eve, 2, 5, 8)
	for n := uint32(8); n < 12; n++ {
		s.get(eve, 2, Received, n)
	}
	s.revise(3, 4, Gone, ann, bob, eve)
	s.tell(eve, 2, MarkKept, Key{}, 12)
	s.tell(eve, 2, MarkGot, Key{}, 12)
	s.tell(ann, 1, MarkHeard, Key{Sender: eve}, 4)
	s.tell(ann, 1, MarkHeard, Key{Sender: eve}, 12)
	return s
}

func keyOf(n uint32) Key { return Key{Sender: n % 2, N: n / 2} }

// message is sent, stored, acked and delivered to those who are there.
func (s *story) message(n uint32) {
	k, seq, writer := keyOf(n), n+1, n%2
	s.ids[k] = Fingerprint(fmt.Append(nil, "id-", n))
	s.Tables[0].Rows = append(s.Tables[0].Rows, Row{Key: k, Seq: int64(seq), ID: s.ids[k]})
	s.Tables[0].States = append(s.Tables[0].States, State{ID: s.ids[k]})
	s.tell(writer, 1, Kept, k, 0)
	s.tell(writer, 1, Emitted, k, 0)
	if n == 0 {
		s.tell(writer, 1, Emitted, k, 0)
		s.tell(writer, 1, AckGot, k, seq)
	}
	s.tell(writer, 1, AckGot, k, seq)
	s.get(ann, 1, Received, n)
	s.get(bob, 1, Received, n)
	if n < 5 {
		s.get(eve, 1, Received, n)
	}
	if n == 4 {
		s.tell(eve, 1, MarkKept, Key{}, 4)
		s.tell(eve, 1, MarkGot, Key{}, 4)
		s.tell(eve, 1, Closed, Key{}, 0)
	}
}

// get brings a message to a client, which shows it.
func (s *story) get(client, conn uint32, how Kind, n uint32) {
	s.tell(client, conn, how, keyOf(n), n+1)
	s.tell(client, conn, Shown, keyOf(n), n+1)
}

// back joins once more and fetches the messages from..to-1, and the one before
// them again.
func (s *story) back(client, conn, from, to uint32) {
	s.tell(client, conn, Opened, Key{}, 0)
	s.tell(client, conn, Joined, Key{N: 1}, to)
	s.last().Rev = 3
	s.hear(client, conn, ChangeFetched, 1, 2, 1)
	s.hear(client, conn, ChangeFetched, 0, 3, 2)
	s.tell(client, conn, CaughtUp, Key{}, 0)
	s.last().Rev = 3
	s.tell(client, conn, Fetched, keyOf(from-1), from)
	for n := from; n < to; n++ {
		s.get(client, conn, Fetched, n)
	}
}

// recover gives a client another connection right before it receives seq,
// which goes on with the session.
func (s *story) recover(client, seq uint32) {
	at := s.at(client, Received, seq)
	end := Record{Client: client, Room: s.Clients[client].Room, Conn: 1, Kind: Closed}
	begin, resumed := end, end
	begin.Conn, begin.Kind = 2, Opened
	resumed.Conn, resumed.Kind = 2, Resumed
	s.Records = slices.Insert(s.Records, at, end, begin, resumed)
}

// at finds a client's record.
func (s *story) at(client uint32, kind Kind, seq uint32) int {
	return slices.IndexFunc(s.Records, func(r Record) bool { return r.Client == client && r.Kind == kind && r.Seq == seq })
}

func (s *story) drop(client uint32, kind Kind, seq uint32) {
	at := s.at(client, kind, seq)
	s.Records = slices.Delete(s.Records, at, at+1)
}

func (s *story) swap(client uint32, kind Kind, a, b uint32) {
	i, j := s.at(client, kind, a), s.at(client, kind, b)
	s.Records[i], s.Records[j] = s.Records[j], s.Records[i]
}

func (s *story) again(client uint32, kind Kind, seq uint32) *Record {
	at := s.at(client, kind, seq)
	s.Records = slices.Insert(s.Records, at+1, s.Records[at])
	return &s.Records[at+1]
}

func (s *story) record(client uint32, kind Kind, seq uint32) *Record {
	return &s.Records[s.at(client, kind, seq)]
}

// unack takes back every ack of the message with this seq.
func (s *story) unack(seq uint32) {
	s.Records = slices.DeleteFunc(s.Records, func(r Record) bool { return r.Kind == AckGot && r.Seq == seq })
}

// unshow takes it back from everyone's eyes and wires.
func (s *story) unshow(seq uint32) {
	s.Records = slices.DeleteFunc(s.Records, func(r Record) bool {
		return r.Seq == seq && (r.Kind == Shown || r.Kind == Received || r.Kind == Fetched)
	})
}

func (s *story) unstore(seq int) { s.Tables[0].Rows = slices.Delete(s.Tables[0].Rows, seq-1, seq) }

func TestTrial_FindsNothingInAFaithfulRun(t *testing.T) {
	for name, forge := range map[string]func(s *story){
		"faithful":                          func(*story) {},
		"not acked, stored and shown":       func(s *story) { s.unack(12) },
		"not acked, in the middle":          func(s *story) { s.unack(7) },
		"never left the outbox":             func(s *story) { s.tell(ann, 1, Kept, Key{Sender: 0, N: 6}, 0) },
		"not acked, lost before the commit": func(s *story) { s.unack(12); s.unshow(12); s.unstore(12) },
		"refused for now":                   func(s *story) { s.tell(ann, 1, Deferred, Key{}, 0) },
		"a mark of a sender's, not stored yet, that moves back": func(s *story) {
			s.tell(ann, 1, MarkGot, Key{}, 11)
			s.tell(ann, 1, MarkGot, Key{}, 9)
		},
		"an end that nobody noticed":                     func(s *story) { s.drop(eve, Closed, 0) },
		"a connection that is recovered":                 func(s *story) { s.recover(bob, 7) },
		"recovered, the end of the one before unnoticed": func(s *story) { s.recover(bob, 7); s.drop(bob, Closed, 0) },
		"recovered while its join was on its way":        func(s *story) { s.recover(bob, 1); s.drop(bob, Joined, 0) },
	} {
		s := faithful()
		forge(s)
		if v, _ := s.Judge(); !v.OK() {
			t.Errorf("%s: broken: %v", name, v.Examples)
		}
	}
}

func TestTrial_CountsTheFacts(t *testing.T) {
	s := faithful()
	s.unack(12)
	s.tell(ann, 1, Deferred, Key{}, 0)
	s.tell(ann, 1, MarkGot, Key{}, 11)
	s.tell(ann, 1, MarkGot, Key{}, 9)
	s.recover(bob, 7)
	v, f := s.Judge()
	want := Facts{Sent: 12, Emitted: 13, Acked: 11, AckAgain: 1, Unacked: 1, Deferred: 1, Returns: 2, Resumed: 1, Live: 12 + 12 + 9, Fetched: 4, Repeats: 1, Marks: 2, MarksBack: 1,
		Changes: 4, ChangesHeard: 4 + 4 + 2, ChangesFetched: 2}
	if f != want {
		t.Errorf("facts\n%+v, want\n%+v", f, want)
	}
	if v.Rooms != 2 || v.Messages != 11 || v.Rows != 12 || v.Deliveries != 36 {
		t.Errorf("counted %+v", v)
	}
}

// TestTrial_FindsEachBrokenRule breaks one rule after the other, and nothing
// else.
func TestTrial_FindsEachBrokenRule(t *testing.T) {
	nobodys := Key{Sender: 9, N: 9}
	for _, c := range []struct {
		name  string
		forge func(s *story)
		want  Rule
	}{
		{"an ack that no commit stands behind", func(s *story) { s.unstore(12) }, NotStored},
		{"an ack of another seq", func(s *story) { s.Tables[0].Rows[2].ID++ }, StoredDiffers},
		{"a repeat that is acked anew", func(s *story) { s.again(ann, AckGot, 3).Seq = 13 }, AckedTwice},
		{"a repeat that is acked with another id", func(s *story) { s.again(ann, AckGot, 3).ID++ }, AckedTwice},
		{"an ack of what nobody sent", func(s *story) { s.tell(ann, 1, AckGot, nobodys, 99) }, AckedUnsent},
		{"a repeat that is stored anew", func(s *story) {
			s.Tables[0].Rows = append(s.Tables[0].Rows, Row{Key: keyOf(3), Seq: 13, ID: 1})
		}, StoredTwice},
		{"a message without an ack that is stored twice", func(s *story) {
			s.unack(12)
			s.Tables[0].Rows = append(s.Tables[0].Rows, Row{Key: keyOf(11), Seq: 13, ID: 1})
		}, StoredTwice},
		{"a row that nobody sent", func(s *story) {
			s.Tables[0].Rows = append(s.Tables[0].Rows, Row{Key: nobodys, Seq: 13})
		}, StoredUnsent},
		{"a seq that no row has", func(s *story) {
			// Nobody was told it live, so no connection has the gap.
			s.unack(12)
			s.Tables[0].Rows[11].Seq = 13
			for i := range s.Records {
				if r := &s.Records[i]; r.Seq == 12 && (r.Kind == Received || r.Kind == Shown) {
					r.Seq = 13
					if r.Kind == Received {
						r.Kind = Fetched
					}
				}
			}
		}, SeqGap},
		{"a message without an ack, told and not stored", func(s *story) { s.unack(12); s.unstore(12) }, Unbacked},
		{"one that eve never sees", func(s *story) { s.drop(eve, Shown, 7) }, Lost},
		{"one without an ack that is stored, and eve never sees it", func(s *story) {
			s.unack(7)
			s.drop(eve, Shown, 7)
		}, Lost},
		{"one that eve sees twice", func(s *story) { s.again(eve, Shown, 7) }, Doubled},
		{"one that nobody wrote", func(s *story) { s.tell(eve, 2, Shown, nobodys, 13) }, Invented},
		{"two that eve sees the wrong way round", func(s *story) { s.swap(eve, Shown, 6, 7) }, OutOfOrder},
		{"two that eve sees with each other's seq", func(s *story) { s.record(eve, Shown, 7).ID++ }, Differs},
		{"a hole in what bob's connection brings", func(s *story) { s.drop(bob, Received, 7) }, SilentGap},
		{"a hole that the end of the connection leaves", func(s *story) { s.drop(eve, Received, 4) }, SilentGap},
		{"a hole right behind the join", func(s *story) { s.drop(eve, Received, 9) }, SilentGap},
		{"two the wrong way round on the wire", func(s *story) { s.swap(bob, Received, 6, 7) }, WireOrder},
		{"one twice on the wire", func(s *story) { s.again(bob, Received, 7) }, WireDoubled},
		{"one live that the join had brought", func(s *story) { s.again(eve, Received, 9).Seq = 8 }, WireDoubled},
		{"one before the join's answer", func(s *story) {
			r := *s.record(eve, Received, 2)
			at := s.at(eve, Joined, 8)
			r.Conn = 2
			s.Records = slices.Insert(s.Records, at, r)
		}, BeforeJoin},
		{"a recovery that forgets one", func(s *story) { s.recover(bob, 7); s.drop(bob, Received, 7) }, SilentGap},
		{"a recovery that brings one again", func(s *story) { s.recover(bob, 7); s.again(bob, Received, 7).Seq = 6 }, WireDoubled},
		{"a new session that is live before its join", func(s *story) { s.recover(bob, 7); s.drop(bob, Resumed, 0) }, BeforeJoin},
		{"a mark that moves back", func(s *story) { s.tell(eve, 2, MarkGot, Key{}, 3) }, MarkBack},
		{"a mark that moves back in another's eyes", func(s *story) { s.tell(ann, 1, MarkHeard, Key{Sender: eve}, 3) }, MarkBack},
		{"a mark that is gone", func(s *story) { s.Tables[0].Marks["eve"] = 11 }, MarkNotStored},
		{"a refusal for good", func(s *story) { s.tell(ann, 1, Refused, Key{}, 0) }, Unexpected},
		{"a stranger who may join", func(s *story) { s.tell(stranger, 1, Joined, Key{}, 0) }, Leaked},
		{"a stranger who hears", func(s *story) { s.tell(stranger, 1, Received, keyOf(3), 4) }, Leaked},
		{"a stranger who may look back", func(s *story) { s.tell(stranger, 1, Fetched, keyOf(3), 4) }, Leaked},
		{"a stranger who may write", func(s *story) { s.tell(stranger, 1, AckGot, nobodys, 13) }, Leaked},
		{"a stranger who hears who has read", func(s *story) { s.tell(stranger, 1, MarkHeard, Key{Sender: eve}, 4) }, Leaked},
		{"a message of another room", func(s *story) {
			s.tell(hermit, 1, Received, keyOf(3), 4)
			s.Records[len(s.Records)-1].Room = 0
		}, Leaked},
		{"silence", func(s *story) {
			s.Records, s.Tables = nil, []Table{{}, {}}
		}, NothingHappens},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := faithful()
			c.forge(s)
			v, _ := s.Judge()
			if got := broken(&v); !slices.Equal(got, []Rule{c.want}) {
				t.Errorf("found %q, want %q: %v", got, c.want, v.Examples)
			}
		})
	}
}
