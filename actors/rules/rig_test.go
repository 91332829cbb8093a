package rules_test

import (
	"crypto/sha256"
	"fmt"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/corrillo/corrillo/actors/message"
	"github.com/corrillo/corrillo/actors/rules"
	"github.com/corrillo/corrillo/repo"
	"github.com/corrillo/corrillo/wire"
)

var start = time.Date(2025, 3, 1, 12, 0, 0, 0, time.UTC)

// rig drives one conversation by hand: its clock, and the store's table
// behind it, which is asked only when the test says so.
type rig struct {
	tb      testing.TB
	c       *rules.Conversation
	id      string
	now     time.Time
	table   *table
	flying  *repo.Group
	lookups []rules.Lookup
	made    int // messages, for their ids
}

func newRig(tb testing.TB, id string, o rules.Options) *rig {
	return &rig{tb: tb, c: rules.NewConversation(id, o), id: id, now: start, table: newTable(id)}
}

// step hands the conversation a message and keeps the group it wants saved.
func (r *rig) step(msg any) *rules.Ready {
	r.tb.Helper()
	ready := r.c.Step(msg, r.now)
	if ready.Save != nil {
		if r.flying != nil {
			r.tb.Fatalf("two groups in flight")
		}
		r.flying = ready.Save
	}
	r.lookups = append(r.lookups, ready.Lookups...)
	return ready
}

// warm activates from the table.
func (r *rig) warm() *rules.Ready {
	r.tb.Helper()
	return r.step(&message.Activated{Activation: r.table.activate()})
}

// save commits the group in flight and hands its outcome over.
func (r *rig) save() *rules.Ready {
	r.tb.Helper()
	return r.saved(r.table.save(r.take()))
}

// take is the group in flight, which is in flight no more.
func (r *rig) take() *repo.Group {
	r.tb.Helper()
	g := r.flying
	if g == nil {
		r.tb.Fatalf("no group is in flight")
	}
	r.flying = nil
	return g
}

func (r *rig) saved(res repo.GroupResult) *rules.Ready {
	r.tb.Helper()
	return r.step(&message.GroupSaved{Result: res})
}

// fail reports that the group in flight failed as a whole.
func (r *rig) fail(err error) *rules.Ready {
	r.tb.Helper()
	g := r.take()
	return r.step(&message.GroupSaved{Serial: g.Serial, Result: repo.GroupResult{Err: err}})
}

func (r *rig) post(who, content, tempID string) *message.PostMessage {
	o := client(who)
	return r.postBy(o, content, tempID)
}

func (r *rig) postBy(o message.Origin, content, tempID string) *message.PostMessage {
	r.made++
	return &message.PostMessage{Origin: o, Message: repo.Message{
		ConversationID: r.id, ID: fmt.Sprintf("m%d", r.made), SenderID: o.UserID, SenderName: o.Username,
		TempID: tempID, Content: content, Type: "text", Hash: sha256.Sum256([]byte(content)), CreatedAt: r.now,
	}}
}

// client reads "alice/2": alice's session 2. Without a number it is 1. Each
// session has a node-wide number of its own.
func client(who string) message.Origin {
	user, n, _ := strings.Cut(who, "/")
	if n == "" {
		n = "1"
	}
	return message.Origin{
		Session: session(who), UserID: user, Username: strings.ToUpper(user[:1]) + user[1:],
		Ack: 1, WantsAck: true, Event: "e" + n,
	}
}

func session(who string) message.SessionRef {
	user, n, ok := strings.Cut(who, "/")
	if !ok {
		n = "1"
	}
	k, err := strconv.Atoi(n)
	if err != nil {
		panic(err)
	}
	return message.SessionRef{Node: user, ID: uint64(k)}
}

func backEnd(n int) message.Origin {
	return message.Origin{Call: message.CallRef{Node: "n", ID: uint64(n)}}
}

func join(who string) *message.Join {
	return &message.Join{Origin: client(who), AfterSeq: -1, AfterRev: -1}
}

// table is the store's side of one conversation, exact in what the contract
// of repo.Store says of one group.
type table struct {
	id       string
	epoch    int64
	lastSeq  int64
	lastRev  int64
	messages []repo.Message
	people   map[string]*repo.Participant
	order    []string
	poison   string // content that the database refuses
}

func newTable(id string) *table { return &table{id: id, people: map[string]*repo.Participant{}} }

func (t *table) activate() repo.Activation {
	if t.epoch > 0 {
		t.epoch++
	}
	a := repo.Activation{Epoch: t.epoch, LastSeq: t.lastSeq, LastRev: t.lastRev}
	for _, id := range t.order {
		a.Participants = append(a.Participants, *t.people[id])
	}
	return a
}

