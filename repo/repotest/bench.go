package repotest

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/corrillo/corrillo/repo"
)

// Bench measures Save: messages per second, the median time and allocations,
// for one message as an idle lane sees it and for batches of 10, 100 and 500
// messages of 200 bytes, spread over as many conversations, up to 100, as a
// busy one does.
func Bench(b *testing.B, open func(b *testing.B) repo.Store) {
	for _, rows := range []int{1, 10, 100, 500} {
		b.Run(fmt.Sprintf("Save/rows=%d", rows), func(b *testing.B) {
			s := open(b)
			groups := make([]repo.Group, min(rows, 100))
			for i := range groups {
				groups[i].ConversationID = fmt.Sprint("dm:bench", i)
			}
			content := fmt.Sprintf("%0200d", 0)
			var took []time.Duration
			b.ReportAllocs()
			for b.Loop() {
				b.StopTimer()
				for i := range groups {
					g := &groups[i]
					g.Messages = Messages("user", rows/len(groups))
					for k := range g.Messages {
						g.Messages[k].Content = content
					}
				}
				b.StartTimer()
				start := time.Now()
				results := s.Save(b.Context(), groups)
				took = append(took, time.Since(start))
				for i := range results {
					if results[i].Err != nil {
						b.Fatal(results[i].Err)
					}
					groups[i].Epoch, groups[i].LastSeq = results[i].Epoch, results[i].LastSeq
				}
			}
			slices.Sort(took)
			b.ReportMetric(float64(took[len(took)/2].Microseconds()), "p50-µs")
			b.ReportMetric(float64(rows*b.N)/b.Elapsed().Seconds(), "rows/s")
		})
	}
}

// BenchMessages measures reading the newest page of 50 of a conversation of
// 10,000 messages.
func BenchMessages(b *testing.B, open func(b *testing.B) repo.Store) {
	b.Run("Messages/limit=50", func(b *testing.B) {
		s := open(b)
		post(b, s, "room", Messages("user", 10_000)...)
		b.ReportAllocs()
		for b.Loop() {
			page, _, err := s.Messages(b.Context(), repo.MessageQuery{ConversationID: "room", Limit: 50})
			if err != nil || len(page) != 50 {
				b.Fatal(len(page), err)
			}
		}
	})
}
