package repotest

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"math"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/corrillo/corrillo/repo"
)

// testModel holds the store against a model in memory, which says of every
// message of every save what must become of it.
func testModel(t *testing.T, open Open) {
	s := open(t)
	run := 0
	rapid.Check(t, func(rt *rapid.T) {
		run++
		w := &world{t: rt, ctx: t, s: s, rooms: map[string]*room{}, messages: map[string]*repo.Message{}}
		for i := range 3 {
			w.names = append(w.names, fmt.Sprintf("model %d.%d", run, i))
			w.rooms[w.names[i]] = &room{people: map[string]*repo.Participant{}}
		}
		rt.Repeat(map[string]func(*rapid.T){
			"activate": w.activate,
			"save":     w.save,
			"":         w.compare,
		})
	})
}

// world is what should be in the store, and what its clients believe.
type world struct {
	t        *rapid.T
	ctx      *testing.T
	s        repo.Store
	names    []string
	rooms    map[string]*room
	messages map[string]*repo.Message // by id, as first stored
	clock    int
	// reused: this save has an id that is there. A second message with it
	// would be answered by the first one's, be its own group stale or not.
	reused bool
}

// room is one conversation. held is the activation that its actor goes by,
// which another one may have overtaken.
type room struct {
	epoch, seq, rev int64
	held            repo.Activation
	older           repo.Activation
	log             []repo.Message
	people          map[string]*repo.Participant
}

func (w *world) activate(t *rapid.T) {
	name := rapid.SampledFrom(w.names).Draw(t, "room")
	r := w.rooms[name]
	a, err := w.s.Activate(w.ctx.Context(), name)
	if err != nil {
		t.Fatalf("Activate: %v", err)
	}
	if r.epoch > 0 {
		r.epoch++
	}
	if a.Epoch != r.epoch || a.LastSeq != r.seq || a.LastRev != r.rev || len(a.Participants) != len(r.people) {
		t.Fatalf("Activate gave %+v, want epoch %d, seq %d, rev %d, %d people", a, r.epoch, r.seq, r.rev, len(r.people))
	}
	for _, p := range a.Participants {
		if want := r.people[p.UserID]; want == nil || !reflect.DeepEqual(p, *want) {
			t.Fatalf("participant %+v, want %+v", p, want)
		}
	}
	r.older, r.held = r.held, a
}

func (w *world) save(t *rapid.T) {
	names := rapid.SliceOfNDistinct(rapid.SampledFrom(w.names), 1, 3, rapid.ID).Draw(t, "rooms")
	groups := make([]repo.Group, len(names))
	w.reused = false
	for i, name := range names {
		groups[i] = w.group(t, name)
	}
	results := w.s.Save(w.ctx.Context(), groups)
	for i := range groups {
		w.check(t, &groups[i], &results[i])
	}
}

func (w *world) group(t *rapid.T, name string) repo.Group {
	r := w.rooms[name]
	a := r.held
	if rapid.IntRange(0, 9).Draw(t, "stale") == 0 {
		a = r.older
	}
	g := groupOf(name, a)
	for range rapid.IntRange(0, 5).Draw(t, "messages") {
		g.Messages = append(g.Messages, w.message(t))
	}
	for range rapid.IntRange(0, 2).Draw(t, "changes") {
		g.Changes = append(g.Changes, w.change(t, r))
	}
	for range rapid.IntRange(0, 2).Draw(t, "people") {
		c := repo.ParticipantChange{UserID: rapid.SampledFrom([]string{"ann", "bob", "cid"}).Draw(t, "user"), ReadSeq: rapid.Int64Range(0, 9).Draw(t, "read"), At: start}
		switch rapid.IntRange(0, 3).Draw(t, "kind") {
		case 0:
			c.Remove = true
		case 1:
			c.Restore = true
		}
		g.Participants = append(g.Participants, c)
	}
	return g
}

func (w *world) message(t *rapid.T) repo.Message {
	w.clock++
	m := Message(rapid.SampledFrom([]string{"ann", "bob"}).Draw(t, "sender"),
		rapid.SampledFrom([]string{"", "", "1", "2", "3"}).Draw(t, "tempId"),
		rapid.SampledFrom([]string{"yes", "no"}).Draw(t, "content"))
	m.CreatedAt = start.Add(time.Duration(w.clock) * time.Millisecond)
	switch rapid.IntRange(0, 12).Draw(t, "special") {
	case 0: // poison, under keys of its own
		m.SenderName, m.TempID = strings.Repeat("x", 192), newID()
	case 1: // an id that is there
		if ids := w.ids(); len(ids) > 0 && !w.reused {
			m.ID, m.TempID = rapid.SampledFrom(ids).Draw(t, "id"), ""
			w.reused = true
		}
	}
	return m
}

func (w *world) ids() []string {
	ids := make([]string, 0, len(w.messages))
	for _, name := range w.names {
		for i := range w.rooms[name].log {
			ids = append(ids, w.rooms[name].log[i].ID)
		}
	}
	return ids
}

func (w *world) change(t *rapid.T, r *room) repo.Change {
	c := repo.Change{MessageID: "no such", Content: "edited", By: rapid.SampledFrom([]string{"ann", "bob"}).Draw(t, "by"), At: start, OnlySender: rapid.Bool().Draw(t, "only sender")}
	if rapid.Bool().Draw(t, "delete") {
		c.Kind = repo.ChangeDelete
	}
	if len(r.log) > 0 {
		c.MessageID = r.log[rapid.IntRange(0, len(r.log)-1).Draw(t, "target")].ID
	}
	return c
}

