package repotest

import (
	"context"
	"crypto/sha256"
	"strconv"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/corrillo/corrillo/repo"
)

// start is the time that the suite's messages count from.
var start = time.Date(2026, 3, 1, 12, 0, 0, 250*int(time.Millisecond), time.UTC)

// Message makes a message as a session does: a fresh id, its hash, a time.
// tempID may be empty.
func Message(sender, tempID, content string) repo.Message {
	m := repo.Message{
		ID: newID(), SenderID: sender, SenderName: "name of " + sender, TempID: tempID,
		Content: content, Type: "text", CreatedAt: start,
	}
	m.Hash = sha256.Sum256([]byte(content))
	return m
}

func newID() string { return uuid.Must(uuid.NewV7()).String() }

// Messages makes n messages of one sender with tempIds of their own.
func Messages(sender string, n int) []repo.Message {
	out := make([]repo.Message, n)
	for i := range out {
		out[i] = Message(sender, newID(), "message "+strconv.Itoa(i))
		out[i].CreatedAt = start.Add(time.Duration(i) * time.Millisecond)
	}
	return out
}

// saveOne saves one group and wants it to succeed as a whole.
func saveOne(t testing.TB, s repo.Store, g repo.Group) repo.GroupResult {
	t.Helper()
	r := s.Save(t.Context(), []repo.Group{g})
	if len(r) != 1 {
		t.Fatalf("Save of one group gave %d results", len(r))
	}
	if r[0].Err != nil {
		t.Fatalf("Save: %v", r[0].Err)
	}
	return r[0]
}

// post saves messages in a conversation after activating it.
func post(t testing.TB, s repo.Store, conversationID string, messages ...repo.Message) repo.GroupResult {
	t.Helper()
	a := activate(t, s, conversationID)
	return saveOne(t, s, groupOf(conversationID, a, messages...))
}

func groupOf(conversationID string, a repo.Activation, messages ...repo.Message) repo.Group {
	return repo.Group{ConversationID: conversationID, Epoch: a.Epoch, LastSeq: a.LastSeq, LastRev: a.LastRev, Messages: messages}
}

// after is the activation that a result leaves behind.
func after(r repo.GroupResult) repo.Activation {
	return repo.Activation{Epoch: r.Epoch, LastSeq: r.LastSeq, LastRev: r.LastRev}
}

func activate(t testing.TB, s repo.Store, conversationID string) repo.Activation {
	t.Helper()
	a, err := s.Activate(t.Context(), conversationID)
	if err != nil {
		t.Fatalf("Activate: %v", err)
	}
	return a
}

// all reads every message of a conversation.
func all(t testing.TB, s repo.Store, conversationID string) []repo.Message {
	t.Helper()
	return allWith(t.Context(), t, s, conversationID)
}

func allWith(ctx context.Context, t testing.TB, s repo.Store, conversationID string) []repo.Message {
	t.Helper()
	var found []repo.Message
	for more := true; more; {
		q := repo.MessageQuery{ConversationID: conversationID, FromOldest: true, Limit: 1_000_000}
		if n := len(found); n > 0 {
			q.AfterSeq = found[n-1].Seq
		}
		var page []repo.Message
		var err error
		if page, more, err = s.Messages(ctx, q); err != nil || more && len(page) == 0 {
			t.Fatalf("Messages: %d, more=%v err=%v", len(page), more, err)
		}
		found = append(found, page...)
	}
	return found
}

// wantOutcomes compares the outcomes of a group's messages.
func wantOutcomes(t testing.TB, r repo.GroupResult, want ...repo.Outcome) {
	t.Helper()
	if len(r.Messages) != len(want) {
		t.Fatalf("%d message results, want %d", len(r.Messages), len(want))
	}
	for i := range want {
		if r.Messages[i].Outcome != want[i] {
			t.Errorf("message %d: outcome %d (err %v), want %d", i, r.Messages[i].Outcome, r.Messages[i].Err, want[i])
		}
	}
}

// WantWhole checks what no fault may break: seq from 1 without gaps, no id
// and no (sender, tempId) twice, and the conversation's row agreeing.
func WantWhole(t testing.TB, s repo.Store, conversationID string) []repo.Message {
	t.Helper()
	messages := all(t, s, conversationID)
	ids, temps := map[string]bool{}, map[[2]string]bool{}
	for i, m := range messages {
		if m.Seq != int64(i+1) {
			t.Fatalf("message %d of %q has seq %d", i, conversationID, m.Seq)
		}
		if ids[m.ID] {
			t.Errorf("id %q is there twice", m.ID)
		}
		ids[m.ID] = true
		if key := [2]string{m.SenderID, m.TempID}; m.TempID != "" {
			if temps[key] {
				t.Errorf("tempId %q of %q is there twice", m.TempID, m.SenderID)
			}
			temps[key] = true
		}
	}
	if a := activate(t, s, conversationID); a.LastSeq != int64(len(messages)) {
		t.Errorf("the conversation says lastSeq %d, and there are %d messages", a.LastSeq, len(messages))
	}
	return messages
}
