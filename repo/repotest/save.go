package repotest

import (
	"fmt"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/corrillo/corrillo/repo"
)

func testActivate(t *testing.T, open Open) {
	s := open(t)
	if a := activate(t, s, "nobody"); !reflect.DeepEqual(a, repo.Activation{}) {
		t.Errorf("an unknown conversation gave %+v", a)
	}
	if a := activate(t, s, "nobody"); a.Epoch != 0 {
		t.Error("Activate created a row")
	}
	m := Message("ann", "", "hi")
	r := saveOne(t, s, repo.Group{ConversationID: "room", Messages: []repo.Message{m},
		Participants: []repo.ParticipantChange{{UserID: "ann", ReadSeq: 1}, {UserID: "bob", Remove: true, At: start}}})
	if r.Epoch != 1 || r.LastSeq != 1 {
		t.Errorf("the first save gave epoch %d, lastSeq %d", r.Epoch, r.LastSeq)
	}
	want := repo.Activation{Epoch: 2, LastSeq: 1, LastActivityAt: start, Participants: []repo.Participant{
		{ConversationID: "room", UserID: "ann", Role: "member", LastReadSeq: 1},
		{ConversationID: "room", UserID: "bob", Role: "member", RemovedAt: start},
	}}
	if got := activate(t, s, "room"); !reflect.DeepEqual(got, want) {
		t.Errorf("got  %+v\nwant %+v", got, want)
	}
	if a := activate(t, s, "room"); a.Epoch != 3 {
		t.Errorf("the next activation has epoch %d, want 3", a.Epoch)
	}
	// Rows with such ids cannot be, and MySQL would find another's.
	for _, id := range []string{"", "room ", strings.Repeat("x", 192), "\xff"} {
		if a := activate(t, s, id); a.Epoch != 0 {
			t.Errorf("Activate(%q) gave %+v", id, a)
		}
	}
	if a := activate(t, s, "Room"); a.Epoch != 0 {
		t.Error("ids are compared without regard to case")
	}
}

func testSave(t *testing.T, open Open) {
	t.Run("every field comes back", func(t *testing.T) {
		s := open(t)
		m := Message("ann", "tmp", "żółć 😀 ' \" \\ ? \x00 \n")
		m.ReceiverID, m.Type = "bob", "image"
		m.Metadata = []byte(`{"z": 1.00, "a":{"$binary":"AAEC"},"a":2}`)
		m.ReplyTo, m.Extra = []byte(`"id"`), []byte(`"priority":"high"`)
		m.CreatedAt = time.Date(2026, 1, 2, 3, 4, 5, 678_999_999, time.FixedZone("", 7200))
		want := m
		want.ConversationID, want.Seq = "room", 1
		want.CreatedAt = time.Date(2026, 1, 2, 1, 4, 5, 678_000_000, time.UTC)
		r := post(t, s, "room", m)
		if got := r.Messages[0].Stored; !reflect.DeepEqual(got, want) {
			t.Errorf("Stored\ngot  %+v\nwant %+v", got, want)
		}
		if got := all(t, s, "room"); !reflect.DeepEqual(got, []repo.Message{want}) {
			t.Errorf("read\ngot  %+v\nwant %+v", got, want)
		}
	})
	t.Run("absent fields stay absent", func(t *testing.T) {
		s := open(t)
		m := Message("ann", "", "")
		m.Metadata = []byte{}
		post(t, s, "room", m)
		got := all(t, s, "room")[0]
		if got.Metadata != nil || got.ReplyTo != nil || got.Extra != nil || got.TempID != "" || !got.EditedAt.IsZero() {
			t.Errorf("%+v", got)
		}
	})
	t.Run("many conversations at once", func(t *testing.T) {
		s := open(t)
		groups := make([]repo.Group, 300)
		for i := range groups {
			groups[i] = repo.Group{ConversationID: fmt.Sprint("room ", i), Messages: Messages("ann", 1+i%4)}
		}
		for round := range 2 {
			for i, r := range s.Save(t.Context(), groups) {
				if r.Err != nil {
					t.Fatalf("round %d, group %d: %v", round, i, r.Err)
				}
				g := &groups[i]
				for k, m := range r.Messages {
					if m.Outcome != repo.OutcomeSaved || m.Stored.ID != g.Messages[k].ID || m.Stored.Seq != g.LastSeq+int64(k+1) {
						t.Fatalf("round %d, group %d, message %d: %+v", round, i, k, m)
					}
				}
				if r.LastSeq != g.LastSeq+int64(len(g.Messages)) || r.Epoch != 1 {
					t.Fatalf("round %d, group %d: %+v", round, i, r)
				}
				*g = groupOf(g.ConversationID, after(r), Messages("bob", 1+i%3)...)
			}
		}
		for i := range groups {
			if n := len(WantWhole(t, s, groups[i].ConversationID)); n != (1+i%4)+(1+i%3) {
				t.Fatalf("group %d has %d messages", i, n)
			}
		}
		transactions := int64(2)
		if perGroup(s) {
			transactions = int64(2 * len(groups))
		}
		if st := s.Stats(); st.Transactions != transactions || st.Rows == 0 || st.Retries != 0 {
			t.Errorf("two batches were not %d transactions: %+v", transactions, st)
		}
	})
	t.Run("more rows than a statement takes", func(t *testing.T) {
		s := open(t)
		post(t, s, "room", Messages("ann", 1201)...)
		if n := len(WantWhole(t, s, "room")); n != 1201 {
			t.Errorf("%d messages", n)
		}
	})
	t.Run("more bytes than a statement takes", func(t *testing.T) {
		s := open(t)
		big := Messages("ann", 40)
		for i := range big {
			big[i].Content = strings.Repeat("'", 500_000)
		}
		r := post(t, s, "room", big...)
		for i := range r.Messages {
			if r.Messages[i].Outcome != repo.OutcomeSaved {
				t.Fatalf("message %d: %+v", i, r.Messages[i].Err)
			}
		}
	})
	t.Run("activity never goes back", func(t *testing.T) {
		s := open(t)
		late, early := Message("ann", "", "late"), Message("ann", "", "early")
		early.CreatedAt = start.Add(-time.Hour)
		post(t, s, "room", late)
		post(t, s, "room", early)
		if a := activate(t, s, "room"); !a.LastActivityAt.Equal(start) {
			t.Errorf("lastActivityAt is %v", a.LastActivityAt)
		}
	})
	t.Run("no groups", func(t *testing.T) {
		if r := open(t).Save(t.Context(), nil); len(r) != 0 {
			t.Errorf("%v", r)
		}
	})
}

