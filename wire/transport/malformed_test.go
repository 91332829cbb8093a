package transport

import (
	"strings"
	"testing"
	"time"

	"github.com/corrillo/corrillo/wire"
)

// Malformed frames close with the code of RFC 6455 section 7.4.1, malformed
// packets as the reference server does; nobody else notices.
func TestMalformed(t *testing.T) {
	unmasked := []byte{0x81, 2, 'h', 'i'}
	for _, c := range []struct {
		name   string
		bytes  []byte
		want   string
		reason wire.CloseReason
	}{
		{"not masked", unmasked, "close 1002 parse_error", wire.CloseParseError},
		{"reserved bit", frame(0xC1, "hi"), "close 1002 parse_error", wire.CloseParseError},
		{"reserved opcode", frame(0x83, "hi"), "close 1002 parse_error", wire.CloseParseError},
		{"fragmented ping", frame(0x09, "hi"), "close 1002 parse_error", wire.CloseParseError},
		{"continuation of nothing", frame(0x80, "hi"), "close 1002 parse_error", wire.CloseParseError},
		{"long ping", frame(0x89, strings.Repeat("p", 126)), "close 1002 parse_error", wire.CloseParseError},
		{"bad close code", frame(0x88, "\x03\xee"), "close 1002 parse_error", wire.CloseParseError},
		{"close reason not UTF-8", frame(0x88, "\x03\xe8\xff"), "close 1007 parse_error", wire.CloseParseError},
		{"text not UTF-8", text("42[\"\xff\"]"), "close 1007 parse_error", wire.CloseParseError},
		{"too big", frame(0x81, strings.Repeat("x", 1001)), "close 1009 payload_too_large", wire.CloseTooLarge},
		{"too big, only announced", frame(0x81, strings.Repeat("x", 70000))[:14], "close 1009 payload_too_large", wire.CloseTooLarge},
		{"too big in fragments", append(frame(0x01, strings.Repeat("x", 900)), frame(0x80, strings.Repeat("x", 900))...), "close 1009 payload_too_large", wire.CloseTooLarge},
		{"unknown Engine.IO type", text("x"), "close 1002 parse_error", wire.CloseParseError},
		{"empty Engine.IO packet", text(""), "close 1002 parse_error", wire.CloseParseError},
		{"a ping from the client", text("2"), "close 1002 parse_error", wire.CloseParseError},
		{"unknown Socket.IO type", text("4abc"), "close 1002 parse_error", wire.CloseParseError},
		{"event without a name", text("42{}"), "close 1002 parse_error", wire.CloseParseError},
		{"bytes that nobody waits for", frame(0x82, "x"), "close 1002 parse_error", wire.CloseParseError},
		{"event in a namespace not joined", text(`42/x,["a"]`), "close 1002 parse_error", wire.CloseParseError},
		{"connect twice", text(`40`), "close 1002 parse_error", wire.CloseParseError},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := newWorld()
			s := mustServe(t, Options{Acceptor: w, MaxPayload: 1000})
			other := dialChat(t, s.addr)
			mustOpen(t, w)
			client := dialChat(t, s.addr)
			client.write(c.bytes)
			client.want(c.want)
			mustOpen(t, w).awaitClosed(t, c.reason)
			_ = client.nc.Close()
			other.write(text(`42["echo",1]`))
			other.want(`42["echoed",1]`)
		})
	}
}

// Nothing after a violation is looked at, however much of it comes.
func TestMalformed_NothingAfterIt(t *testing.T) {
	w := newWorld()
	s := mustServe(t, Options{Acceptor: w})
	c := dialChat(t, s.addr)
	session := mustOpen(t, w)
	c.write(append(text("4abc"), text(`42["echo",1]`)...))
	c.want("close 1002 parse_error")
	session.awaitClosed(t, wire.CloseParseError)
	if len(session.t) != 0 {
		t.Fatal(<-session.t)
	}
}

