package transport

import (
	"bytes"
	"strings"
	"testing"
	"time"

	"github.com/corrillo/corrillo/wire"
)

// A packet that announces attachments has until the deadline of a frame for
// all of them, however lively its client is meanwhile: what waits is memory.
func TestAbuse_AttachmentsThatDoNotCome(t *testing.T) {
	for name, send := range map[string]func(t *testing.T, s *server){
		"none": func(t *testing.T, s *server) {
			dialChat(t, s.addr).trickle(once(text("4"+announced), frame(0x89, "ping")))
		},
		"one of two": func(t *testing.T, s *server) {
			dialChat(t, s.addr).trickle(once(append(text("4"+announced), frame(0x82, "bytes")...), text("3")))
		},
		"half of the second": func(t *testing.T, s *server) {
			c := dialChat(t, s.addr)
			c.write(append(text("4"+announced), frame(0x82, "bytes")...))
			c.write(frame(0x82, "bytes")[:8])
		},
		"over polling": func(t *testing.T, s *server) {
			p := startPolling(t, s.addr)
			p.wantPost("40", 200, "ok")
			p.wantPost("4"+announced+"\x1ebAQI=", 200, "ok")
		},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld()
			s := mustServe(t, Options{Acceptor: w, FrameTimeout: 100 * time.Millisecond, CloseTimeout: 50 * time.Millisecond})
			idle := dialChat(t, s.addr)
			mustOpen(t, w)
			send(t, s)
			mustOpen(t, w).awaitClosed(t, wire.CloseFrameTimeout)
			idle.write(text(`42["echo",1]`))
			idle.want(`42["echoed",1]`)
		})
	}
}

// once gives first, and then the same for ever.
func once(first, then []byte) func(func([]byte) bool) {
	return func(yield func([]byte) bool) {
		for yield(first) {
			first = then
		}
	}
}

// Attachments that come in time end the deadline, and the next packet has one
// of its own.
func TestAbuse_AttachmentsInTime(t *testing.T) {
	for deadline := 2 * time.Second; !attachmentsInTime(t, deadline); deadline *= 2 { // a slow machine is too late
		if deadline > patience {
			t.Fatal("no deadline is enough")
		}
	}
}

// attachmentsInTime has attachments come when most of the time is over, twice. It
// reports whether they were in time.
func attachmentsInTime(t *testing.T, deadline time.Duration) bool {
	t.Helper()
	w := newWorld()
	s := mustServe(t, Options{Acceptor: w, FrameTimeout: deadline, CloseTimeout: 50 * time.Millisecond})
	const packet, answer = `51-["echo",{"_placeholder":true,"num":0}]`, `42["echoed",1]`
	p := startPolling(t, s.addr)
	p.wantPost("40", 200, "ok")
	polling := mustOpen(t, w)
	c := dialChat(t, s.addr)
	socket := mustOpen(t, w)
	for range 2 {
		began := time.Now()
		c.write(text("4" + packet))
		p.wantPost("4"+packet, 200, "ok")
		time.Sleep(deadline * 6 / 10) // the deadline itself is what passes in between
		_, _ = c.nc.Write(frame(0x82, "bytes"))
		status, body := p.post("bAQI=")
		if time.Since(began) >= deadline {
			return false
		}
		if status != 200 || body != "ok" {
			t.Fatalf("POST gave %d %q", status, body)
		}
	}
	c.write(text(`42["echo",1]`))
	for got := ""; got != answer; {
		if got = c.read(); strings.HasPrefix(got, "close") {
			t.Fatal(got)
		}
	}
	if len(polling.closed)+len(socket.closed) > 0 {
		t.Error("closed though all came in time")
	}
	for _, conn := range s.conns.all() {
		conn.mu.Lock()
		if conn.frameBy != 0 {
			t.Error("a deadline is left of what has come")
		}
		conn.mu.Unlock()
	}
	return true
}

// Attachments that are not those that were announced end the connection.
func TestAbuse_AttachmentsThatLie(t *testing.T) {
	for name, frames := range map[string][][]byte{
		"more than announced":      {text(`451-["a",{"_placeholder":true,"num":0}]`), frame(0x82, "1"), frame(0x82, "2")},
		"less, and another packet": {text(`452-["a"]`), frame(0x82, "1"), text(`42["a"]`)},
		"none announced":           {text(`450-["a"]`)},
		"none, but bytes":          {frame(0x82, "1")},
		"more than there may be":   {text(`4511-["a"]`)},
		"more than a number":       {text(`4599999999999999999999-["a"]`)},
		"less than nothing":        {text(`45-1-["a"]`)},
		"a place that is not":      {text(`451-["a",{"_placeholder":true,"num":1}]`), frame(0x82, "1")},
		"a place that is no place": {text(`451-["a",{"_placeholder":true,"num":[]}]`), frame(0x82, "1")},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld()
			s := mustServe(t, Options{Acceptor: w})
			c := dialChat(t, s.addr)
			session := mustOpen(t, w)
			c.write(bytes.Join(frames, nil))
			c.want("close 1002 parse_error")
			session.awaitClosed(t, wire.CloseParseError)
			for len(session.t) > 0 {
				if got := <-session.t; name != "more than announced" {
					t.Errorf("it was taken for %s", got)
				}
			}
		})
	}
}