func testSaveFences(t *testing.T, open Open) {
	t.Run("an older epoch writes nothing", func(t *testing.T) {
		s := open(t)
		old := after(post(t, s, "room", Message("ann", "1", "one")))
		post(t, s, "other", Message("ann", "1", "one"))
		other := activate(t, s, "other")
		activate(t, s, "room")
		g := groupOf("room", old, Message("ann", "2", "two"))
		g.Participants = []repo.ParticipantChange{{UserID: "eve"}}
		r := s.Save(t.Context(), []repo.Group{g, groupOf("other", other, Message("ann", "2", "two"))})
		wantFenced(t, r[0])
		if r[1].Err != nil || r[1].LastSeq != 2 {
			t.Errorf("the other group: %+v", r[1])
		}
		if n := len(WantWhole(t, s, "room")); n != 1 {
			t.Errorf("%d messages", n)
		}
		if a := activate(t, s, "room"); len(a.Participants) != 0 {
			t.Errorf("participants were written: %+v", a.Participants)
		}
		if st := s.Stats(); st.Fenced != 1 {
			t.Errorf("fenced %d", st.Fenced)
		}
	})
	t.Run("the same epoch with an older seq or rev writes nothing", func(t *testing.T) {
		s := open(t)
		r := post(t, s, "room", Message("ann", "1", "one"), Message("ann", "2", "two"))
		for _, stale := range []repo.Activation{{Epoch: r.Epoch, LastSeq: 1}, {Epoch: r.Epoch, LastSeq: 2, LastRev: 1}} {
			wantFenced(t, s.Save(t.Context(), []repo.Group{groupOf("room", stale, Message("ann", "3", "three"))})[0])
		}
		WantWhole(t, s, "room")
	})
	t.Run("two create the same conversation", func(t *testing.T) {
		s := open(t)
		post(t, s, "room", Message("ann", "1", "one"))
		r := s.Save(t.Context(), []repo.Group{
			{ConversationID: "room", Messages: []repo.Message{Message("bob", "1", "mine")}},
			{ConversationID: "new", Messages: []repo.Message{Message("bob", "1", "mine")}},
		})
		wantFenced(t, r[0])
		if r[1].Err != nil || r[1].Epoch != 1 || r[1].LastSeq != 1 {
			t.Errorf("the other group: %+v", r[1])
		}
		WantWhole(t, s, "room")
	})
	t.Run("a conversation that is not there", func(t *testing.T) {
		s := open(t)
		wantFenced(t, s.Save(t.Context(), []repo.Group{groupOf("room", repo.Activation{Epoch: 7}, Message("ann", "", "x"))})[0])
	})
	t.Run("only participants", func(t *testing.T) {
		s := open(t)
		r := saveOne(t, s, repo.Group{ConversationID: "room", Participants: []repo.ParticipantChange{{UserID: "ann"}}})
		if r.Epoch != 1 || r.LastSeq != 0 {
			t.Errorf("%+v", r)
		}
		g := groupOf("room", repo.Activation{Epoch: 9})
		g.Participants = []repo.ParticipantChange{{UserID: "eve"}}
		wantFenced(t, s.Save(t.Context(), []repo.Group{g})[0])
		g.Epoch = 1
		if r := saveOne(t, s, g); r.Epoch != 1 {
			t.Errorf("%+v", r)
		}
	})
	t.Run("one conversation twice in a save", func(t *testing.T) {
		s := open(t)
		r := s.Save(t.Context(), []repo.Group{
			{ConversationID: "room", Messages: []repo.Message{Message("ann", "1", "one")}},
			{ConversationID: "room", Messages: []repo.Message{Message("ann", "2", "two")}},
		})
		if r[0].Err != nil || r[1].Err == nil {
			t.Errorf("%v, %v", r[0].Err, r[1].Err)
		}
		WantWhole(t, s, "room")
	})
}
