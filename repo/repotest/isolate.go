package repotest

import (
	"errors"
	"fmt"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/corrillo/corrillo/repo"
)

func wantFenced(t testing.TB, r repo.GroupResult) {
	t.Helper()
	if !errors.Is(r.Err, repo.ErrFenced) {
		t.Errorf("got %v, want ErrFenced", r.Err)
	}
}

// resend is the message as a client sends it again: a new id and a new time.
func resend(m repo.Message) repo.Message {
	if m.TempID != "" {
		m.ID = newID()
	}
	m.CreatedAt = m.CreatedAt.Add(time.Minute)
	return m
}

func testSaveRepeats(t *testing.T, open Open) {
	t.Run("one in a batch of 500", func(t *testing.T) {
		s := open(t)
		first := Message("ann", "again", "hello")
		r := post(t, s, "room", first)
		batch := Messages("bob", 500)
		batch[123] = resend(first)
		g := saveOne(t, s, groupOf("room", after(r), batch...))
		if got, want := g.Messages[123], (repo.MessageResult{Outcome: repo.OutcomeRepeat, Stored: r.Messages[0].Stored}); !reflect.DeepEqual(got, want) {
			t.Errorf("got  %+v\nwant %+v", got, want)
		}
		if g.LastSeq != 500 || g.Messages[122].Stored.Seq != 124 || g.Messages[124].Stored.Seq != 125 {
			t.Errorf("not renumbered: %d, %d, %d", g.LastSeq, g.Messages[122].Stored.Seq, g.Messages[124].Stored.Seq)
		}
		WantWhole(t, s, "room")
		if st := s.Stats(); st.Repeats != 1 {
			t.Errorf("repeats %d", st.Repeats)
		}
	})
	t.Run("all of a batch", func(t *testing.T) {
		s := open(t)
		batch := Messages("ann", 30)
		r := post(t, s, "room", batch...)
		for i := range batch {
			batch[i] = resend(batch[i])
		}
		g := saveOne(t, s, groupOf("room", after(r), batch...))
		for i := range g.Messages {
			if g.Messages[i].Outcome != repo.OutcomeRepeat || g.Messages[i].Stored.ID != r.Messages[i].Stored.ID {
				t.Errorf("%d: %+v", i, g.Messages[i])
			}
		}
		if g.LastSeq != 30 {
			t.Errorf("lastSeq %d", g.LastSeq)
		}
		WantWhole(t, s, "room")
	})
	t.Run("other content is a conflict, also after an edit", func(t *testing.T) {
		s := open(t)
		first := Message("ann", "key", "hello")
		r := post(t, s, "room", first)
		g := groupOf("room", after(r))
		g.Changes = []repo.Change{{MessageID: first.ID, Content: "edited", By: "ann", At: start}}
		r = saveOne(t, s, g)
		r = saveOne(t, s, groupOf("room", after(r), Message("ann", "key", "edited"), resend(first), Message("ann", "new", "x")))
		wantOutcomes(t, r, repo.OutcomeConflict, repo.OutcomeRepeat, repo.OutcomeSaved)
		if len(WantWhole(t, s, "room")) != 2 {
			t.Error("a conflict was stored")
		}
	})
	t.Run("the key is sender and conversation too", func(t *testing.T) {
		s := open(t)
		r := post(t, s, "room", Message("ann", "key", "a"), Message("bob", "key", "b"), Message("ann", "KEY", "c"), Message("ann", "", "d"), Message("ann", "", "d"))
		wantOutcomes(t, r, repo.OutcomeSaved, repo.OutcomeSaved, repo.OutcomeSaved, repo.OutcomeSaved, repo.OutcomeSaved)
		wantOutcomes(t, post(t, s, "other", Message("ann", "key", "a")), repo.OutcomeSaved)
	})
	t.Run("by id where there is no tempId", func(t *testing.T) {
		s := open(t)
		first, other := Message("ann", "", "hello"), Message("ann", "", "something else")
		r := post(t, s, "room", first)
		other.ID = first.ID
		again := resend(first)
		g := saveOne(t, s, groupOf("room", after(r), again, other, Message("ann", "", "new")))
		wantOutcomes(t, g, repo.OutcomeRepeat, repo.OutcomeConflict, repo.OutcomeSaved)
		if g.Messages[0].Stored.Seq != 1 || g.Messages[2].Stored.Seq != 2 {
			t.Errorf("%+v", g)
		}
		wantOutcomes(t, post(t, s, "elsewhere", again), repo.OutcomeConflict)
		WantWhole(t, s, "room")
	})
	t.Run("twice in one group", func(t *testing.T) {
		s := open(t)
		first := Message("ann", "key", "hello")
		g := post(t, s, "room", first, resend(first), Message("ann", "key", "other"), Message("ann", "next", "x"))
		wantOutcomes(t, g, repo.OutcomeSaved, repo.OutcomeRepeat, repo.OutcomeConflict, repo.OutcomeSaved)
		if !reflect.DeepEqual(g.Messages[1].Stored, g.Messages[0].Stored) || g.Messages[3].Stored.Seq != 2 {
			t.Errorf("%+v", g.Messages)
		}
		g = saveOne(t, s, groupOf("room", after(g), resend(first), resend(first)))
		wantOutcomes(t, g, repo.OutcomeRepeat, repo.OutcomeRepeat)
		g = saveOne(t, s, groupOf("room", after(g), Message("ann", "key", "other"), resend(first)))
		wantOutcomes(t, g, repo.OutcomeConflict, repo.OutcomeRepeat)
		WantWhole(t, s, "room")
	})
}

