package simulation

import (
	"fmt"
	"slices"
	"time"

	"github.com/corrillo/corrillo/actors/message"
	"github.com/corrillo/corrillo/repo"
)

// store is a model of repo.Store: of what Activate, Save and Messages promise.
type store struct {
	tables map[string]*table
	fenced int64
}

type table struct {
	epoch, lastSeq, lastRev int64
	messages                []repo.Message
	byKey                   map[[2]string]int // of messages, by sender and tempId
	people                  map[string]*repo.Participant
	order                   []string
}

func newStore() *store { return &store{tables: map[string]*table{}} }

func (s *store) table(id string) *table {
	t := s.tables[id]
	if t == nil {
		t = &table{byKey: map[[2]string]int{}, people: map[string]*repo.Participant{}}
		s.tables[id] = t
	}
	return t
}

func (s *store) activate(id string) repo.Activation {
	t := s.table(id)
	if t.epoch > 0 {
		t.epoch++
	}
	a := repo.Activation{Epoch: t.epoch, LastSeq: t.lastSeq, LastRev: t.lastRev}
	for _, user := range t.order {
		a.Participants = append(a.Participants, *t.people[user])
	}
	return a
}

func (s *store) save(g *repo.Group) repo.GroupResult {
	t := s.table(g.ConversationID)
	if g.Epoch == 0 && t.epoch == 0 {
		t.epoch = 1
	} else if g.Epoch != t.epoch {
		s.fenced++
		return repo.GroupResult{Err: fmt.Errorf("save: %w", repo.ErrFenced)}
	}
	res := repo.GroupResult{Epoch: t.epoch}
	// A store numbers messages from what the activation knows, not from its rows.
	t.lastSeq = g.LastSeq
	for i := range g.Messages {
		res.Messages = append(res.Messages, t.insert(g.Messages[i]))
	}
	for i := range g.Participants {
		t.participant(g.ConversationID, &g.Participants[i])
	}
	res.LastSeq, res.LastRev = t.lastSeq, t.lastRev
	return res
}

func (t *table) insert(m repo.Message) repo.MessageResult {
	key := [2]string{m.SenderID, m.TempID}
	if i, ok := t.byKey[key]; ok {
		old := t.messages[i]
		if old.Hash != m.Hash {
			return repo.MessageResult{Outcome: repo.OutcomeConflict}
		}
		return repo.MessageResult{Outcome: repo.OutcomeRepeat, Stored: old}
	}
	t.lastSeq++
	m.Seq = t.lastSeq
	t.byKey[key] = len(t.messages)
	t.messages = append(t.messages, m)
	return repo.MessageResult{Outcome: repo.OutcomeSaved, Stored: m}
}

func (t *table) participant(id string, ch *repo.ParticipantChange) {
	p := t.people[ch.UserID]
	if p == nil {
		p = &repo.Participant{ConversationID: id, UserID: ch.UserID, Role: "member", PeerID: ch.PeerID}
		t.people[ch.UserID] = p
		t.order = append(t.order, ch.UserID)
	}
	p.LastReadSeq = max(p.LastReadSeq, ch.ReadSeq)
}

// page returns the messages with after < seq <= through.
func (s *store) page(id string, after, through int64) []repo.Message {
	t := s.table(id)
	var page []repo.Message
	for i := range t.messages {
		if m := &t.messages[i]; m.Seq > after && m.Seq <= through {
			page = append(page, *m)
		}
	}
	return page
}

// The calls below take time, in the store and on the way there and back. The store
// does what it was asked even if the process that asked has died.

const (
	callLag = 300 * time.Millisecond
	lateLag = 8 * time.Second // until a commit happens whose connection was lost before
)

// activateFor activates a conversation for a node.
func (w *world) activateFor(n *node, id string) {
	tell := func(m *message.Activated) {
		w.after(w.lag(callLag), n, func() { n.tellOwn(id, outcomeOf(m)) })
	}
	if w.chance(25) {
		tell(&message.Activated{Err: fmt.Errorf("simulated: %w", repo.ErrUnavailable)})
		return
	}
	lag := callLag
	if w.chance(10) {
		lag = lateLag
	}
	w.after(w.lag(lag), nil, func() {
		a := w.store.activate(id)
		w.note("%s activates %s: epoch %d, last %d", n.id, id, a.Epoch, a.LastSeq)
		tell(&message.Activated{Activation: a})
	})
}

// saveFor saves a group for a node. It may fail, take long, commit without an answer,
// or commit after it was answered that the outcome is unknown.
func (w *world) saveFor(n *node, group *repo.Group) {
	g := *group
	g.Messages, g.Participants = slices.Clone(g.Messages), slices.Clone(g.Participants)
	tell := func(r repo.GroupResult) {
		w.after(w.lag(callLag), n, func() {
			n.tellOwn(g.ConversationID, outcomeOf(&message.GroupSaved{Serial: g.Serial, Result: r}))
		})
	}
	unknown := repo.GroupResult{Err: fmt.Errorf("simulated: %w", repo.ErrUnavailable)}
	lag := callLag
	if w.chance(10) {
		lag = lateLag
	}
	switch {
	case w.chance(40):
		tell(unknown)
	case w.chance(40):
		w.note("%s: a save of %s is not answered, and commits later if it can", n.id, g.ConversationID)
		tell(unknown)
		w.after(w.lag(lateLag), nil, func() { w.store.save(&g) })
	case w.chance(40):
		w.after(w.lag(lag), nil, func() { w.store.save(&g); tell(unknown) })
	case w.chance(60):
		tell(repo.GroupResult{Err: fmt.Errorf("simulated: %w", message.ErrOverloaded)})
	default:
		w.after(w.lag(lag), nil, func() {
			r := w.store.save(&g)
			w.note("%s saves %d of %s in epoch %d: last %d, %v", n.id, len(g.Messages), g.ConversationID, g.Epoch, r.LastSeq, r.Err)
			tell(r)
		})
	}
}

// readFor reads from the store for a node.
func (w *world) readFor(n *node, read func(s *store) error, answer func(error)) {
	if w.chance(25) {
		w.after(w.lag(callLag), n, func() { answer(fmt.Errorf("simulated: %w", repo.ErrUnavailable)) })
		return
	}
	w.after(w.lag(callLag), nil, func() {
		err := read(w.store)
		w.after(w.lag(callLag), n, func() { answer(err) })
	})
}
