package outbox_test

import (
	"fmt"
	"log/slog"
	"testing"

	"github.com/corrillo/corrillo/actors/message"
	"github.com/corrillo/corrillo/actors/outbox"
)

// Nodes come and go for years under fresh names. Answers that are still being
// made for one that has gone must not wait for it, nor be tried for ever.
func TestOutbox_KeepsNothingForWhoHasGone(t *testing.T) {
	tries := map[string]int{}
	o := outbox.New(func(node string, _ []byte) error {
		tries[node]++
		return fmt.Errorf("no link: %w", message.ErrOverloaded)
	}, 1<<20, slog.New(slog.DiscardHandler))
	answer := func(node string) {
		o.Must(node, &message.PresenceAnswered{Ask: 1})
		o.Relay(node, &message.Relayed{ConversationID: "r", Replies: []message.Reply{{}}})
	}
	for i := range 100 {
		gone, comes := fmt.Sprint("n", i), fmt.Sprint("n", i+1)
		o.Only([]string{gone, "stays"})
		answer(gone)
		if n := o.Stats().Waiting; n == 0 {
			t.Fatal("nothing waits for a node that is there")
		}
		o.Only([]string{"stays", comes})
		tries[gone] = 0
		answer(gone)
		if err := o.Try(gone, &message.PresenceAnswered{Ask: 1}); err != nil {
			t.Errorf("a message that nobody will miss is refused: %v", err)
		}
		if tries[gone] > 0 {
			t.Errorf("%d tries for a node that has gone", tries[gone])
		}
	}
	if s := o.Stats(); s.Waiting != 0 || s.Refused != 0 {
		t.Errorf("%+v", s)
	}
	answer("stays")
	if n := o.Stats().Waiting; n != 2 {
		t.Errorf("%d messages wait for a node that stays, want 2", n)
	}
}
