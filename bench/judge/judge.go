package judge

import (
	"cmp"
	"fmt"
	"hash/maphash"
	"slices"
)

// Key names a message of a run: the sender's number and the message's number
// with that sender. It is what the tempId is made of.
type Key struct {
	Sender uint32
	N      uint32
}

// String gives the key as tempIds have it.
func (k Key) String() string { return fmt.Sprintf("%d-%d", k.Sender, k.N) }

var seed = maphash.MakeSeed()

// ID stands for a message id: a fingerprint, since millions are kept. It
// compares within one process only.
type ID uint64

// Fingerprint makes the ID of a message id.
func Fingerprint(messageID []byte) ID { return ID(maphash.Bytes(seed, messageID)) }

// Ack is one `message_ack` with status "sent".
type Ack struct {
	Key
	Seq uint32
	ID  ID
}

// Delivery is one `new_message`, or one message of a page that a client
// fetched to catch up.
type Delivery struct {
	Key
	Seq uint32
	ID  ID
}

// Member is one client's view of its room. Deliveries are in the order in
// which the client saw them.
type Member struct {
	Name       string
	Deliveries []Delivery
}

// Row is one row of the message table.
type Row struct {
	Key
	Seq int64
	ID  ID
}

// Room is everything that is known of one conversation.
type Room struct {
	ID string
	// Sent are the messages that were emitted, each once however often it
	// was emitted again.
	Sent    []Key
	Acks    []Ack
	Members []Member
	// Rows are the table's; they count when HasRows is set.
	Rows    []Row
	HasRows bool
	// Partial: the run may have ended before every message was acked. One that
	// was not is stored once or not at all; if it is, everyone gets it.
	Partial bool
	// Unexpected are events that had no business here, in words.
	Unexpected []string
}

// Rule names what was broken.
type Rule string

// The rules.
const (
	NotAcked       Rule = "a message was never acked"
	AckedTwice     Rule = "a message was acked more than once"
	AckedUnsent    Rule = "an ack for a message that nobody sent"
	SeqShared      Rule = "two messages got the same seq"
	SeqGap         Rule = "seq is not 1, 2, 3... without gaps"
	Lost           Rule = "a member did not get a message"
	Doubled        Rule = "a member got a message more than once"
	Invented       Rule = "a member got a message that nobody sent"
	OutOfOrder     Rule = "a member got messages in another order than that of seq"
	Differs        Rule = "a member saw another seq or id than the ack or the table says"
	NotStored      Rule = "an acked message is not in the table"
	StoredTwice    Rule = "a message is in the table more than once"
	StoredUnsent   Rule = "the table has a message that nobody sent"
	StoredDiffers  Rule = "the table has another seq or id than the ack says"
	Unbacked       Rule = "a member got a message that is neither acked nor in the table"
	Unexpected     Rule = "something came that should not"
	NothingHappens Rule = "no message was acked at all"
)

// Violation is one instance of a broken rule.
type Violation struct {
	Rule   Rule   `json:"rule"`
	Room   string `json:"room"`
	Detail string `json:"detail"`
}

// Verdict is the outcome of a run.
type Verdict struct {
	Rooms      int   `json:"rooms"`
	Messages   int64 `json:"messages"`
	Deliveries int64 `json:"deliveries"`
	Rows       int64 `json:"rows"`
	// Count says how often each rule was broken; empty: never.
	Count map[Rule]int `json:"count,omitempty"`
	// Examples are the first few of each rule.
	Examples []Violation `json:"examples,omitempty"`
}

// OK reports that no rule was broken.
func (v *Verdict) OK() bool { return len(v.Count) == 0 }

const examplesPerRule = 5

// Add notes a broken rule that somebody else has found.
func (v *Verdict) Add(rule Rule, room, detail string) { v.add(rule, room, "%s", detail) }

func (v *Verdict) add(rule Rule, room, format string, args ...any) {
	if v.Count == nil {
		v.Count = map[Rule]int{}
	}
	v.Count[rule]++
	if v.Count[rule] <= examplesPerRule {
		v.Examples = append(v.Examples, Violation{Rule: rule, Room: room, Detail: fmt.Sprintf(format, args...)})
	}
}

// Judge looks at every room. A run without a single ack is no proof of
// anything, so that is a violation too.
func Judge(rooms []Room) Verdict {
	v := Verdict{Rooms: len(rooms)}
	for i := range rooms {
		v.room(&rooms[i])
	}
	v.finish()
	return v
}

func (v *Verdict) finish() {
	if v.Messages == 0 {
		v.add(NothingHappens, "", "%d rooms", v.Rooms)
	}
	slices.SortStableFunc(v.Examples, func(a, b Violation) int { return cmp.Compare(a.Rule, b.Rule) })
}

// known is what the acks and the table say about one message.
type known struct {
	ack    Ack
	acked  int
	row    Row
	stored bool
}

// truth is where the message stands: as it was acked, or else as it is
// stored.
func (k *known) truth() (seq int64, id ID, ok bool) {
	if k.acked > 0 {
		return int64(k.ack.Seq), k.ack.ID, true
	}
	return k.row.Seq, k.row.ID, k.stored
}

