package peers

import (
	"errors"
	"sync/atomic"
	"testing"
	"time"
)

// BenchmarkSend is 300-byte items from one node to another over loopback, until
// all have arrived.
func BenchmarkSend(b *testing.B) {
	var got atomic.Int64
	done := make(chan struct{})
	from := start(b, "a", func(o *Options) { o.Beat = time.Second })
	to := start(b, "b", func(o *Options) {
		o.Beat = time.Second
		o.Receive = func(string, []byte) {
			if got.Add(1) == int64(b.N) {
				close(done)
			}
		}
	})
	join(from, to)
	b.ReportAllocs()
	b.SetBytes(300)
	b.ResetTimer()
	for range b.N {
		item := make([]byte, 300)
		for errors.Is(from.Send("b", item), ErrFull) {
			time.Sleep(100 * time.Microsecond)
		}
	}
	<-done
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "items/s")
}

// BenchmarkRoundTrip is one 300-byte item there, and one back.
func BenchmarkRoundTrip(b *testing.B) {
	back := make(chan struct{})
	var to *node
	from := start(b, "a", func(o *Options) { o.Receive = func(string, []byte) { back <- struct{}{} } })
	to = start(b, "b", func(o *Options) { o.Receive = func(_ string, item []byte) { _ = to.Send("a", item) } })
	join(from, to)
	item := make([]byte, 300)
	b.ReportAllocs()
	b.ResetTimer()
	for range b.N {
		_ = from.Send("b", item)
		<-back
	}
}

// BenchmarkSend_Dead is what Send costs when the node cannot be reached.
func BenchmarkSend_Dead(b *testing.B) {
	from := start(b, "a", nil)
	from.Set([]Peer{{ID: "b", Address: freeAddress(b)}})
	item := make([]byte, 300)
	b.ReportAllocs()
	for range b.N {
		_ = from.Send("b", item)
	}
}