// After a stream that cannot be parsed any more the server ends its side and
// lets the client end the socket: closing it with input unread would reset it,
// and the close frame with it.
func TestMalformed_EndsItsSideOnly(t *testing.T) {
	w := newWorld()
	s := mustServe(t, Options{Acceptor: w, CloseTimeout: time.Hour})
	c := dialChat(t, s.addr)
	c.write(frame(0x83, "hi"))
	c.want("close 1002 parse_error")
	c.want("end")
	c.write(text("still heard, and ignored"))
	_ = c.nc.Close()
	eventually(t, "it is gone", func() bool { return len(s.Stats().Conns) == 0 })
}

// The handshake and everything after it, in single bytes.
func TestReader_SingleBytes(t *testing.T) {
	w := newWorld()
	s := mustServe(t, Options{Acceptor: w})
	c := dialRaw(t, s.addr)
	stream := []byte(handshake(engineWS))
	stream = append(stream, text("40")...)
	stream = append(stream, frame(0x01, `42["echo",`)...)
	stream = append(stream, frame(0x89, "ping")...)
	stream = append(stream, frame(0x80, `"é"]`)...)
	for i := range stream {
		c.write(stream[i : i+1])
	}
	c.switched()
	c.read()
	c.want(`40{"sid":"sid","pid":"pid"}`)
	c.want(`42["echoed","é",null]`)
}

// Frames in one segment with the handshake are not stranded in its buffers.
func TestUpgrade_FramesWithTheHandshake(t *testing.T) {
	for path, first := range map[string]string{engineWS: "40", "/ws": `{"event":"echo","data":1}`} {
		w := newWorld()
		s := mustServe(t, Options{Acceptor: w})
		c := dialRaw(t, s.addr)
		c.write(append([]byte(handshake(path)), text(first)...))
		c.switched()
		c.read()
		if got := c.read(); got != `40{"sid":"sid","pid":"pid"}` && got != `{"event":"echoed","data":1}` {
			t.Fatal(got)
		}
	}
}

// A client that stops in the middle of a frame is not alive: it cannot answer
// pings.
func TestHeartbeat_StuckInAFrame(t *testing.T) {
	w := newWorld()
	s := mustServe(t, Options{Acceptor: w, PingInterval: 60 * time.Millisecond, PingTimeout: time.Second})
	c := dial(t, s.addr, engineWS)
	c.read()
	c.write(text("40"))
	for c.read() == "2" { // a ping that was sooner than the answer
		c.write(text("3"))
	}
	f := text(`42["echo",1]`)
	c.write(f[:len(f)-1])
	mustOpen(t, w).awaitClosed(t, wire.ClosePingTimeout)
	got := c.read()
	for got == "2" {
		got = c.read()
	}
	if got != "close 1008 ping_timeout" {
		t.Error(got)
	}
}

func TestHeartbeat_PongKeepsAlive(t *testing.T) {
	for path, pong := range map[string][]byte{engineWS: text("3"), "/ws": frame(0x8A, "")} {
		w := newWorld()
		s := mustServe(t, Options{Acceptor: w, PingInterval: 20 * time.Millisecond, PingTimeout: time.Hour})
		c := dial(t, s.addr, path)
		c.read()
		if path == engineWS {
			c.write(text("40"))
			for c.read() == "2" { // a ping that was sooner than the answer
				c.write(pong)
			}
		} else {
			c.write(pong) // if one was sooner than the greeting, read has passed it over
		}
		session := mustOpen(t, w)
		for range 5 {
			// Pings of the plain dialect are passed over by read: look at the bytes.
			if path == engineWS {
				c.want("2")
			} else if b, err := c.r.Peek(2); err != nil || b[0] != 0x89 || b[1] != 0 {
				t.Fatal(b, err)
			} else if _, err := c.r.Discard(2); err != nil {
				t.Fatal(err)
			}
			c.write(pong)
		}
		if len(session.closed) != 0 {
			t.Fatal(<-session.closed)
		}
	}
}