// check plays the group in the model and compares the outcome.
func (w *world) check(t *rapid.T, g *repo.Group, got *repo.GroupResult) {
	r := w.rooms[g.ConversationID]
	if g.Epoch != r.epoch || g.LastSeq != r.seq || g.LastRev != r.rev {
		if !errors.Is(got.Err, repo.ErrFenced) {
			t.Fatalf("a stale group of %q: %v", g.ConversationID, got.Err)
		}
		return
	}
	if got.Err != nil {
		t.Fatalf("Save: %v", got.Err)
	}
	for i := range g.Messages {
		want := w.post(g.ConversationID, r, g.Messages[i])
		if res := got.Messages[i]; res.Outcome != want.Outcome || !reflect.DeepEqual(res.Stored, want.Stored) {
			t.Fatalf("message %d %+v\ngot  %+v\nwant %+v", i, g.Messages[i], res, want)
		}
	}
	for i := range g.Changes {
		want := r.apply(&g.Changes[i])
		if res := got.Changes[i]; res.Outcome != want.Outcome || !reflect.DeepEqual(res.Stored, want.Stored) {
			t.Fatalf("change %d %+v\ngot  %+v\nwant %+v", i, g.Changes[i], res, want)
		}
	}
	for _, c := range g.Participants {
		r.note(g.ConversationID, c)
	}
	// A new conversation of which nothing could be stored is not made.
	empty := r.seq == 0 && len(g.Participants) == 0 && allOf(got.Messages, repo.OutcomeRejected, repo.OutcomeConflict) && len(g.Messages) > 0 && len(g.Changes) == 0
	if r.epoch == 0 && !empty {
		r.epoch = 1
	}
	if got.Epoch != r.epoch || got.LastSeq != r.seq || got.LastRev != r.rev {
		t.Fatalf("the result says %d, %d, %d, want %d, %d, %d", got.Epoch, got.LastSeq, got.LastRev, r.epoch, r.seq, r.rev)
	}
	r.older, r.held = r.held, after(*got)
}

func allOf(results []repo.MessageResult, outcomes ...repo.Outcome) bool {
	for i := range results {
		if !slices.Contains(outcomes, results[i].Outcome) {
			return false
		}
	}
	return true
}

func (w *world) post(name string, r *room, m repo.Message) repo.MessageResult {
	if len(m.SenderName) > 191 {
		return repo.MessageResult{Outcome: repo.OutcomeRejected}
	}
	var there *repo.Message
	for i := range r.log {
		if l := &r.log[i]; m.TempID != "" && l.SenderID == m.SenderID && l.TempID == m.TempID {
			there = l
		}
	}
	if first := w.messages[m.ID]; there == nil && first != nil {
		for i := range w.rooms[first.ConversationID].log {
			if l := &w.rooms[first.ConversationID].log[i]; l.ID == m.ID {
				there = l
			}
		}
	}
	if there != nil {
		if there.ConversationID != name || there.SenderID != m.SenderID || there.Hash != sha256.Sum256([]byte(m.Content)) {
			return repo.MessageResult{Outcome: repo.OutcomeConflict}
		}
		return repo.MessageResult{Outcome: repo.OutcomeRepeat, Stored: *there}
	}
	r.seq++
	m.ConversationID, m.Seq = name, r.seq
	r.log = append(r.log, m)
	w.messages[m.ID] = &m
	return repo.MessageResult{Outcome: repo.OutcomeSaved, Stored: m}
}

func (r *room) apply(c *repo.Change) repo.ChangeResult {
	for i := range r.log {
		m := &r.log[i]
		switch {
		case m.ID != c.MessageID:
			continue
		case c.OnlySender && c.By != m.SenderID:
			return repo.ChangeResult{Outcome: repo.OutcomeRefused}
		case !m.DeletedAt.IsZero() && c.Kind == repo.ChangeDelete:
			return repo.ChangeResult{Outcome: repo.OutcomeRepeat, Stored: *m}
		case !m.DeletedAt.IsZero():
			return repo.ChangeResult{Outcome: repo.OutcomeRefused}
		}
		r.rev++
		m.Rev = r.rev
		if c.Kind == repo.ChangeDelete {
			m.Content, m.DeletedAt, m.DeletedBy = "", c.At, c.By
		} else {
			m.Content, m.EditedAt = c.Content, c.At
		}
		return repo.ChangeResult{Outcome: repo.OutcomeSaved, Stored: *m}
	}
	return repo.ChangeResult{Outcome: repo.OutcomeNotFound}
}

func (r *room) note(name string, c repo.ParticipantChange) {
	p := r.people[c.UserID]
	if p == nil {
		p = &repo.Participant{ConversationID: name, UserID: c.UserID, Role: "member"}
		r.people[c.UserID] = p
	}
	p.LastReadSeq = max(p.LastReadSeq, c.ReadSeq)
	switch {
	case c.Remove:
		p.RemovedAt = c.At
	case c.Restore:
		p.RemovedAt = time.Time{}
	}
}

// compare reads everything back.
func (w *world) compare(t *rapid.T) {
	for _, name := range w.names {
		r := w.rooms[name]
		page, more, err := w.s.Messages(w.ctx.Context(), repo.MessageQuery{ConversationID: name, FromOldest: true, Limit: math.MaxInt32})
		if err != nil || more || len(page) != len(r.log) {
			t.Fatalf("%d messages, want %d; %v %v", len(page), len(r.log), more, err)
		}
		for i := range page {
			if !reflect.DeepEqual(page[i], r.log[i]) {
				t.Fatalf("message %d of %q\ngot  %+v\nwant %+v", i, name, page[i], r.log[i])
			}
		}
	}
}
