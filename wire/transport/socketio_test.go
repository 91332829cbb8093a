package transport

import (
	"strings"
	"testing"
	"time"

	"github.com/corrillo/corrillo/wire"
)

func TestSocketIO_WebSocket(t *testing.T) {
	w := newWorld()
	s := mustServe(t, Options{Acceptor: w, PingInterval: 25 * time.Second})
	c := dial(t, s.addr, engineWS)
	if got := c.read(); !strings.HasPrefix(got, `0{"sid":"`) || !strings.HasSuffix(got, `","upgrades":[],"pingInterval":25000,"pingTimeout":20000,"maxPayload":1000000}`) {
		t.Fatal(got)
	}
	c.write(text(`40{"token":"t","pid":"old"}`))
	c.want(`40{"sid":"sid","pid":"pid"}`)
	session := mustOpen(t, w)
	if h := session.hello; h.Token != "t" || h.PID != "old" || h.HasOffset || h.RemoteIP != "127.0.0.1" || h.Dialect != wire.DialectSocketIO {
		t.Fatalf("%+v", h)
	}
	c.write(text(`42["echo",{"a":"é"},"more"]`))
	c.want(`42["echoed",{"a":"é"}]`)
	c.write(text(`427["ask",1]`))
	c.want(`437[1]`)
	session.conn.Push(&wire.Frame{Event: "new", Data: []byte(`{"b":{"$binary":"AQI="}}`), Offset: "o-2"})
	c.want(`451-["new",{"b":{"_placeholder":true,"num":0}},"o-2"]`)
	c.want(`<0102`)
	c.write(text(`451-8["ask",{"_placeholder":true,"num":0}]`))
	c.write(frame(0x82, "\x01\x02"))
	c.want(`461-8[{"_placeholder":true,"num":0}]`)
	c.want(`<0102`)
	c.write(text(`41`))
	session.awaitClosed(t, wire.CloseClient)
	session.conn.Push(wire.NewFrame("late", []byte(`1`))) // nothing: the namespace was left

	c.write(text(`40{"pid":"pid","offset":"o-1"}`)) // the connection itself lives on
	c.want(`40{"sid":"sid","pid":"pid"}`)
	c.want(`42["missed",1,"o-1"]`)
	again := mustOpen(t, w)
	if again.hello.Offset != "o-1" || !again.hello.HasOffset {
		t.Fatalf("%+v", again.hello)
	}
	c.write(frame(0x88, "\x03\xe8"))
	c.want("close 1000 transport_close")
	c.want("end")
	again.awaitClosed(t, wire.CloseTransport)
}

func TestSocketIO_Refusal(t *testing.T) {
	w := newWorld()
	w.refuse = wire.Errorf(wire.CodeUnauthorized, "bad token")
	s := mustServe(t, Options{Acceptor: w})
	c := dial(t, s.addr, engineWS)
	c.read()
	c.write(text(`40`))
	c.want(`44{"message":"bad token","data":{"code":"unauthorized","message":"bad token","retryable":false}}`)
	c.write(text(`40/nowhere,`))
	c.want(`44/nowhere,{"message":"Invalid namespace"}`)
}

// Every reason closes the transport; only a revocation says DISCONNECT first,
// since the stock client does not come back after that.
func TestSocketIO_CloseReasons(t *testing.T) {
	for reason, want := range map[wire.CloseReason][]string{
		wire.CloseRevoked:     {"41", "close 1008 session_revoked"},
		wire.CloseReplaced:    {"close 1008 replaced"},
		wire.CloseDraining:    {"close 1012 draining"},
		wire.CloseInternal:    {"close 1011 internal"},
		wire.CloseRateLimited: {"close 1008 rate_limited"},
	} {
		t.Run(string(reason), func(t *testing.T) {
			w := newWorld()
			s := mustServe(t, Options{Acceptor: w})
			c := dialChat(t, s.addr)
			c.write(text(`42["close","` + string(reason) + `"]`))
			for _, line := range want {
				c.want(line)
			}
			mustOpen(t, w).awaitClosed(t, reason)
			c.write(frame(0x88, "\x03\xe8")) // the client answers
			c.want("end")
		})
	}
}

