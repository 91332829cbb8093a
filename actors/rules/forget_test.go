package rules

import (
	"fmt"
	"testing"
	"time"

	"github.com/corrillo/corrillo/actors/message"
	"github.com/corrillo/corrillo/repo"
)

// TestConversation_Forgets: users who came to nothing leave nothing behind,
// and neither does a quiet conversation's memory of what was sent.
func TestConversation_Forgets(t *testing.T) {
	now := time.Unix(1e9, 0)
	c := NewConversation("c1", Options{Membership: MembershipOpen, RecentKeys: 4})
	origin := func(i int) message.Origin {
		user := fmt.Sprintf("u%d", i)
		return message.Origin{UserID: user, Session: message.SessionRef{Node: "n", ID: uint64(i + 1)}}
	}
	post := func(i int) *message.PostMessage {
		o := origin(i)
		return &message.PostMessage{Origin: o, Message: repo.Message{SenderID: o.UserID, ID: o.UserID}}
	}
	c.Step(post(0), now)
	g := c.Step(&message.Activated{Activation: repo.Activation{Epoch: 1}}, now).Save
	for i := 1; i < 20; i++ {
		c.Step(post(i), now)
	}
	for range 2 {
		g = c.Step(&message.GroupSaved{Serial: g.Serial, Result: repo.GroupResult{Err: message.ErrOverloaded}}, now).Save
	}
	if len(c.members) != 0 {
		t.Errorf("%d members are kept of messages that were refused", len(c.members))
	}

	var seq int64
	for i := range 20 {
		o := origin(0)
		g = c.Step(&message.PostMessage{Origin: o, Message: repo.Message{SenderID: o.UserID, ID: "m", TempID: fmt.Sprint(i)}}, now).Save
		for g != nil {
			r := repo.GroupResult{Epoch: 1, LastSeq: seq}
			for range g.Messages {
				seq++
				r.LastSeq = seq
				r.Messages = append(r.Messages, repo.MessageResult{Stored: repo.Message{ID: "m", Seq: seq}})
			}
			g = c.Step(&message.GroupSaved{Serial: g.Serial, Result: r}, now).Save
		}
	}
	if len(c.recent.keys) != 4 || len(c.recent.saved.items) != 4 || len(c.recent.free) > keepFree {
		t.Errorf("%d keys, %d entries, %d free", len(c.recent.keys), len(c.recent.saved.items), len(c.recent.free))
	}
	now = now.Add(quietAfter)
	g = c.Step(&message.Tick{}, now).Save
	c.Step(&message.GroupSaved{Serial: g.Serial, Result: repo.GroupResult{Epoch: 1, LastSeq: seq}}, now)
	if len(c.recent.keys)+len(c.recent.saved.items)+len(c.recent.free) != 0 || len(c.recent.last.items) != keepTargets {
		t.Errorf("quiet, and %d keys, %d entries, %d targets are kept", len(c.recent.keys), len(c.recent.saved.items), len(c.recent.last.items))
	}
	if _, ok := c.recent.bySeq(seq); !ok {
		t.Error("the last message is forgotten")
	}
}