func (v *Verdict) room(r *Room) {
	messages := make(map[Key]*known, len(r.Sent))
	for _, k := range r.Sent {
		messages[k] = &known{}
	}
	v.acks(r, messages)
	v.Messages += int64(len(r.Acks))
	if r.HasRows {
		v.rows(r, messages)
		v.Rows += int64(len(r.Rows))
	}
	for i := range r.Members {
		v.member(r, &r.Members[i], messages)
		v.Deliveries += int64(len(r.Members[i].Deliveries))
	}
	for _, what := range r.Unexpected {
		v.add(Unexpected, r.ID, "%s", what)
	}
}

// acks fills messages and checks that they are acked once each, with the seqs
// 1..n when all are acked.
func (v *Verdict) acks(r *Room, messages map[Key]*known) {
	bySeq := make(map[uint32]Key, len(r.Acks))
	for _, a := range r.Acks {
		m := messages[a.Key]
		if m == nil {
			v.add(AckedUnsent, r.ID, "message %s", a.Key)
			continue
		}
		if m.acked++; m.acked > 1 {
			v.add(AckedTwice, r.ID, "message %s: seq %d, then %d", a.Key, m.ack.Seq, a.Seq)
			continue
		}
		m.ack = a
		if other, taken := bySeq[a.Seq]; taken {
			v.add(SeqShared, r.ID, "seq %d: messages %s and %s", a.Seq, other, a.Key)
		}
		bySeq[a.Seq] = a.Key
	}
	if r.Partial {
		return // the table knows all the seqs
	}
	for _, k := range r.Sent {
		if messages[k].acked == 0 {
			v.add(NotAcked, r.ID, "message %s", k)
		}
	}
	for seq := range uint32(len(bySeq)) { //nolint:gosec // far fewer than 2^32
		if _, ok := bySeq[seq+1]; !ok {
			v.add(SeqGap, r.ID, "%d acks, and none has seq %d", len(bySeq), seq+1)
			break
		}
	}
}

// member checks that one member got every acked or stored message once, in the
// order of seq, as the ack or the table says, and no other. Since all are held against the same acks, one order at
// each means the same order at all.
func (v *Verdict) member(r *Room, m *Member, messages map[Key]*known) {
	seen := make(map[Key]struct{}, len(m.Deliveries))
	last := uint32(0)
	for _, d := range m.Deliveries {
		k := messages[d.Key]
		if k == nil {
			v.add(Invented, r.ID, "%s: message %s, seq %d", m.Name, d.Key, d.Seq)
			continue
		}
		if _, twice := seen[d.Key]; twice {
			v.add(Doubled, r.ID, "%s: message %s, seq %d", m.Name, d.Key, d.Seq)
			continue
		}
		seen[d.Key] = struct{}{}
		if d.Seq <= last {
			v.add(OutOfOrder, r.ID, "%s: message %s, seq %d after %d", m.Name, d.Key, d.Seq, last)
		}
		last = max(last, d.Seq)
		seq, id, ok := k.truth()
		switch {
		case !ok && r.HasRows:
			v.add(Unbacked, r.ID, "%s: message %s, seq %d", m.Name, d.Key, d.Seq)
		case ok && (seq != int64(d.Seq) || id != d.ID):
			v.add(Differs, r.ID, "%s: message %s came as seq %d, not %d; same id: %t", m.Name, d.Key, d.Seq, seq, id == d.ID)
		}
	}
	for _, k := range r.Sent {
		if _, got := seen[k]; !got {
			if seq, _, ok := messages[k].truth(); ok {
				v.add(Lost, r.ID, "%s: message %s, seq %d", m.Name, k, seq)
			}
		}
	}
}

// rows checks that the table says what the acks say.
func (v *Verdict) rows(r *Room, messages map[Key]*known) {
	stored := make(map[Key]struct{}, len(r.Rows))
	seqs := make(map[int64]struct{}, len(r.Rows))
	for _, row := range r.Rows {
		seqs[row.Seq] = struct{}{}
		k := messages[row.Key]
		if k == nil {
			v.add(StoredUnsent, r.ID, "message %s, seq %d", row.Key, row.Seq)
			continue
		}
		if _, twice := stored[row.Key]; twice {
			v.add(StoredTwice, r.ID, "message %s, seq %d", row.Key, row.Seq)
			continue
		}
		stored[row.Key] = struct{}{}
		k.row, k.stored = row, true
		if k.acked > 0 && (int64(k.ack.Seq) != row.Seq || k.ack.ID != row.ID) {
			v.add(StoredDiffers, r.ID, "message %s is stored as seq %d, acked as %d; same id: %t", row.Key, row.Seq, k.ack.Seq, k.ack.ID == row.ID)
		}
	}
	for _, k := range r.Sent {
		if _, ok := stored[k]; !ok && messages[k].acked > 0 {
			v.add(NotStored, r.ID, "message %s, seq %d", k, messages[k].ack.Seq)
		}
	}
	for seq := range int64(len(r.Rows)) {
		if _, ok := seqs[seq+1]; !ok {
			v.add(SeqGap, r.ID, "%d rows, and none has seq %d", len(r.Rows), seq+1)
			break
		}
	}
}
