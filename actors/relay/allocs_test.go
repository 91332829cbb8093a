package relay

import (
	"fmt"
	"testing"

	"github.com/corrillo/corrillo/actors/message"
	"github.com/corrillo/corrillo/wire"
)

// silent is a connection that takes everything and keeps nothing.
type silent struct{}

func (silent) Welcome(wire.Welcome)   {}
func (silent) Push(*wire.Frame)       {}
func (silent) Ack(uint64, []byte)     {}
func (silent) Close(wire.CloseReason) {}

// crowd makes a hub with one room of that many members.
func crowd(tb testing.TB, members int) *Hub {
	tb.Helper()
	h := NewHub(Options{})
	for n := range members {
		s := h.Open(silent{}, &owner{})
		if _, e := h.Bind(s, fmt.Sprint("user-", n)); e != nil {
			tb.Fatal(e)
		}
		h.mu.Lock()
		h.join(s, h.roomOf("lobby", true), false, 0, &message.Relayed{})
		h.mu.Unlock()
	}
	return h
}

func (h *Hub) publishOnce(d *message.Delivery) int {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.publish("lobby", d)
}

// A broadcast costs the same few allocations whatever the room's size: none
// for a delivery.
func TestHub_DeliveryAllocatesNothing(t *testing.T) {
	d := &message.Delivery{Event: wire.EventNewMessage, Data: []byte(`{}`), ToConversation: true}
	allocs := func(members int) float64 {
		h := crowd(t, members)
		if n := h.publishOnce(d); n != members {
			t.Fatalf("%d of %d got it", n, members)
		}
		return testing.AllocsPerRun(500, func() { h.publishOnce(d) })
	}
	few, many := allocs(10), allocs(1000)
	if few != many || few > 3 {
		t.Errorf("%v allocations for 10 members, %v for 1,000; want the same, at most 3", few, many)
	}
}

func BenchmarkHub_Publish(b *testing.B) {
	for _, members := range []int{10, 1000} {
		b.Run(fmt.Sprint(members), func(b *testing.B) {
			h := crowd(b, members)
			d := &message.Delivery{Event: wire.EventNewMessage, Data: []byte(`{}`), ToConversation: true}
			b.ReportAllocs()
			for b.Loop() {
				h.publishOnce(d)
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*members), "ns/delivery")
		})
	}
}
