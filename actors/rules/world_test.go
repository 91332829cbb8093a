package rules_test

import (
	"encoding/json"
	"slices"
	"time"

	"pgregory.net/rapid"

	"github.com/corrillo/corrillo/actors/message"
	"github.com/corrillo/corrillo/actors/rules"
	"github.com/corrillo/corrillo/repo"
	"github.com/corrillo/corrillo/wire"
)

// world plays a conversation's surroundings at random: people, a store that
// fails, is fenced by another node, answers late or to an earlier life, and a
// relay that fetches what it is told it has missed. What must hold is checked
// at every step and, once all has come to rest, as a whole.
type world struct {
	t       *rapid.T
	c       *rules.Conversation
	id      string
	o       rules.Options
	now     time.Time
	skew    time.Duration // of the clock on the wall, which people adjust
	table   *table
	stale   []*repo.Group // of lives that were given up
	flying  *repo.Group
	asked   int // activations
	lookups []rules.Lookup
	checks  []rules.Check
	tick    time.Time

	next      uint64
	open      map[uint64]any // commands without a reply, by Origin.Ack
	passedOn  int64          // the relay's
	acked     map[[2]string]string
	told      map[string]int64 // message_read by reader
	replied   map[string]int64 // readSeq by user
	wrote     map[string]int64 // last delivered message of each
	removed   map[string]bool
	everOut   map[string]bool
	typing    map[string]bool
	listening map[message.SessionRef]string
}

func newWorld(t *rapid.T) *world {
	o := rules.Options{
		GroupRows: rapid.SampledFrom([]int{4, 500}).Draw(t, "rows"), Waiting: rapid.SampledFrom([]int{6, 1000}).Draw(t, "waiting"),
		FencedTries: 2, RecentKeys: rapid.SampledFrom([]int{2, 1024}).Draw(t, "keys"), RecentMessages: 2,
		Membership:   rules.Membership(rapid.IntRange(0, 2).Draw(t, "membership")),
		DirectShared: rapid.Bool().Draw(t, "shared"), Members: rapid.SampledFrom([]int{1, 2, 100_000}).Draw(t, "members"),
	}
	w := &world{
		t: t, o: o, id: "c1", now: start,
		open: map[uint64]any{}, acked: map[[2]string]string{}, told: map[string]int64{}, replied: map[string]int64{},
		wrote: map[string]int64{}, removed: map[string]bool{}, everOut: map[string]bool{}, typing: map[string]bool{},
		listening: map[message.SessionRef]string{},
	}
	if rapid.IntRange(0, 3).Draw(t, "direct") == 0 {
		w.id = directAB
	}
	w.c = rules.NewConversation(w.id, o)
	w.table = newTable(w.id)
	w.table.poison = "poison"
	if rapid.Bool().Draw(t, "used") {
		w.table.fill(3)
		w.passedOn = 3
		if w.id == "c1" {
			w.table.add("alice", "bob")
		} else {
			w.table.participant(repo.ParticipantChange{UserID: "alice", PeerID: "bob"})
			w.table.participant(repo.ParticipantChange{UserID: "bob", PeerID: "alice"})
		}
	}
	return w
}

// wall is what messages are stamped with: no order may rest on it.
func (w *world) wall() time.Time { return w.now.Add(w.skew) }

func (w *world) fatalf(format string, args ...any) {
	w.t.Helper()
	w.t.Fatalf(format, args...)
}

func (w *world) step(msg any) {
	w.take(w.c.Step(msg, w.now))
}

// take is the shell and the relay: it carries a Ready out and checks it.
func (w *world) take(r *rules.Ready) {
	if r.Activate {
		w.asked++
	}
	if r.Save != nil {
		if w.flying != nil {
			w.fatalf("two groups in flight")
		}
		rows := len(r.Save.Messages) + len(r.Save.Changes) + len(r.Save.Participants)
		if rows == 0 {
			w.fatalf("an empty group")
		}
		if rows > w.o.GroupRows+2 { // a first command fits always, and a join's two people
			w.fatalf("a group of %d rows", rows)
		}
		w.flying = r.Save
	}
	if !r.HasRelay && len(r.Relay.Deliver)+len(r.Relay.Replies)+len(r.Relay.Join)+len(r.Relay.Leave)+len(r.Relay.EvictUsers) > 0 {
		w.fatalf("relay without HasRelay")
	}
	w.relay(&r.Relay)
	for _, rd := range r.Reads {
		w.reply(rd.Origin, nil, nil)
	}
	w.lookups = append(w.lookups, r.Lookups...)
	w.checks = append(w.checks, r.Checks...)
	if !r.Tick.IsZero() {
		w.tick = r.Tick
	}
	if w.c.Miscounted() {
		w.fatalf("the participants are miscounted")
	}
	if w.c.Idle() {
		if n := len(w.open); n > 0 {
			w.fatalf("idle with %d commands unanswered", n)
		}
		if w.flying != nil || len(w.listening) > 0 {
			w.fatalf("idle with a group in flight or sessions joined")
		}
		for u, seq := range w.wrote {
			if w.table.people[u] == nil || w.table.people[u].LastReadSeq < seq && !w.everOut[u] {
				w.fatalf("idle, and %s's own mark is not stored", u)
			}
		}
	}
}

