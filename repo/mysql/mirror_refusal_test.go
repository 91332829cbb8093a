package mysql_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/corrillo/corrillo/repo"
	"github.com/corrillo/corrillo/repo/repotest"
)

// What the app's table refuses fails alone, in words, and may succeed later.
func TestMirror_Refusals(t *testing.T) {
	cases := []struct {
		name, setUp string
		spoil       func(m *repo.Message)
		want        string
		mend        string
	}{
		{"foreign key", senderKey, func(m *repo.Message) { m.SenderID = "nobody" }, "no such row in User for senderId", "INSERT INTO User VALUES ('nobody')"},
		{"too long", "ALTER TABLE DirectMessage MODIFY content VARCHAR(20) NOT NULL", func(m *repo.Message) { m.Content = strings.Repeat("x", 21) }, "content is too long",
			"ALTER TABLE DirectMessage MODIFY content TEXT NOT NULL"},
		{"no such value", "ALTER TABLE DirectMessage MODIFY type ENUM('TEXT','IMAGE') NOT NULL", func(m *repo.Message) { m.Type = "sticker" }, "it does not take this type",
			"ALTER TABLE DirectMessage MODIFY type ENUM('TEXT','IMAGE','STICKER') NOT NULL"},
		{"not a number", "ALTER TABLE DirectMessage MODIFY tempId INT NULL", func(m *repo.Message) { m.TempID = "abc" }, "it does not take this tempId",
			"ALTER TABLE DirectMessage MODIFY tempId VARCHAR(191) NULL"},
		{"character set", "ALTER TABLE DirectMessage MODIFY content TEXT CHARACTER SET latin1 NOT NULL", func(m *repo.Message) { m.Content = "\U0001f600" }, "it does not take this content",
			"ALTER TABLE DirectMessage MODIFY content TEXT CHARACTER SET utf8mb4 NOT NULL"},
		{"check", "ALTER TABLE DirectMessage ADD CONSTRAINT polite CHECK (content <> 'rude')", func(m *repo.Message) { m.Content = "rude" }, "its check polite fails",
			"ALTER TABLE DirectMessage DROP CONSTRAINT polite"},
		{"trigger", "CREATE TRIGGER guard BEFORE INSERT ON DirectMessage FOR EACH ROW BEGIN IF NEW.content = 'rude' THEN SIGNAL SQLSTATE '45000' SET MESSAGE_TEXT = 'SELECT secret'; END IF; END",
			func(m *repo.Message) { m.Content = "rude" }, "a trigger of it says no", "DROP TRIGGER guard"},
		{"unique key", "CREATE UNIQUE INDEX once ON DirectMessage (content(50))", func(m *repo.Message) { m.Content = "first" }, "another row has the same value of the key once",
			"DROP INDEX once ON DirectMessage"},
		{"JSON", "ALTER TABLE DirectMessage ADD CHECK (JSON_LENGTH(metadata) < 2)", func(m *repo.Message) { m.Metadata = []byte(`[1,2]`) }, "its check CONSTRAINT_1 fails",
			"ALTER TABLE DirectMessage DROP CONSTRAINT CONSTRAINT_1"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			url, db := appDatabase(t, "INSERT INTO User VALUES ('ann'), ('bob')", c.setUp)
			s := open(t, url, withMirror())
			saveGroups(t, s, repo.Group{ConversationID: "other", Messages: []repo.Message{repotest.Message("ann", "7", "first")}})
			batch := make([]repo.Message, 60)
			for i := range batch {
				batch[i] = repotest.Message("ann", fmt.Sprint(i), fmt.Sprint("message ", i))
			}
			bad := []int{0, 17, 18, 59}
			for _, i := range bad {
				batch[i].TempID = fmt.Sprint(i)
				c.spoil(&batch[i])
				if batch[i].TempID == "abc" {
					batch[i].TempID = fmt.Sprint("abc", i)
				}
			}
			if c.name == "unique key" {
				bad = bad[:4]
			}
			r := saveGroups(t, s, groupOf(t, s, "room", batch...), groupOf(t, s, "other", repotest.Message("bob", "1", "fine")))
			for i, m := range r[0].Messages {
				want := repo.OutcomeSaved
				if slices.Contains(bad, i) {
					want = repo.OutcomeRejected
					refusal, ok := errors.AsType[*repo.Refusal](m.Err)
					if !ok || refusal.Sentence != "the app's table DirectMessage refuses this message: "+c.want {
						t.Errorf("message %d: %v", i, m.Err)
					}
				}
				if m.Outcome != want {
					t.Errorf("message %d: %+v", i, m)
				}
			}
			if r[0].LastSeq != 56 || r[1].Messages[0].Outcome != repo.OutcomeSaved {
				t.Errorf("%d %+v", r[0].LastSeq, r[1])
			}
			if st := s.Stats(); st.MirrorRefused < 4 {
				t.Errorf("%d refused", st.MirrorRefused)
			}
			wantEqual(t, db, s)
			again := groupOf(t, s, "room", batch[0])
			if m := saveGroups(t, s, again)[0].Messages[0]; m.Outcome != repo.OutcomeRejected || m.Err == nil {
				t.Errorf("sent again: %+v", m)
			}
			exec(t, db, c.mend)
			if m := saveGroups(t, s, again)[0].Messages[0]; m.Outcome != repo.OutcomeSaved || m.Stored.Seq != 57 {
				t.Errorf("when the table takes it: %+v", m)
			}
			repotest.WantWhole(t, s, "room")
			wantEqual(t, db, s)
		})
	}
}

