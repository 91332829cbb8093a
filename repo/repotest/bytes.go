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

// testChangeBytes: however large the messages are that a group changes, no more
// than a page of them is changed at once, in order, and the rest is left for the
// next group.
func testChangeBytes(t *testing.T, open Open) {
	s := open(t)
	const n = 20
	large := func() repo.Message {
		m := Message("ann", "", "x")
		m.Metadata = []byte(`"` + strings.Repeat("x", 1_000_000) + `"`)
		return m
	}
	r := post(t, s, "room", large(), large(), Message("ann", "", "small"))
	first := r.Messages[0].Stored.ID
	other := post(t, s, "other", large())
	var left []repo.Change
	for i := range n { // of one message more often than of the other
		left = append(left, repo.Change{MessageID: r.Messages[min(i%3, 1)].Stored.ID, Content: fmt.Sprint(i), At: start})
	}
	left = append(left, repo.Change{MessageID: r.Messages[2].Stored.ID, Content: "last", At: start}, repo.Change{MessageID: "none", Content: "x", At: start})
	done, groups := 0, 0
	for rev := int64(0); len(left) > 0; groups++ {
		g := groupOf("room", after(r))
		g.Changes = left
		if r = saveOne(t, s, g); r.Err != nil {
			t.Fatal(r.Err)
		}
		bytes, now := 0, 0
		for i := range r.Changes {
			c := &r.Changes[i]
			if c.Outcome == repo.OutcomeLater {
				break
			}
			if now++; left[i].MessageID == "none" {
				if c.Outcome != repo.OutcomeNotFound {
					t.Fatalf("%+v", c)
				}
				continue
			}
			if rev++; c.Outcome != repo.OutcomeSaved || c.Stored.Rev != rev || c.Stored.Content != left[i].Content {
				t.Fatalf("change %d of group %d: outcome %d, rev %d, content %q", i, groups, c.Outcome, c.Stored.Rev, c.Stored.Content)
			}
			bytes += c.Stored.Size()
		}
		for _, c := range r.Changes[now:] {
			if c.Outcome != repo.OutcomeLater {
				t.Fatalf("outcome %d behind what is left for later", c.Outcome)
			}
		}
		if now == 0 || bytes > repo.PageBytes+1_100_000 || r.LastRev != rev {
			t.Fatalf("group %d: %d changes, %d bytes, last rev %d, want %d", groups, now, bytes, r.LastRev, rev)
		}
		left, done = left[now:], done+now
	}
	if done != n+2 || groups < n/5 || groups > n/3 {
		t.Errorf("%d changes in %d groups", done, groups)
	}
	t.Run("each group has one at the least", func(t *testing.T) {
		one, two := groupOf("room", after(r)), groupOf("other", after(other))
		for range n {
			one.Changes = append(one.Changes, repo.Change{MessageID: first, Content: "x", At: start})
			two.Changes = append(two.Changes, repo.Change{MessageID: other.Messages[0].Stored.ID, Content: "x", At: start})
		}
		saved := 0
		for _, r := range s.Save(t.Context(), []repo.Group{one, two}) {
			if r.Err != nil || r.Changes[0].Outcome != repo.OutcomeSaved || r.Changes[n-1].Outcome != repo.OutcomeLater {
				t.Fatalf("%v, outcomes %d and %d", r.Err, r.Changes[0].Outcome, r.Changes[n-1].Outcome)
			}
			for i := range r.Changes {
				if r.Changes[i].Outcome == repo.OutcomeSaved {
					saved++
				}
			}
		}
		if saved > 6 {
			t.Errorf("%d large messages are changed in one transaction", saved)
		}
	})
}