// What was queued before Close is sent before the close frame.
func TestConn_CloseAfterQueue(t *testing.T) {
	w := newWorld()
	s := mustServe(t, Options{Acceptor: w})
	c := dialChat(t, s.addr)
	session := mustOpen(t, w)
	for range 500 {
		session.conn.Push(wire.NewFrame("e", []byte(`{}`)))
	}
	session.conn.Close(wire.CloseReplaced)
	session.conn.Push(wire.NewFrame("late", []byte(`{}`)))
	for range 500 {
		c.want(`42["e",{}]`)
	}
	c.want("close 1008 replaced")
}

func TestSocketIO_ConnectTimeout(t *testing.T) {
	s := mustServe(t, Options{Acceptor: newWorld(), ConnectTimeout: 50 * time.Millisecond})
	c := dial(t, s.addr, engineWS)
	c.read()
	c.want("close 1008 not_identified")
}

func TestSocketIO_PanicStaysInside(t *testing.T) {
	for name, packet := range map[string]string{
		"receive": `42["panic"]`,
		"open":    `40{"token":"panic"}`,
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld()
			var log logged
			s := mustServe(t, Options{Acceptor: w, Log: log.logger()})
			other := dialChat(t, s.addr)
			mustOpen(t, w)
			c := dial(t, s.addr, engineWS)
			c.read()
			if name == "receive" {
				c.write(text("40"))
				c.want(`40{"sid":"sid","pid":"pid"}`)
			}
			c.write(text(packet))
			c.want("close 1011 internal")
			if name == "receive" {
				mustOpen(t, w).awaitClosed(t, wire.CloseInternal)
			}
			other.write(text(`42["echo",1]`))
			other.want(`42["echoed",1]`)
			if n := strings.Count(log.String(), "panics"); n != 1 || !strings.Contains(log.String(), "stack=") {
				t.Fatalf("logged %d times:\n%s", n, log.String())
			}
			if s.Stats().Panics != 1 {
				t.Fatalf("%+v", s.Stats())
			}
		})
	}
}

func TestNamespace_AcksBothWays(t *testing.T) {
	ns := &asking{answers: make(chan string, 4), gone: make(chan wire.CloseReason, 4)}
	s := mustServe(t, Options{Namespaces: map[string]Namespace{"/n": ns}})
	c := dial(t, s.addr, engineWS)
	c.read()
	c.write(text(`40/n,{"a":1}`))
	if got := c.read(); !strings.HasPrefix(got, `40/n,{"sid":"`) {
		t.Fatal(got)
	}
	c.want(`42/n,0["ask",{"a":1}]`)
	c.write(text(`43/n,0["yes",2]`))
	if got := <-ns.answers; got != `"yes",2` {
		t.Fatal(got)
	}
	c.write(text(`43/n,0["again"]`)) // answered already: nothing
	c.write(text(`42/n,5["e",1]`))
	c.want(`43/n,5[1]`)
	c.write(text(`40`))
	c.want(`44{"message":"Invalid namespace"}`)
	c.write(text(`41/n,`))
	if got := <-ns.gone; got != wire.CloseClient {
		t.Fatal(got)
	}
}

type asking struct {
	answers chan string
	gone    chan wire.CloseReason
}

func (*asking) Check([]byte) *wire.Error { return nil }

func (a *asking) Connected(s *Socket, auth []byte) {
	s.EmitWithAck("ask", [][]byte{auth}, func(args [][]byte) {
		var parts []string
		for _, arg := range args {
			parts = append(parts, string(arg))
		}
		a.answers <- strings.Join(parts, ",")
	})
}

func (*asking) Event(s *Socket, _ string, args [][]byte, id uint64, wantsAck bool) {
	if wantsAck {
		s.Ack(id, args...)
	}
}

func (a *asking) Disconnected(_ *Socket, reason wire.CloseReason) { a.gone <- reason }
