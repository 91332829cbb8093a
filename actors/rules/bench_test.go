package rules_test

import (
	"fmt"
	"testing"

	"github.com/corrillo/corrillo/actors/message"
	"github.com/corrillo/corrillo/actors/rules"
	"github.com/corrillo/corrillo/repo"
)

// BenchmarkConversation_Post is the way of a message through the rules:
// PostMessage, Save, GroupSaved, Deliver. The allocations are the ack, the
// event, and the slices that the relay keeps.
func BenchmarkConversation_Post(b *testing.B) {
	for _, perGroup := range []int{1, 8} {
		b.Run(fmt.Sprintf("%d per group", perGroup), func(b *testing.B) {
			r := newRig(b, "c1", rules.Options{})
			r.table.add("alice")
			r.step(join("alice"))
			r.warm()
			posts := make([]*message.PostMessage, 4096)
			for i := range posts {
				posts[i] = r.post("alice", "hello, how are you today?", fmt.Sprintf("t%d", i))
			}
			results := make([]repo.MessageResult, perGroup)
			var seq int64
			b.ReportAllocs()
			b.ResetTimer()
			for i := 0; i < b.N; i++ {
				p := posts[i%len(posts)]
				ready := r.c.Step(p, r.now)
				if ready.Save != nil {
					r.flying = ready.Save
				}
				if i%perGroup != perGroup-1 && i != b.N-1 {
					continue
				}
				for r.flying != nil {
					g := r.flying
					r.flying = nil
					for j := range g.Messages {
						seq++
						results[j].Stored = repo.Message{ID: g.Messages[j].ID, Seq: seq, CreatedAt: r.now}
					}
					saved := message.GroupSaved{Serial: g.Serial, Result: repo.GroupResult{
						Epoch: g.Epoch, LastSeq: seq, Messages: results[:len(g.Messages)],
					}}
					if ready = r.c.Step(&saved, r.now); ready.Save != nil {
						r.flying = ready.Save
					}
				}
			}
		})
	}
}
