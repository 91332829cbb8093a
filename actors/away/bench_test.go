package away_test

import (
	"testing"

	"github.com/corrillo/corrillo/actors/away"
	"github.com/corrillo/corrillo/actors/message"
	"github.com/corrillo/corrillo/wire"
)

// BenchmarkCarrier is what a carried connection costs this node, beside the
// encoding and the link: an event there, and a frame back.
func BenchmarkCarrier(b *testing.B) {
	var near, far *away.Carrier
	none := func(wire.Conn, wire.Hello, *wire.Identity) wire.Session { return nil }
	sent := func(to **away.Carrier, from string) func(string, any) error {
		return func(_ string, m any) error {
			if opened, ok := m.(*message.ConnOpened); ok {
				(*to).Accept(from, opened, none)
				return nil
			}
			(*to).Take(from, m)
			return nil
		}
	}
	discard := func(string, any) error { return nil }
	must := func(string, any) {}
	far = away.New(away.Options{Send: discard, Must: must})
	near = away.New(away.Options{Send: sent(&far, "a"), Must: must})
	var back wire.Conn
	far.Accept("a", &message.ConnOpened{Conn: 1}, func(c wire.Conn, _ wire.Hello, _ *wire.Identity) wire.Session {
		back = c
		return &nobody{}
	})
	s := near.Open("b", &nobody{}, wire.Hello{PID: "b.1"}, nil, func() wire.Session { return nil })
	near.Take("b", &message.ConnWelcomed{Conn: 1})
	f := frame("new_message", "{}", "o")
	b.Run("event", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			s.Receive(wire.Inbound{Event: "typing", Data: f.Data})
		}
	})
	b.Run("frame", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			back.Push(f)
			near.Take("b", &message.ConnPushed{Conn: 1, Event: f.Event, Data: f.Data, Offset: f.Offset})
		}
	})
}

// nobody is a client and a session that keep nothing.
type nobody struct{}

func (*nobody) Welcome(wire.Welcome)               {}
func (*nobody) Push(*wire.Frame)                   {}
func (*nobody) Ack(uint64, []byte)                 {}
func (*nobody) Close(wire.CloseReason)             {}
func (*nobody) Receive(wire.Inbound)               {}
func (*nobody) Closed(wire.Conn, wire.CloseReason) {}