func (t *table) save(g *repo.Group) repo.GroupResult {
	if g.Epoch == 0 && t.epoch == 0 {
		t.epoch = 1
	} else if g.Epoch != t.epoch {
		return repo.GroupResult{Err: fmt.Errorf("save: %w", repo.ErrFenced)}
	}
	res := repo.GroupResult{Epoch: t.epoch}
	for i := range g.Messages {
		res.Messages = append(res.Messages, t.insert(g.Messages[i]))
	}
	for _, ch := range g.Changes {
		res.Changes = append(res.Changes, t.change(ch))
	}
	for _, p := range g.Participants {
		t.participant(p)
	}
	res.LastSeq, res.LastRev = t.lastSeq, t.lastRev
	return res
}

func (t *table) insert(m repo.Message) repo.MessageResult {
	if t.poison != "" && m.Content == t.poison {
		return repo.MessageResult{Outcome: repo.OutcomeRejected, Err: fmt.Errorf("bad row")}
	}
	for _, old := range t.messages {
		if old.ID == m.ID || m.TempID != "" && old.TempID == m.TempID && old.SenderID == m.SenderID {
			if old.Hash != m.Hash {
				return repo.MessageResult{Outcome: repo.OutcomeConflict}
			}
			return repo.MessageResult{Outcome: repo.OutcomeRepeat, Stored: repo.Message{ID: old.ID, Seq: old.Seq, CreatedAt: old.CreatedAt}}
		}
	}
	t.lastSeq++
	m.Seq = t.lastSeq
	t.messages = append(t.messages, m)
	return repo.MessageResult{Outcome: repo.OutcomeSaved, Stored: repo.Message{ID: m.ID, Seq: m.Seq, CreatedAt: m.CreatedAt}}
}

func (t *table) change(ch repo.Change) repo.ChangeResult {
	for i := range t.messages {
		m := &t.messages[i]
		if m.ID != ch.MessageID {
			continue
		}
		switch {
		case ch.OnlySender && m.SenderID != ch.By:
			return repo.ChangeResult{Outcome: repo.OutcomeRefused}
		case !m.DeletedAt.IsZero() && ch.Kind == repo.ChangeDelete:
			return repo.ChangeResult{Outcome: repo.OutcomeRepeat, Stored: *m}
		case !m.DeletedAt.IsZero():
			return repo.ChangeResult{Outcome: repo.OutcomeRefused}
		}
		t.lastRev++
		m.Rev = t.lastRev
		if ch.Kind == repo.ChangeEdit {
			m.Content, m.EditedAt = ch.Content, ch.At
		} else {
			m.DeletedAt, m.DeletedBy = ch.At, ch.By
		}
		return repo.ChangeResult{Outcome: repo.OutcomeSaved, Stored: *m}
	}
	return repo.ChangeResult{Outcome: repo.OutcomeNotFound}
}

func (t *table) participant(ch repo.ParticipantChange) {
	p := t.people[ch.UserID]
	if p == nil {
		p = &repo.Participant{ConversationID: t.id, UserID: ch.UserID, Role: "member"}
		t.people[ch.UserID] = p
		t.order = append(t.order, ch.UserID)
	}
	if ch.PeerID != "" {
		p.PeerID = ch.PeerID
	}
	if ch.Role != "" {
		p.Role = ch.Role
	}
	p.LastReadSeq = max(p.LastReadSeq, ch.ReadSeq)
	if ch.Restore {
		p.RemovedAt = time.Time{}
	}
	if ch.Remove {
		p.RemovedAt = ch.At
	}
}

// add makes participants as if they had always been there.
func (t *table) add(users ...string) {
	t.epoch = max(t.epoch, 1)
	for _, u := range users {
		t.participant(repo.ParticipantChange{UserID: u})
	}
}

// fill makes n messages of bob's as if they had always been there.
func (t *table) fill(n int) {
	t.epoch = max(t.epoch, 1)
	for range n {
		t.insert(repo.Message{
			ConversationID: t.id, ID: fmt.Sprintf("old%d", t.lastSeq+1), SenderID: "bob", SenderName: "Bob",
			Content: "old", Type: "text", CreatedAt: start,
		})
	}
}

// replies are all replies of a step, those in front of deliveries included.
func replies(r *rules.Ready) []message.Reply {
	var all []message.Reply
	for _, d := range r.Relay.Deliver {
		all = append(all, d.Acks...)
	}
	return append(all, r.Relay.Replies...)
}

// codes are the outcomes of a step's replies: ok or the code of the refusal.
func codes(r *rules.Ready) string {
	var s []string
	for _, rep := range replies(r) {
		if rep.Err != nil {
			s = append(s, string(rep.Err.Code))
		} else {
			s = append(s, "ok")
		}
	}
	for _, j := range r.Relay.Join {
		if j.Gated {
			s = append(s, "gated")
		} else {
			s = append(s, "joined")
		}
	}
	return strings.Join(s, " ")
}

// events are the names of a step's deliveries.
func events(r *rules.Ready) string {
	var s []string
	for _, d := range r.Relay.Deliver {
		s = append(s, d.Event)
	}
	return strings.Join(s, " ")
}

func want(tb testing.TB, what, got, want string) {
	tb.Helper()
	if got != want {
		tb.Fatalf("%s: got %q, want %q", what, got, want)
	}
}

var directAB = wire.DirectID("alice", "bob")
