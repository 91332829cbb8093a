package repotest

import (
	"math"
	"reflect"
	"testing"
	"time"

	"github.com/corrillo/corrillo/repo"
)

func testChange(t *testing.T, open Open) {
	at := start.Add(time.Hour)
	setUp := func(t *testing.T) (repo.Store, repo.GroupResult) {
		s := open(t)
		one, two := Message("ann", "1", "one"), Message("bob", "2", "two")
		one.Metadata, one.ReplyTo, one.Extra = []byte(`{"a":1}`), []byte(`"r"`), []byte(`"k":1`)
		return s, post(t, s, "room", one, two)
	}
	change := func(t *testing.T, s repo.Store, r repo.GroupResult, changes ...repo.Change) repo.GroupResult {
		g := groupOf("room", after(r))
		g.Changes = changes
		return saveOne(t, s, g)
	}
	t.Run("edit", func(t *testing.T) {
		s, r := setUp(t)
		want := r.Messages[0].Stored
		c := change(t, s, r, repo.Change{Kind: repo.ChangeEdit, MessageID: want.ID, Content: "new", By: "ann", At: at, OnlySender: true})
		want.Rev, want.Content, want.EditedAt = 1, "new", at
		if c.LastRev != 1 || c.LastSeq != 2 || !reflect.DeepEqual(c.Changes[0], repo.ChangeResult{Stored: want}) {
			t.Errorf("got  %+v\nwant %+v", c.Changes[0], want)
		}
		if got, err := s.FindMessage(t.Context(), want.ID); err != nil || !reflect.DeepEqual(got, want) {
			t.Errorf("read %+v, %v", got, err)
		}
	})
	t.Run("delete leaves a tombstone", func(t *testing.T) {
		s, r := setUp(t)
		want := r.Messages[0].Stored
		c := change(t, s, r, repo.Change{Kind: repo.ChangeDelete, MessageID: want.ID, By: "moderator", At: at})
		want.Rev, want.Content, want.Metadata, want.ReplyTo, want.Extra = 1, "", nil, nil, nil
		want.DeletedAt, want.DeletedBy = at, "moderator"
		if got := all(t, s, "room")[0]; !reflect.DeepEqual(got, want) || !reflect.DeepEqual(c.Changes[0].Stored, want) {
			t.Errorf("got  %+v\nwant %+v", got, want)
		}
		c = change(t, s, c,
			repo.Change{Kind: repo.ChangeDelete, MessageID: want.ID, By: "ann", At: at.Add(time.Hour)},
			repo.Change{Kind: repo.ChangeEdit, MessageID: want.ID, By: "ann", Content: "x", At: at})
		if c.LastRev != 1 || c.Changes[0].Outcome != repo.OutcomeRepeat || !reflect.DeepEqual(c.Changes[0].Stored, want) || c.Changes[1].Outcome != repo.OutcomeRefused {
			t.Errorf("%+v", c)
		}
	})
	t.Run("who may and what is there", func(t *testing.T) {
		s, r := setUp(t)
		other := post(t, s, "other", Message("ann", "", "elsewhere")).Messages[0].Stored
		id := r.Messages[0].Stored.ID
		c := change(t, s, r,
			repo.Change{MessageID: id, Content: "x", By: "bob", At: at, OnlySender: true},
			repo.Change{Kind: repo.ChangeDelete, MessageID: id, By: "bob", At: at, OnlySender: true},
			repo.Change{MessageID: "no such", Content: "x", By: "ann", At: at},
			repo.Change{MessageID: other.ID, Content: "x", By: "ann", At: at},
			repo.Change{MessageID: id, Content: "\xff", By: "ann", At: at},
			repo.Change{MessageID: id, Content: "fine", By: "ann", At: at})
		want := []repo.Outcome{repo.OutcomeRefused, repo.OutcomeRefused, repo.OutcomeNotFound, repo.OutcomeNotFound, repo.OutcomeRejected, repo.OutcomeSaved}
		for i := range want {
			if c.Changes[i].Outcome != want[i] {
				t.Errorf("change %d: %+v, want outcome %d", i, c.Changes[i], want[i])
			}
		}
		if c.LastRev != 1 {
			t.Errorf("lastRev %d", c.LastRev)
		}
	})
	t.Run("several of one message, and one of the same group", func(t *testing.T) {
		s, r := setUp(t)
		id, m := r.Messages[0].Stored.ID, Message("ann", "3", "three")
		g := groupOf("room", after(r), m)
		g.Changes = []repo.Change{
			{MessageID: id, Content: "a", By: "ann", At: at},
			{MessageID: id, Content: "b", By: "ann", At: at},
			{MessageID: m.ID, Content: "c", By: "ann", At: at},
			{Kind: repo.ChangeDelete, MessageID: id, By: "ann", At: at},
		}
		c := saveOne(t, s, g)
		for i := range c.Changes {
			if c.Changes[i].Outcome != repo.OutcomeSaved || c.Changes[i].Stored.Rev != int64(i+1) {
				t.Errorf("change %d: %+v", i, c.Changes[i])
			}
		}
		if c.LastRev != 4 || c.LastSeq != 3 || c.Changes[0].Stored.Content != "a" {
			t.Errorf("%+v", c)
		}
		page, more, err := s.Changes(t.Context(), "room", 0, math.MaxInt64, 10)
		if err != nil || more || len(page) != 2 || page[0].Rev != 3 || page[1].Rev != 4 {
			t.Errorf("%+v %v %v", page, more, err)
		}
	})
	t.Run("pages of changes", func(t *testing.T) {
		s := open(t)
		r := post(t, s, "room", Messages("ann", 10)...)
		g := groupOf("room", after(r))
		for i := range r.Messages {
			g.Changes = append(g.Changes, repo.Change{MessageID: r.Messages[i].Stored.ID, Content: "x", By: "ann", At: at})
		}
		saveOne(t, s, g)
		page, more, err := s.Changes(t.Context(), "room", 2, 9, 5)
		if err != nil || !more || len(page) != 5 || page[0].Rev != 3 || page[4].Rev != 7 {
			t.Errorf("%+v %v %v", page, more, err)
		}
		if page, more, err = s.Changes(t.Context(), "room", 7, 9, 5); err != nil || more || len(page) != 2 {
			t.Errorf("%+v %v %v", page, more, err)
		}
	})
}

