package away_test

import (
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/corrillo/corrillo/actors/away"
	"github.com/corrillo/corrillo/actors/message"
	"github.com/corrillo/corrillo/wire"
)

// A client takes up its session, which lives elsewhere, as if it were here.
func TestCarrier_Carries(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, b := pair(t, away.Options{})
		s := b.add("b.1", frame("missed", "1", "o-1"), frame("missed", "2", "o-2"))
		c, far := a.open("b", "b.1")
		c.want(t) // it does not wait
		settle()
		c.want(t, "welcome sid true", "missed 1 o-1", "missed 2 o-2")
		if s.identity == nil || s.identity.UserID != "ann" {
			t.Errorf("identity %+v", s.identity)
		}
		wantStats(t, a, away.Stats{Here: 1, Opened: 1})
		wantStats(t, b, away.Stats{There: 1})

		data := []byte("3")
		far.Receive(wire.Inbound{Event: "say", Data: data, Ack: 7, WantsAck: true})
		clear(data) // the reader's
		settle()
		s.want(t, "say 3 7 true")
		shared := frame("said", "3", "o-3")
		s.conn().Push(shared)
		s.conn().Ack(7, []byte(`{}`))
		s.conn().Push(wire.NewFrame("typing", []byte("4")))
		settle()
		c.want(t, "welcome sid true", "missed 1 o-1", "missed 2 o-2", "said 3 o-3", "ack 7 {}", "typing 4 ")

		far.Closed(c, wire.ClosePingTimeout)
		far.Closed(c, wire.ClosePingTimeout)
		settle()
		s.want(t, "say 3 7 true", "closed 0 ping_timeout")
		s.conn().Push(shared) // nobody is there
		settle()
		wantStats(t, a, away.Stats{Opened: 1, Closed: 1})
		wantStats(t, b, away.Stats{})
	})
}

// The session closes the connection, and hears of the end once it is closed.
func TestCarrier_SessionCloses(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, b := pair(t, away.Options{})
		s := b.add("b.1")
		c, far := a.open("b", "b.1")
		settle()
		s.conn().Push(frame("last", "1", ""))
		s.conn().Close(wire.CloseRevoked)
		s.conn().Close(wire.CloseRevoked)
		s.conn().Push(frame("later", "2", ""))
		far.Receive(wire.Inbound{Event: "say"}) // on its way at the same time
		settle()
		c.want(t, "welcome sid true", "last 1 ", "close session_revoked")
		far.Receive(wire.Inbound{Event: "late"})
		far.Closed(c, wire.CloseRevoked)
		settle()
		s.want(t, "say  0 false", "closed 0 session_revoked")
	})
}

// A client without a session elsewhere gets a new one here, whatever the
// reason, with all that it has said meanwhile.
func TestCarrier_Renews(t *testing.T) {
	for name, tc := range map[string]struct {
		to, pid string
		during  func(a, b *node)
	}{
		"no such session":            {"b", "b.2", func(*node, *node) {}},
		"no such node":               {"c", "c.1", func(*node, *node) {}},
		"the node left":              {"b", "b.1", func(a, b *node) { a.link("b").pause(); a.cut(b) }},
		"no answer in time":          {"b", "b.1", func(a, _ *node) { a.link("b").pause() }},
		"no answer back in time":     {"b", "b.1", func(_, b *node) { b.link("a").pause() }},
		"no room":                    {"b", "b.1", func(a, _ *node) { a.link("b").set(func(l *link) { l.room = 0 }) }},
		"an id that nobody makes":    {"b", strings.Repeat("b", 257), func(*node, *node) {}},
		"recovering it panics there": {"b", "b.panic", func(*node, *node) {}},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				a, b := pair(t, away.Options{})
				b.add("b.1", frame("missed", "1", "o-1"))
				tc.during(a, b)
				c, far := a.open(tc.to, tc.pid)
				far.Receive(wire.Inbound{Event: "one", Data: []byte("1")})
				far.Receive(wire.Inbound{Event: "two", Data: []byte("2")})
				time.Sleep(2 * time.Second)
				far.Receive(wire.Inbound{Event: "three", Data: []byte("3")})
				c.want(t, "welcome new false")
				c.fresh.want(t, "one 1 0 false", "two 2 0 false", "three 3 0 false")
				for _, n := range []*node{a, b} {
					for _, l := range n.links {
						l.set(func(l *link) { l.paused, l.room = false, 1000 })
					}
				}
				settle()
				c.want(t, "welcome new false") // what comes late changes nothing
				far.Closed(c, wire.CloseTransport)
				settle()
				c.fresh.want(t, "one 1 0 false", "two 2 0 false", "three 3 0 false", "closed 0 transport_close")
				wantStats(t, a, away.Stats{Refused: 1})
				wantStats(t, b, away.Stats{})
			})
		})
	}
}

