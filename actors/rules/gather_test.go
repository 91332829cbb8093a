package rules

import (
	"fmt"
	"testing"
	"time"

	"github.com/corrillo/corrillo/actors/message"
	"github.com/corrillo/corrillo/repo"
)

// Commands that have come together go in one group; while one is in flight
// the next fills up as ever; and no group waits once it is large.
func TestGather_OneGroupOfWhatCameTogether(t *testing.T) {
	now := time.Unix(1_700_000_000, 0)
	c := NewConversation("lobby", Options{Gather: true})
	n := 0
	post := func() *Ready {
		n++
		o := message.Origin{Session: message.SessionRef{Node: "n", ID: 1}, UserID: "ann", Serial: uint64(n)}
		return c.Step(&message.PostMessage{Origin: o, Message: repo.Message{SenderID: "ann", ID: fmt.Sprint(n), TempID: fmt.Sprint(n)}}, now)
	}
	saved := func(g *repo.Group) *Ready {
		r := repo.GroupResult{Epoch: 1, LastSeq: g.LastSeq + int64(len(g.Messages)), LastRev: g.LastRev}
		for i, m := range g.Messages {
			m.Seq = g.LastSeq + int64(i) + 1
			r.Messages = append(r.Messages, repo.MessageResult{Stored: m})
		}
		return c.Step(&message.GroupSaved{Serial: g.Serial, Result: r}, now)
	}
	post()
	g := c.Step(&message.Activated{Activation: repo.Activation{Epoch: 1}}, now).Save
	if g == nil || len(g.Messages) != 1 {
		t.Fatalf("an activation saves what has waited for it; got %v", g)
	}
	saved(g)

	asked := 0
	for range 3 {
		r := post()
		if r.Gather {
			asked++
		}
		if r.Save != nil {
			t.Fatal("a group went before all was in it")
		}
	}
	if asked != 1 {
		t.Fatalf("Gathered was asked for %d times, want once", asked)
	}
	if c.Idle() {
		t.Error("it may be passivated with messages in hand")
	}
	g = c.Step(&message.Gathered{}, now).Save
	if g == nil || len(g.Messages) != 3 {
		t.Fatalf("want three messages in one group, got %v", g)
	}
	if r := post(); r.Gather || r.Save != nil {
		t.Error("a message behind a group in flight needs no gathering")
	}
	if g = saved(g).Save; g == nil || len(g.Messages) != 1 {
		t.Fatalf("what filled up behind a group goes at once; got %v", g)
	}
	saved(g)

	for i := range gatherRows {
		r := post()
		if last := i >= gatherRows-2; (r.Save != nil) && !last {
			t.Fatalf("a group of %d went", i+1)
		} else if r.Save != nil {
			return
		}
	}
	t.Errorf("a group of %d still waits", gatherRows)
}