func testSaveRejects(t *testing.T, open Open) {
	poison := []struct {
		name  string
		spoil func(m *repo.Message)
	}{
		{"id too long", func(m *repo.Message) { m.ID = strings.Repeat("x", 192) }},
		{"tempId too long", func(m *repo.Message) { m.TempID = strings.Repeat("é", 192) }},
		{"sender name too long", func(m *repo.Message) { m.SenderName = strings.Repeat("x", 192) }},
		{"content is not UTF-8", func(m *repo.Message) { m.Content = "a\xff\xfeb" }},
		{"sender is not UTF-8", func(m *repo.Message) { m.SenderID = "a\xc3" }},
		{"metadata is not UTF-8", func(m *repo.Message) { m.Metadata = []byte("{\"a\":\"\xff\"}") }},
		{"time out of range", func(m *repo.Message) { m.CreatedAt = time.Date(12026, 1, 1, 0, 0, 0, 0, time.UTC) }},
		{"id ends with a space", func(m *repo.Message) { m.TempID = "key " }},
		{"no id", func(m *repo.Message) { m.ID = "" }},
	}
	for _, p := range poison {
		t.Run(p.name, func(t *testing.T) {
			s := open(t)
			batch := Messages("ann", 9)
			p.spoil(&batch[4])
			bad := Message("bob", "", "bad")
			p.spoil(&bad)
			r := s.Save(t.Context(), []repo.Group{
				{ConversationID: "room", Messages: batch},
				{ConversationID: "other", Messages: Messages("bob", 1)},
				{ConversationID: "third", Messages: []repo.Message{bad}},
			})
			for i := range r {
				if r[i].Err != nil {
					t.Fatalf("group %d: %v", i, r[i].Err)
				}
			}
			for i, m := range r[0].Messages {
				want := repo.OutcomeSaved
				if i == 4 {
					want = repo.OutcomeRejected
				}
				if m.Outcome != want || (m.Err != nil) != (want == repo.OutcomeRejected) {
					t.Errorf("message %d: %+v", i, m)
				}
			}
			if r[0].LastSeq != 8 || r[0].Messages[5].Stored.Seq != 5 {
				t.Errorf("a hole was left: %d, %d", r[0].LastSeq, r[0].Messages[5].Stored.Seq)
			}
			wantOutcomes(t, r[2], repo.OutcomeRejected)
			if r[2].LastSeq != 0 || r[2].Epoch != 0 {
				t.Errorf("a conversation of nothing was made: %+v", r[2])
			}
			WantWhole(t, s, "room")
			WantWhole(t, s, "other")
			if st := s.Stats(); st.Rejected != 2 {
				t.Errorf("rejected %d", st.Rejected)
			}
		})
	}
	t.Run("several in a large batch, with a repeat", func(t *testing.T) {
		s := open(t)
		first := Message("bob", "key", "hi")
		r := post(t, s, "room", first)
		batch := Messages("ann", 300)
		for _, i := range []int{0, 99, 100, 299} {
			batch[i].SenderName = strings.Repeat("x", 500)
		}
		batch[200] = resend(first)
		g := saveOne(t, s, groupOf("room", after(r), batch...))
		counts := map[repo.Outcome]int{}
		for i := range g.Messages {
			counts[g.Messages[i].Outcome]++
		}
		if want := map[repo.Outcome]int{repo.OutcomeSaved: 295, repo.OutcomeRejected: 4, repo.OutcomeRepeat: 1}; !reflect.DeepEqual(counts, want) {
			t.Errorf("got %v, want %v", counts, want)
		}
		WantWhole(t, s, "room")
	})
	for _, id := range []string{"", "room ", "\xff", strings.Repeat("x", 192)} {
		t.Run(fmt.Sprintf("conversation id %.10q", id), func(t *testing.T) {
			s := open(t)
			r := s.Save(t.Context(), []repo.Group{
				{ConversationID: id, Messages: Messages("ann", 2), Changes: []repo.Change{{MessageID: "x"}}},
				{ConversationID: "fine", Messages: Messages("ann", 2)},
			})
			wantOutcomes(t, r[0], repo.OutcomeRejected, repo.OutcomeRejected)
			if r[0].Err != nil || r[0].Changes[0].Outcome != repo.OutcomeRejected {
				t.Errorf("%+v", r[0])
			}
			wantOutcomes(t, r[1], repo.OutcomeSaved, repo.OutcomeSaved)
		})
	}
}