// A session that was taken up for a client that had waited long enough learns
// that the connection has ended, once, and can be taken up again.
func TestCarrier_LateAnswer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, b := pair(t, away.Options{Within: 20 * time.Millisecond})
		s := b.add("b.1", frame("missed", "1", "o-1"))
		a.link("b").pause()
		c, _ := a.open("b", "b.1")
		time.Sleep(19 * time.Millisecond)
		c.want(t)
		time.Sleep(2 * time.Millisecond)
		c.want(t, "welcome new false")
		a.link("b").resume()
		settle()
		s.want(t, "closed 0 transport_close")
		c2, _ := a.open("b", "b.1")
		settle()
		c2.want(t, "welcome sid true", "missed 1 o-1")
	})
}

// A client that goes before there was an answer gets nothing more.
func TestCarrier_ClosedWhileAsking(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, b := pair(t, away.Options{})
		s := b.add("b.1")
		c, far := a.open("b", "b.1")
		far.Receive(wire.Inbound{Event: "say"})
		far.Closed(c, wire.CloseClient)
		time.Sleep(2 * time.Second)
		c.want(t)
		s.want(t, "closed 0 client_disconnect")
		if a.fresh != 0 {
			t.Error("a session was opened for it")
		}
		wantStats(t, a, away.Stats{})
		wantStats(t, b, away.Stats{})
	})
}

// What was said before the answer comes first.
func TestCarrier_HoldsUntilAnswered(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, b := pair(t, away.Options{})
		s := b.add("b.1")
		_, far := a.open("b", "b.1")
		data := []byte("1")
		far.Receive(wire.Inbound{Event: "one", Data: data})
		clear(data)
		far.Receive(wire.Inbound{Event: "two"})
		settle()
		far.Receive(wire.Inbound{Event: "three"})
		settle()
		s.want(t, "one 1 0 false", "two  0 false", "three  0 false")
	})
}

func TestCarrier_HoldsSoMuch(t *testing.T) {
	for name, tc := range map[string]struct {
		data []byte
		fit  int
	}{
		"events":          {nil, 256},
		"bytes":           {make([]byte, 300_000), 3},
		"one in any case": {make([]byte, 2_000_000), 1},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				a, _ := pair(t, away.Options{})
				c, far := a.open("b", "b.1")
				for range tc.fit {
					far.Receive(wire.Inbound{Event: "say", Data: tc.data})
				}
				if c.closedFor() != "" {
					t.Fatal("closed too soon")
				}
				if far.Receive(wire.Inbound{Event: "say", Data: tc.data}); c.closedFor() != wire.CloseRateLimited {
					t.Errorf("closed for %q", c.closedFor())
				}
				far.Closed(c, c.closedFor())
			})
		})
	}
}

// A session's node leaves: its clients elsewhere are closed so that they come
// back. The socket's node leaves: the session has lost its client.
func TestCarrier_NodeLeft(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, b := pair(t, away.Options{})
		s := b.add("b.1")
		c, far := a.open("b", "b.1")
		settle()
		s.conn().Push(frame("lost", "1", "o-1"))
		b.cut(a)
		a.cut(b)
		c.want(t, "welcome sid true", "close transport_close")
		s.want(t, "closed 0 transport_close")
		far.Receive(wire.Inbound{Event: "say"})
		far.Closed(c, wire.CloseTransport)
		settle()
		s.want(t, "closed 0 transport_close")
		wantStats(t, a, away.Stats{Opened: 1, Closed: 1})
		wantStats(t, b, away.Stats{})

		// What was on its way from a node that has left opens nothing.
		b.Accept("a", &message.ConnOpened{Conn: 99, Hello: wire.Hello{PID: "b.1"}}, b.resume)
		if b.Take("a", &message.ConnReceived{Conn: 99, Event: wire.Inbound{Event: "say"}}); b.Stats().There != 0 {
			t.Error("a session was taken up for a node that has left")
		}
		s.want(t, "closed 0 transport_close")
	})
}

// Of the same number at two nodes, each is its own.
func TestCarrier_NumbersAreANodes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, b := pair(t, away.Options{})
		s := b.add("b.1")
		c, _ := a.open("b", "b.1")
		settle()
		for _, m := range []any{&message.ConnClosing{Conn: 1}, &message.ConnPushed{Conn: 1, Event: "false"}, &message.ConnAcked{Conn: 1}} {
			a.Take("z", m)
		}
		b.Take("z", &message.ConnReceived{Conn: 1, Event: wire.Inbound{Event: "false"}})
		b.Take("z", &message.ConnEnded{Conn: 1})
		c.want(t, "welcome sid true")
		s.want(t)
		if a.Take("b", &message.NodeLeft{}) {
			t.Error("it takes what is not its own")
		}
	})
}

