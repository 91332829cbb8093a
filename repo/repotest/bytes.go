package repotest

import (
	"fmt"
	"math"
	"strings"
	"testing"

	"github.com/corrillo/corrillo/repo"
)

// testPageBytes: however large messages are, a page of them stays small, says
// that there is more, and the pages together are everything.
func testPageBytes(t *testing.T, open Open) {
	s := open(t)
	const n, size = 9, 1 << 20 // four of them are too many for one page
	for i := range n {
		room := fmt.Sprint("room", i)
		m := Message("ann", fmt.Sprint("t", i), strings.Repeat("x", size-1000))
		r := post(t, s, "large", m)
		change := repo.Change{Kind: repo.ChangeEdit, MessageID: r.Messages[0].Stored.ID, Content: m.Content + "!", At: start}
		saveOne(t, s, repo.Group{ConversationID: "large", Epoch: r.Epoch, LastSeq: r.LastSeq, LastRev: r.LastRev, Changes: []repo.Change{change}})
		m.ID = newID()
		saveOne(t, s, repo.Group{ConversationID: room, Messages: []repo.Message{m}, Participants: []repo.ParticipantChange{{UserID: "ann"}}})
	}
	small := func(t *testing.T, what string, page []repo.Message, more, want bool) {
		t.Helper()
		bytes := 0
		for i := range page {
			bytes += page[i].Size()
		}
		if len(page) == 0 || bytes > repo.PageBytes || more != want {
			t.Fatalf("%s: %d messages, %d bytes, more=%v", what, len(page), bytes, more)
		}
	}
	t.Run("from the oldest", func(t *testing.T) {
		for last := int64(0); last < n; {
			page, more, err := s.Messages(t.Context(), repo.MessageQuery{ConversationID: "large", AfterSeq: last, FromOldest: true, Limit: n})
			if err != nil || page[0].Seq != last+1 {
				t.Fatal(page[0].Seq, err)
			}
			last = page[len(page)-1].Seq
			small(t, fmt.Sprint("up to ", last), page, more, last < n)
		}
	})
	t.Run("from the newest", func(t *testing.T) {
		for first := int64(n + 1); first > 1; {
			page, more, err := s.Messages(t.Context(), repo.MessageQuery{ConversationID: "large", BeforeSeq: first, Limit: n})
			if err != nil || page[len(page)-1].Seq != first-1 {
				t.Fatal(page[len(page)-1].Seq, err)
			}
			first = page[0].Seq
			small(t, fmt.Sprint("down to ", first), page, more, first > 1)
		}
	})
	t.Run("a message that is larger comes alone", func(t *testing.T) {
		for i := range 2 {
			post(t, s, "huge", Message("ann", fmt.Sprint("h", i), strings.Repeat("x", repo.PageBytes+1)))
		}
		for i := range int64(2) {
			page, more, err := s.Messages(t.Context(), repo.MessageQuery{ConversationID: "huge", AfterSeq: i, FromOldest: true, Limit: n})
			if err != nil || len(page) != 1 || page[0].Seq != i+1 || more != (i == 0) {
				t.Fatalf("after %d: %d messages, more=%v, err=%v", i, len(page), more, err)
			}
		}
	})
	t.Run("changes", func(t *testing.T) {
		for last := int64(0); last < n; {
			page, more, err := s.Changes(t.Context(), "large", last, math.MaxInt64, n)
			if err != nil || page[0].Rev != last+1 {
				t.Fatal(page[0].Rev, err)
			}
			last = page[len(page)-1].Rev
			small(t, fmt.Sprint("up to ", last), page, more, last < n)
		}
	})
	t.Run("conversations", func(t *testing.T) {
		seen := map[string]bool{}
		for cursor, more := "", true; more; {
			page, next, err := s.Conversations(t.Context(), "ann", cursor, n)
			if err != nil {
				t.Fatal(err)
			}
			var last []repo.Message
			for _, c := range page {
				if c.LastMessage == nil || seen[c.ConversationID] {
					t.Fatalf("%s comes twice, or without its last message", c.ConversationID)
				}
				seen[c.ConversationID] = true
				last = append(last, *c.LastMessage)
			}
			cursor, more = next, next != ""
			small(t, fmt.Sprint("after ", len(seen)), last, more, len(seen) < n)
		}
	})
}