// An id that a column would take for another one is refused: no message stands
// in a conversation of the app's that it was not sent to.
func TestMirror_IDsThatWouldBecomeOthers(t *testing.T) {
	url, db := appDatabase(t, "ALTER TABLE DirectMessage MODIFY conversationId BIGINT NULL, MODIFY type ENUM('text','image','7') NOT NULL")
	s := open(t, url, withMirror())
	for _, id := range []string{"1e1", "12.7", "007", " 7", "+7", "-0", "7."} {
		r := saveGroups(t, s, repo.Group{ConversationID: id, Messages: []repo.Message{repotest.Message("ann", "1", "x")}})[0]
		refusal, ok := errors.AsType[*repo.Refusal](r.Messages[0].Err)
		if !ok || refusal.Sentence != "the app's table DirectMessage refuses this message: conversationId is no whole number" {
			t.Errorf("%q: %+v", id, r.Messages[0])
		}
	}
	other, second := repotest.Message("ann", "1", "x"), repotest.Message("ann", "2", "x")
	other.Type, second.Type = "7", "2"
	r := saveGroups(t, s, repo.Group{ConversationID: "7", Messages: []repo.Message{other, second}}, repo.Group{ConversationID: "-12", Messages: []repo.Message{repotest.Message("ann", "3", "x")}})
	if r[0].Messages[0].Outcome != repo.OutcomeSaved || r[0].Messages[1].Outcome != repo.OutcomeRejected || r[1].Messages[0].Outcome != repo.OutcomeSaved {
		t.Errorf("%+v", r)
	}
	wantEqual(t, db, s)
}

// An edit, a deletion and a read mark that the app's table refuses fail alone.
func TestMirror_RefusedChanges(t *testing.T) {
	url, db := appDatabase(t, "CREATE TRIGGER guard BEFORE UPDATE ON DirectMessage FOR EACH ROW BEGIN IF NEW.content = 'rude' OR OLD.content = 'fixed' "+
		"THEN SIGNAL SQLSTATE '45000' SET MESSAGE_TEXT = 'no'; END IF; END")
	s := open(t, url, withMirror())
	list := []repo.Message{repotest.Message("ann", "1", "one"), repotest.Message("ann", "2", "two"), repotest.Message("ann", "3", "fixed")}
	saveGroups(t, s, repo.Group{ConversationID: "dm:1", Messages: list})
	g := groupOf(t, s, "dm:1", repotest.Message("bob", "1", "meanwhile"))
	at := list[0].CreatedAt
	g.Changes = []repo.Change{
		{MessageID: list[0].ID, Content: "rude", By: "ann", At: at},
		{MessageID: list[1].ID, Content: "polite", By: "ann", At: at},
		{Kind: repo.ChangeDelete, MessageID: list[2].ID, By: "ann", At: at},
	}
	g.Participants = []repo.ParticipantChange{{UserID: "ann", ReadSeq: 4}, {UserID: "bob", ReadSeq: 3, Role: "owner"}}
	r := saveGroups(t, s, g)[0]
	for i, want := range []string{"refuses this edit: a trigger of it says no", "", "refuses this deletion: a trigger of it says no"} {
		c := r.Changes[i]
		if want == "" && (c.Outcome != repo.OutcomeSaved || c.Stored.Rev != 1) || want != "" && (c.Outcome != repo.OutcomeRejected || !strings.Contains(c.Err.Error(), want)) {
			t.Errorf("change %d: %+v", i, c)
		}
	}
	if err := r.MarksRefused["bob"]; len(r.MarksRefused) != 1 || err == nil || !strings.Contains(err.Error(), "refuses this read mark") {
		t.Errorf("marks: %v", r.MarksRefused)
	}
	if r.Messages[0].Outcome != repo.OutcomeSaved || r.LastRev != 1 {
		t.Errorf("%+v", r)
	}
	wantEqual(t, db, s)
	a, err := s.Activate(t.Context(), "dm:1")
	if err != nil {
		t.Fatal(err)
	}
	marks := map[string]repo.Participant{}
	for _, p := range a.Participants {
		marks[p.UserID] = p
	}
	if marks["ann"].LastReadSeq != 4 || marks["bob"].LastReadSeq != 0 || marks["bob"].Role != "owner" || readRows(t, db) != 1 {
		t.Errorf("%+v, %d read", marks, readRows(t, db))
	}
}

// A table that is altered while we run: nothing is acked without the mirror,
// and all goes on when it is back.
func TestMirror_TableAltered(t *testing.T) {
	for name, c := range map[string][2]string{
		"column gone":     {"ALTER TABLE DirectMessage CHANGE content body TEXT", "ALTER TABLE DirectMessage CHANGE body content TEXT"},
		"table gone":      {"RENAME TABLE DirectMessage TO Old", "RENAME TABLE Old TO DirectMessage"},
		"a column needed": {"ALTER TABLE DirectMessage ADD needed INT NOT NULL", "ALTER TABLE DirectMessage DROP needed"},
	} {
		t.Run(name, func(t *testing.T) {
			url, db := appDatabase(t)
			s := open(t, url, withMirror())
			exec(t, db, c[0])
			m := repotest.Message("ann", "1", "one")
			r := s.Save(t.Context(), []repo.Group{{ConversationID: "room", Messages: []repo.Message{m}}})[0]
			if !errors.Is(r.Err, repo.ErrUnavailable) {
				t.Fatalf("got %+v", r)
			}
			if st := s.Stats(); st.MirrorFailed == 0 || st.MirrorRefused != 0 {
				t.Errorf("%+v", st)
			}
			exec(t, db, c[1])
			repotest.SendUntilAcked(t, s, "room", m)
			wantEqual(t, db, s)
		})
	}
}
