package transport

import (
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/corrillo/corrillo/wire"
)

// trickle writes the pieces at a pace until the socket takes no more or the
// test ends.
func (c *client) trickle(pieces func(yield func([]byte) bool)) {
	done := make(chan struct{})
	var writer sync.WaitGroup
	writer.Go(func() {
		pace := time.NewTicker(time.Millisecond)
		defer pace.Stop()
		for piece := range pieces {
			select {
			case <-done:
				return
			case <-pace.C:
			}
			if _, err := c.nc.Write(piece); err != nil {
				return // it has been closed, as it should be
			}
		}
	})
	c.tb.Cleanup(func() {
		close(done)
		_ = c.nc.Close()
		writer.Wait()
	})
}

func bytewise(p []byte) func(func([]byte) bool) {
	return func(yield func([]byte) bool) {
		for i := range p {
			if !yield(p[i : i+1]) {
				return
			}
		}
	}
}

func endless(p []byte) func(func([]byte) bool) {
	return func(yield func([]byte) bool) {
		for yield(p) {
		}
	}
}

// A message that has begun ends in time or the connection does, whatever it
// stopped in and however lively the client is meanwhile. One that says nothing
// is left in peace.
func TestFrameTimeout(t *testing.T) {
	long := text(strings.Repeat("x", 200<<10)) // minutes of single bytes
	fragment := frame(0x01, `42["echo",`)
	for _, c := range []struct {
		name  string
		begin []byte
		then  func(func([]byte) bool)
	}{
		{"one byte of a header", long[:1], nil},
		{"a header", long[:14], nil},
		{"half a payload", long[:len(long)/2], nil},
		{"a continuation that never comes", fragment, nil},
		{"half a ping", frame(0x89, "ping")[:8], nil},
		{"a message, and a part of the next", append(text(`42["echo",1]`), fragment...), nil},
		{"byte by byte", nil, bytewise(long)},
		{"byte by byte in a fragment", fragment, bytewise(frame(0x00, strings.Repeat("x", 200<<10)))},
		{"pings between fragments", fragment, endless(frame(0x89, "ping"))},
		{"fragments without end", fragment, endless(frame(0x00, ""))},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := newWorld()
			s := mustServe(t, Options{Acceptor: w, FrameTimeout: 100 * time.Millisecond})
			idle := dialChat(t, s.addr)
			mustOpen(t, w)
			slow := dialChat(t, s.addr)
			session := mustOpen(t, w)
			slow.write(c.begin)
			if c.then != nil {
				slow.trickle(c.then)
			}
			session.awaitClosed(t, wire.CloseFrameTimeout)
			got := slow.read()
			if got == `42["echoed",1]` {
				got = slow.read()
			}
			if got != "close 1008 frame_timeout" {
				t.Error(got)
			}
			if n := s.Stats().Closed[wire.CloseFrameTimeout]; n != 1 {
				t.Errorf("counted %d times", n)
			}
			idle.write(text(`42["echo",1]`))
			idle.want(`42["echoed",1]`)
		})
	}
}

func TestFrameTimeout_Plain(t *testing.T) {
	w := newWorld()
	s := mustServe(t, Options{Acceptor: w, FrameTimeout: 100 * time.Millisecond})
	c := dial(t, s.addr, "/ws")
	c.read()
	c.write([]byte{0x81})
	mustOpen(t, w).awaitClosed(t, wire.CloseFrameTimeout)
	c.want("close 1008 frame_timeout")
}

// A large message may take its time within the bound, though it arrive in
// many pieces.
func TestFrameTimeout_SlowButInTime(t *testing.T) {
	w := newWorld()
	s := mustServe(t, Options{Acceptor: w, FrameTimeout: 10 * patience})
	c := dialChat(t, s.addr)
	data := `"` + strings.Repeat("x", 100<<10) + `"`
	message := text(`42["echo",` + data + `]`)
	c.trickle(func(yield func([]byte) bool) {
		for len(message) > 0 {
			n := min(len(message), 1<<10)
			if !yield(message[:n]) {
				return
			}
			message = message[n:]
		}
	})
	if got := c.read(); got != `42["echoed",`+data+`,null]` {
		t.Errorf("got %d bytes: %.40s", len(got), got)
	}
}

// silentApp takes everything. A text "announces" waits for two attachments.
type silentApp struct{ attachments int }

func (a *silentApp) text(p []byte) *fault {
	if string(p) == "announces" {
		a.attachments = 2
	}
	return nil
}

func (a *silentApp) binary([]byte) *fault {
	a.attachments--
	return nil
}

func (a *silentApp) waits() bool           { return a.attachments > 0 }
func (*silentApp) closed(wire.CloseReason) {}