// When the link has no room for a frame, nothing that comes after it goes out:
// the client is closed, and finds what it has missed when it comes back.
func TestCarrier_NoRoomForFrames(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, b := pair(t, away.Options{})
		s := b.add("b.1")
		c, far := a.open("b", "b.1")
		settle()
		l := b.link("a")
		l.set(func(l *link) { l.room, l.paused = 2, true })
		for n := range 4 {
			s.conn().Push(frame("event", fmt.Sprint(n), ""))
		}
		l.set(func(l *link) { l.room, l.paused = 1000, false })
		s.conn().Push(frame("event", "later", ""))
		s.conn().Ack(1, []byte("later"))
		settle()
		c.want(t, "welcome sid true", "event 0 ", "event 1 ", "close slow_consumer")
		far.Closed(c, wire.CloseSlow)
		settle()
		s.want(t, "closed 0 slow_consumer")
		wantStats(t, b, away.Stats{Overloaded: 1})
	})
}

// The same for what the client says.
func TestCarrier_NoRoomForEvents(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, b := pair(t, away.Options{})
		s := b.add("b.1")
		c, far := a.open("b", "b.1")
		settle()
		l := a.link("b")
		l.set(func(l *link) { l.room, l.paused = 1, true })
		for n := range 3 {
			far.Receive(wire.Inbound{Event: "say", Ack: uint64(n)})
		}
		l.set(func(l *link) { l.room, l.paused = 1000, false })
		far.Receive(wire.Inbound{Event: "later"})
		c.want(t, "welcome sid true", "close slow_consumer")
		far.Closed(c, wire.CloseSlow)
		settle()
		s.want(t, "say  0 false", "closed 0 slow_consumer")
		wantStats(t, a, away.Stats{Opened: 1, Closed: 1, Overloaded: 1})
	})
}

// Nobody fills the link with what the session would refuse anyway.
func TestCarrier_FloodIsClosed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, b := pair(t, away.Options{EventsPerSecond: 10, Burst: 5})
		b.add("b.1")
		c, far := a.open("b", "b.1")
		settle()
		for range 10 {
			far.Receive(wire.Inbound{Event: "say"})
		}
		time.Sleep(time.Second)
		for range 10 {
			far.Receive(wire.Inbound{Event: "say"})
		}
		if c.closedFor() != "" {
			t.Fatal("closed for as much as is allowed")
		}
		if far.Receive(wire.Inbound{Event: "say"}); c.closedFor() != wire.CloseRateLimited {
			t.Errorf("closed for %q", c.closedFor())
		}
		far.Closed(c, c.closedFor())
	})
}

// A panic of a session ends its connection, and nothing else.
func TestCarrier_Panic(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, b := pair(t, away.Options{})
		s, other := b.add("b.1"), b.add("b.2")
		c, far := a.open("b", "b.1")
		_, far2 := a.open("b", "b.2")
		settle()
		far.Receive(wire.Inbound{Event: "panic"})
		far2.Receive(wire.Inbound{Event: "say"})
		settle()
		c.want(t, "welcome sid true", "close internal")
		far.Closed(c, wire.CloseInternal)
		settle()
		s.want(t, "closed 0 internal")
		other.want(t, "say  0 false")
	})
}

// So does one of a session that is opened here instead.
func TestCarrier_RenewPanics(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, _ := pair(t, away.Options{})
		c := &client{}
		far := a.Open("b", c, wire.Hello{PID: "b.1"}, nil, func() wire.Session { panic("open panics") })
		settle()
		c.want(t, "close internal")
		far.Receive(wire.Inbound{Event: "say"})
		far.Closed(c, wire.CloseInternal)

		c, far = a.open("b", "b.1")
		far.Receive(wire.Inbound{Event: "panic"})
		settle()
		c.want(t, "welcome new false", "close internal")
		far.Closed(c, wire.CloseInternal)
		c.fresh.want(t, "closed 0 internal")
		wantStats(t, a, away.Stats{Refused: 2})
	})
}

// A node that goes down sends the clients away that are elsewhere, so many at
// a time.
func TestCarrier_Drain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, b := pair(t, away.Options{})
		const many = 5
		var clients [many]*client
		var far [many]wire.Session
		for n := range many {
			pid := fmt.Sprint("b.", n)
			b.add(pid)
			clients[n], far[n] = a.open("b", pid)
		}
		settle()
		if left := b.Drain(2); left != many {
			t.Errorf("%d left", left)
		}
		settle()
		closed := 0
		for n, c := range clients {
			if c.closedFor() == wire.CloseDraining {
				closed++
				far[n].Closed(c, wire.CloseDraining)
			}
		}
		settle()
		if closed != 2 || b.Drain(many) != many-2 {
			t.Errorf("%d were closed, %+v", closed, b.Stats())
		}
		settle()
		for n, c := range clients {
			far[n].Closed(c, c.closedFor())
		}
		settle()
		if left := b.Drain(1); left != 0 {
			t.Errorf("%d left", left)
		}
	})
}