func (w *world) relay(r *message.Relayed) {
	for _, ref := range r.Leave {
		delete(w.listening, ref)
	}
	for _, u := range r.EvictUsers {
		for ref, user := range w.listening {
			if user == u {
				delete(w.listening, ref)
			}
		}
	}
	for i := range r.Deliver {
		d := &r.Deliver[i]
		for j := range d.Acks {
			w.replyOf(&d.Acks[j])
		}
		w.deliver(d)
	}
	for _, j := range r.Join {
		if !j.Gated {
			w.reply(j.Origin, nil, nil)
		}
		if w.removed[j.Origin.UserID] && !w.adding(j.Origin.UserID) {
			w.fatalf("%s was removed and is subscribed", j.Origin.UserID)
		}
		w.listening[j.Origin.Session] = j.Origin.UserID
	}
	for i := range r.Replies {
		w.replyOf(&r.Replies[i])
	}
	if r.LastSeq > w.passedOn {
		if r.LastSeq > w.table.lastSeq {
			w.fatalf("last seq %d is not committed", r.LastSeq)
		}
		w.passedOn = r.LastSeq // the rest is fetched
	}
}

func (w *world) deliver(d *message.Delivery) {
	if d.Seq > 0 {
		if d.Seq != w.passedOn+1 {
			w.fatalf("seq %d is delivered after %d", d.Seq, w.passedOn)
		}
		w.passedOn = d.Seq
		if d.Seq > w.table.lastSeq {
			w.fatalf("seq %d is delivered and not stored", d.Seq)
		}
		row := w.table.messages[d.Seq-1]
		p := w.table.people[row.SenderID]
		if p != nil && !p.RemovedAt.IsZero() {
			w.everOut[row.SenderID] = true
		}
		guest := p == nil && w.o.Members < 100
		for _, a := range d.Acks {
			if a.Origin.Session.ID > 0 && !w.everOut[row.SenderID] && !guest {
				w.wrote[row.SenderID] = d.Seq
			}
		}
	}
	var e struct {
		UserID   string
		Seq      int64
		IsTyping bool
	}
	if err := json.Unmarshal(d.Data, &e); err != nil {
		w.fatalf("%s: %v in %s", d.Event, err, d.Data)
	}
	switch d.Event {
	case wire.EventMessageRead:
		if e.Seq <= w.told[e.UserID] {
			w.fatalf("%s is told to have read %d after %d", e.UserID, e.Seq, w.told[e.UserID])
		}
		if p := w.table.people[e.UserID]; p == nil || p.LastReadSeq < e.Seq {
			w.fatalf("%s's mark %d is told and not stored", e.UserID, e.Seq)
		}
		w.told[e.UserID] = e.Seq
	case wire.EventTyping:
		w.typing[e.UserID] = e.IsTyping
	}
}

func (w *world) replyOf(r *message.Reply) { w.reply(r.Origin, r, r.Err) }

// reply checks that a command is answered once, and truly.
func (w *world) reply(o message.Origin, r *message.Reply, e *wire.Error) {
	cmd, ok := w.open[o.Ack]
	if !ok {
		w.fatalf("a second reply to command %d (%v)", o.Ack, e)
	}
	delete(w.open, o.Ack)
	if e != nil {
		return
	}
	switch m := cmd.(type) {
	case *message.PostMessage:
		w.posted(m, r)
	case *message.MarkRead:
		var a struct{ ReadSeq int64 }
		if err := json.Unmarshal(r.Data, &a); err != nil {
			w.fatalf("%v in %s", err, r.Data)
		}
		if a.ReadSeq < w.replied[o.UserID] {
			w.fatalf("%s's mark goes from %d back to %d", o.UserID, w.replied[o.UserID], a.ReadSeq)
		}
		w.replied[o.UserID] = a.ReadSeq
	case *message.ChangeMembership:
		for _, u := range m.Add {
			delete(w.removed, u)
		}
		for _, u := range m.Remove {
			w.removed[u], w.everOut[u] = true, true
			if p := w.table.people[u]; p == nil || p.RemovedAt.IsZero() && !w.adding(u) {
				w.fatalf("%s's removal is answered and not stored", u)
			}
			for _, user := range w.listening {
				if user == u && !w.adding(u) {
					w.fatalf("%s was removed and listens", u)
				}
			}
		}
	}
}

// adding reports whether a command that adds u again has yet to be answered.
func (w *world) adding(u string) bool {
	for _, cmd := range w.open {
		if m, ok := cmd.(*message.ChangeMembership); ok && slices.Contains(m.Add, u) {
			return true
		}
	}
	return false
}

func (w *world) posted(m *message.PostMessage, r *message.Reply) {
	var a struct {
		MessageID string
		Seq       int64
	}
	if m.Origin.FromBackEnd() {
		a.MessageID, a.Seq = r.Posted.MessageID, r.Posted.Seq
	} else if err := json.Unmarshal(r.Data, &a); err != nil {
		w.fatalf("%v in %s", err, r.Data)
	}
	if a.Seq < 1 || a.Seq > w.table.lastSeq || w.table.messages[a.Seq-1].ID != a.MessageID {
		w.fatalf("acked %+v is not stored", a)
	}
	row := w.table.messages[a.Seq-1]
	if row.Hash != m.Message.Hash || row.SenderID != m.Message.SenderID {
		w.fatalf("acked with another's message")
	}
	if k := [2]string{row.SenderID, row.TempID}; row.TempID != "" {
		if first, ok := w.acked[k]; ok && first != a.MessageID {
			w.fatalf("%v is acked as %s and as %s", k, first, a.MessageID)
		}
		w.acked[k] = a.MessageID
	}
}