// The deadline stands from the first byte of a message to its last, and the
// next message has one of its own.
func TestConn_FrameDeadline(t *testing.T) {
	const forever = 1000 * time.Hour
	mustConn := func(t *testing.T, timeout time.Duration) *conn {
		t.Helper()
		s, err := New(Options{Acceptor: newWorld(), FrameTimeout: timeout, PingInterval: forever})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() {
			if err := s.Close(); err != nil {
				t.Error(err)
			}
		})
		c := s.newConn(nil, nil)
		c.app, c.link = &silentApp{}, &openLink{}
		return c
	}
	input := func(t *testing.T, c *conn, parts ...[]byte) time.Duration {
		t.Helper()
		var all []byte
		for _, p := range parts {
			all = append(all, p...)
		}
		if err := c.Input(all); err != nil {
			t.Fatal(err)
		}
		c.mu.Lock()
		defer c.mu.Unlock()
		return c.frameBy
	}
	whole, ping := text("hello"), frame(0x89, "ping")
	first, last := frame(0x01, "hel"), frame(0x80, "lo")
	announces, attachment := text("announces"), frame(0x82, "bytes")

	t.Run("where it begins and ends", func(t *testing.T) {
		c := mustConn(t, time.Minute)
		var began time.Duration
		for _, step := range []struct {
			name  string
			parts [][]byte
			want  string // "none", "new" or "same"
		}{
			{"a whole message", [][]byte{whole}, "none"},
			{"its first byte", [][]byte{whole[:1]}, "new"},
			{"its header", [][]byte{whole[1:6]}, "same"},
			{"a part of its payload", [][]byte{whole[6:8]}, "same"},
			{"its end", [][]byte{whole[8:]}, "none"},
			{"a whole one and a part", [][]byte{whole, whole[:3]}, "new"},
			{"the rest, and a part of the next", [][]byte{whole[3:], whole[:3]}, "new"},
			{"the rest", [][]byte{whole[3:]}, "none"},
			{"a first fragment", [][]byte{first}, "new"},
			{"a ping between", [][]byte{ping}, "same"},
			{"half a ping between", [][]byte{ping[:4]}, "same"},
			{"its other half", [][]byte{ping[4:]}, "same"},
			{"an empty fragment", [][]byte{frame(0x00, "")}, "same"},
			{"the last fragment, and a part", [][]byte{last, ping[:4]}, "new"},
			{"the ping's rest, and a fragment", [][]byte{ping[4:], first}, "new"},
			{"the last fragment", [][]byte{last}, "none"},
			{"a message that announces two attachments", [][]byte{announces}, "new"},
			{"a ping before them", [][]byte{ping}, "same"},
			{"the first, and a part of the second", [][]byte{attachment, attachment[:3]}, "same"},
			{"the rest of the second", [][]byte{attachment[3:]}, "none"},
			{"a part of one that announces them", [][]byte{announces[:3]}, "new"},
			{"the rest of it, and the first", [][]byte{announces[3:], attachment}, "same"},
			{"the second, and another that announces", [][]byte{attachment, announces}, "new"},
			{"both, and a whole message", [][]byte{attachment, attachment, whole}, "none"},
			{"all at once", [][]byte{announces, attachment, attachment}, "none"},
		} {
			by := input(t, c, step.parts...)
			switch {
			case step.want == "none" && by != 0, step.want == "same" && by != began, step.want == "new" && by <= began:
				t.Fatalf("%s: the deadline is %v after %v, want %s", step.name, by, began, step.want)
			case step.want == "new" && time.Duration(c.due.Load()) > by:
				t.Fatalf("%s: the sweeper comes at %v, want %v", step.name, time.Duration(c.due.Load()), by)
			}
			if by != 0 {
				began = by
			}
		}
	})
	t.Run("what it does", func(t *testing.T) {
		c := mustConn(t, time.Minute)
		input(t, c, whole[:3])
		input(t, c, whole[3:])
		if c.sweep(forever / 2); !c.isOpen() {
			t.Fatalf("an idle connection was closed for %s", c.reason)
		}
		by := input(t, c, whole[:3])
		if c.sweep(by - 1); !c.isOpen() {
			t.Fatalf("closed for %s before the time", c.reason)
		}
		if due := time.Duration(c.due.Load()); due != by {
			t.Fatalf("the sweeper comes again at %v, want %v", due, by)
		}
		if c.sweep(by); c.isOpen() {
			t.Fatal("not closed in time")
		}
	})
	t.Run("none", func(t *testing.T) {
		c := mustConn(t, -1)
		input(t, c, whole[:3])
		if c.sweep(forever / 2); !c.isOpen() {
			t.Fatalf("closed for %s without a limit", c.reason)
		}
	})
}
