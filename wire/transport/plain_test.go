package transport

import (
	"io"
	"net/http"
	"testing"

	"github.com/corrillo/corrillo/wire"
)

func TestPlain(t *testing.T) {
	w := newWorld()
	s := mustServe(t, Options{Acceptor: w})
	c := dial(t, s.addr, "/ws?pid=pid&offset=o-0", "Authorization: Bearer tok")
	c.want(`{"event":"welcome","data":{"sid":"sid","pid":"pid","recovered":true}}`)
	c.want(`{"event":"missed","data":1,"offset":"o-1"}`)
	session := mustOpen(t, w)
	if h := session.hello; h.Token != "tok" || h.PID != "pid" || h.Offset != "o-0" || !h.HasOffset || h.Dialect != wire.DialectPlain || h.RemoteIP != "127.0.0.1" {
		t.Fatalf("%+v", h)
	}
	c.write(text(`{"event":"echo","data":{"a":1},"id":7}`))
	c.want(`{"event":"echoed","data":{"a":1}}`)
	c.want(`{"ack":7,"data":{"a":1}}`)
	c.write(text(`{"event":`)) // the client is told, and goes on
	c.want(`{"event":"error","data":{"code":"invalid_payload","message":"the frame is not one JSON object","retryable":false}}`)
	c.write(frame(0x89, "are you there"))
	c.write(text(`{"event":"echo"}`))
	c.want(`{"event":"echoed"}`)
	c.write(frame(0x82, "bytes"))
	c.want("close 1003 parse_error")
	session.awaitClosed(t, wire.CloseParseError)
}

func TestPlain_GivesUpOnNonsense(t *testing.T) {
	w := newWorld()
	s := mustServe(t, Options{Acceptor: w})
	c := dial(t, s.addr, "/ws")
	c.read()
	for range maxBadFrames {
		c.write(text(`nonsense`))
	}
	for range maxBadFrames - 1 {
		c.read()
	}
	c.want("close 1002 parse_error")
	mustOpen(t, w).awaitClosed(t, wire.CloseParseError)
}

// A session that closes its connection while it is being opened is obeyed
// once the handshake is through, what it sent before included.
func TestPlain_ClosedWhileOpening(t *testing.T) {
	closed := make(chan wire.CloseReason, 1)
	s := mustServe(t, Options{Acceptor: closer(closed)})
	c := dial(t, s.addr, "/ws")
	c.want(`{"event":"welcome","data":{"sid":"s","pid":"p","recovered":false}}`)
	c.want("close 1008 unauthorized")
	if r := <-closed; r != wire.CloseUnauthorized {
		t.Fatal(r)
	}
}

// closer is an Acceptor whose sessions close at once.
type closer chan wire.CloseReason

func (c closer) Open(conn wire.Conn, _ wire.Hello) (wire.Session, *wire.Error) {
	conn.Welcome(wire.Welcome{SID: "s", PID: "p"})
	conn.Close(wire.CloseUnauthorized)
	return c, nil
}

func (closer) Receive(wire.Inbound) {}

func (c closer) Closed(_ wire.Conn, r wire.CloseReason) { c <- r }

// A refusal is the HTTP answer to the handshake.
func TestPlain_Refusal(t *testing.T) {
	w := newWorld()
	w.refuse = wire.Errorf(wire.CodeUnauthorized, "bad token")
	s := mustServe(t, Options{Acceptor: w})
	c := dialRaw(t, s.addr)
	c.write([]byte(handshake("/ws")))
	resp, err := http.ReadResponse(c.r, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	body, _ := io.ReadAll(resp.Body)
	if resp.StatusCode != 401 || string(body) != `{"code":"unauthorized","message":"bad token","retryable":false}` {
		t.Fatal(resp.StatusCode, string(body))
	}
	eventually(t, "the connection is forgotten", func() bool { return len(s.Stats().Conns) == 0 })
}

func TestPlain_NotAWebSocket(t *testing.T) {
	w := newWorld()
	s := mustServe(t, Options{Acceptor: w})
	if status, _, h := request(t, "GET", "http://"+s.addr+"/ws", ""); status != 426 || h.Get("Upgrade") != "websocket" {
		t.Fatal(status, h)
	}
	// The session is opened before the handshake is judged, and closed again.
	c := dialRaw(t, s.addr)
	c.write([]byte("GET /ws HTTP/1.1\r\nHost: test\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n"))
	resp, err := http.ReadResponse(c.r, nil)
	if err != nil || resp.StatusCode != 400 {
		t.Fatal(resp, err)
	}
	_ = resp.Body.Close()
	mustOpen(t, w).awaitClosed(t, wire.CloseTransport)
}

// One Frame goes out in both dialects, each encoded once for all receivers.
func TestConn_PushSharesTheEncoding(t *testing.T) {
	w := newWorld()
	s := mustServe(t, Options{Acceptor: w})
	a, b, p := dialChat(t, s.addr), dialChat(t, s.addr), dial(t, s.addr, "/ws")
	p.read()
	f := &wire.Frame{Event: "new", Data: []byte(`{"a":1}`), Offset: "o"}
	var first *wire.Encoded
	for range 3 {
		session := mustOpen(t, w)
		session.conn.Push(f)
		if session.hello.Dialect != wire.DialectSocketIO {
			continue
		}
		e := f.Encoded(wire.DialectSocketIO, func(*wire.Frame) *wire.Encoded { t.Error("not encoded yet"); return nil })
		if first != nil && e != first {
			t.Error("encoded again")
		}
		first = e
	}
	a.want(`42["new",{"a":1},"o"]`)
	b.want(`42["new",{"a":1},"o"]`)
	p.want(`{"event":"new","data":{"a":1},"offset":"o"}`)
}

// 1000 is a goodbye, and nothing is kept for who said it; whoever is only
// gone, and says so or not, may come back.
func TestPlain_CloseCodes(t *testing.T) {
	for name, tc := range map[string]struct {
		payload, answer string
		reason          wire.CloseReason
	}{
		"normal closure": {"\x03\xe8", "close 1000 client_disconnect", wire.CloseClient},
		"no code":        {"", "close 1000 transport_close", wire.CloseTransport},
		"going away":     {"\x03\xe9", "close 1001 transport_close", wire.CloseTransport},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld()
			s := mustServe(t, Options{Acceptor: w})
			c := dial(t, s.addr, "/ws")
			c.read()
			c.write(frame(0x88, tc.payload))
			c.want(tc.answer)
			mustOpen(t, w).awaitClosed(t, tc.reason)
		})
	}
}