func testParticipants(t *testing.T, open Open) {
	s := open(t)
	at := start.Add(time.Hour)
	r := saveOne(t, s, repo.Group{ConversationID: "room", Participants: []repo.ParticipantChange{
		{UserID: "ann", PeerID: "bob", ReadSeq: 5}, {UserID: "bob"}, {UserID: "eve", Remove: true, At: at},
		{UserID: "spaced "}, {UserID: "\xff"}, {UserID: ""},
	}})
	step := func(changes ...repo.ParticipantChange) {
		t.Helper()
		g := groupOf("room", after(r))
		g.Participants = changes
		r = saveOne(t, s, g)
	}
	want := func(label string, people ...repo.Participant) {
		t.Helper()
		for i := range people {
			people[i].ConversationID, people[i].Role = "room", "member"
		}
		a := activate(t, s, "room")
		r.Epoch = a.Epoch
		if !reflect.DeepEqual(a.Participants, people) {
			t.Errorf("%s\ngot  %+v\nwant %+v", label, a.Participants, people)
		}
	}
	want("inserted", repo.Participant{UserID: "ann", PeerID: "bob", LastReadSeq: 5}, repo.Participant{UserID: "bob"}, repo.Participant{UserID: "eve", RemovedAt: at})
	step(repo.ParticipantChange{UserID: "ann", ReadSeq: 3}, repo.ParticipantChange{UserID: "bob", ReadSeq: 2}, repo.ParticipantChange{UserID: "eve", ReadSeq: 1})
	want("a mark never goes back, reading brings nobody back",
		repo.Participant{UserID: "ann", PeerID: "bob", LastReadSeq: 5}, repo.Participant{UserID: "bob", LastReadSeq: 2}, repo.Participant{UserID: "eve", LastReadSeq: 1, RemovedAt: at})
	step(repo.ParticipantChange{UserID: "bob", Remove: true, At: at}, repo.ParticipantChange{UserID: "eve", Restore: true})
	want("removed and restored",
		repo.Participant{UserID: "ann", PeerID: "bob", LastReadSeq: 5}, repo.Participant{UserID: "bob", LastReadSeq: 2, RemovedAt: at}, repo.Participant{UserID: "eve", LastReadSeq: 1})
	step(repo.ParticipantChange{UserID: "ann", ReadSeq: 9}, repo.ParticipantChange{UserID: "ann", Remove: true, At: at},
		repo.ParticipantChange{UserID: "ann", PeerID: "eve", Restore: true}, repo.ParticipantChange{UserID: "ann", ReadSeq: 7})
	want("several of one user",
		repo.Participant{UserID: "ann", PeerID: "eve", LastReadSeq: 9}, repo.Participant{UserID: "bob", LastReadSeq: 2, RemovedAt: at}, repo.Participant{UserID: "eve", LastReadSeq: 1})
}
