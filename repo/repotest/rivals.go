package repotest

import (
	"errors"
	"fmt"
	"sync"
	"testing"

	"github.com/corrillo/corrillo/repo"
)

// testRivals lets several activations of one conversation fight, as two
// servers on one database do: it may cost tries, never a message.
func testRivals(t *testing.T, open Open) {
	s := open(t)
	Fight(t, []repo.Store{s, s}, 40)
}

// Fight sends perRival messages through each store into one conversation.
// Each is sent until it is acked, like a client does. The table must hold
// every one once, at the seq of its ack.
func Fight(t testing.TB, rivals []repo.Store, perRival int) {
	var wg sync.WaitGroup
	acked := make([][]repo.Message, len(rivals))
	for i, s := range rivals {
		wg.Go(func() {
			sender := fmt.Sprint("user", i)
			for n := range perRival {
				m := Message(sender, fmt.Sprint(n), fmt.Sprint("text ", n))
				stored, ok := SendUntilAcked(t, s, "arena", m)
				if !ok {
					return
				}
				acked[i] = append(acked[i], stored)
			}
		})
	}
	wg.Wait()
	rows := WantWhole(t, rivals[0], "arena")
	if len(rows) != len(rivals)*perRival {
		t.Errorf("%d rows, want %d", len(rows), len(rivals)*perRival)
	}
	for _, list := range acked {
		for _, m := range list {
			if got := rows[m.Seq-1]; got.ID != m.ID {
				t.Errorf("acked %q at %d, the table has %q", m.ID, m.Seq, got.ID)
			}
		}
	}
}

// SendUntilAcked activates and saves until the message has its ack.
func SendUntilAcked(t testing.TB, s repo.Store, conversationID string, m repo.Message) (repo.Message, bool) {
	for range 10_000 {
		a, err := s.Activate(t.Context(), conversationID)
		if errors.Is(err, repo.ErrUnavailable) {
			continue
		}
		if err != nil {
			t.Errorf("Activate: %v", err)
			return repo.Message{}, false
		}
		m := resend(m)
		r := s.Save(t.Context(), []repo.Group{groupOf(conversationID, a, m)})[0]
		switch {
		case errors.Is(r.Err, repo.ErrFenced), errors.Is(r.Err, repo.ErrUnavailable):
			continue
		case r.Err != nil:
			t.Errorf("Save: %v", r.Err)
			return repo.Message{}, false
		}
		if o := r.Messages[0].Outcome; o != repo.OutcomeSaved && o != repo.OutcomeRepeat {
			t.Errorf("outcome %d, %v", o, r.Messages[0].Err)
			return repo.Message{}, false
		}
		return r.Messages[0].Stored, true
	}
	t.Errorf("%q was never acked", m.TempID)
	return repo.Message{}, false
}
