package transport

import (
	"testing"
	"time"

	"github.com/corrillo/corrillo/wire"
)

// late is an Acceptor that welcomes when it is told to, after Open has
// returned: it is up to another node whether there is a session.
type late struct {
	*world
	welcome chan struct{}
}

func (l *late) Open(conn wire.Conn, hello wire.Hello) (wire.Session, *wire.Error) {
	s := &session{conn: conn, hello: hello, closed: make(chan wire.CloseReason, 2), t: make(chan string, 100)}
	l.opened <- s
	go func() {
		<-l.welcome
		conn.Welcome(wire.Welcome{SID: "sid", PID: "pid", Recovered: true})
		conn.Push(wire.NewFrame("missed", []byte(`1`)))
	}()
	return s, nil
}

// A Welcome may come after Open has returned: what the client says meanwhile
// is the session's to keep, and what it gets begins with the Welcome.
func TestOpen_WelcomeLater(t *testing.T) {
	start := func(t *testing.T, o Options) (*late, *server) {
		l := &late{newWorld(), make(chan struct{})}
		o.Acceptor = l
		return l, mustServe(t, o)
	}
	// said awaits what the client has said already, and lets the Welcome out.
	said := func(t *testing.T, l *late) {
		t.Helper()
		if e := mustOpen(t, l.world).awaitEvent(t); e != `say 1` {
			t.Fatal(e)
		}
		close(l.welcome)
	}
	t.Run("WebSocket", func(t *testing.T) {
		l, s := start(t, Options{CloseTimeout: 50 * time.Millisecond})
		c := dial(t, s.addr, engineWS)
		_ = c.read() // Engine.IO's open packet
		c.write(text("40"))
		c.write(text(`42["say",1]`))
		said(t, l)
		c.want(`40{"sid":"sid","pid":"pid"}`)
		c.want(`42["missed",1]`)
	})
	t.Run("polling", func(t *testing.T) {
		l, s := start(t, Options{CloseTimeout: 50 * time.Millisecond})
		p := startPolling(t, s.addr)
		p.wantPost("40\x1e42[\"say\",1]", 200, "ok")
		said(t, l)
		eventually(t, "all is queued", func() bool { return s.Stats().QueueBytes > int64(len(`40{"sid":"sid","pid":"pid"}42["missed"`)) })
		p.wantGet(200, "40{\"sid\":\"sid\",\"pid\":\"pid\"}\x1e42[\"missed\",1]")
	})
	t.Run("plain", func(t *testing.T) {
		l, s := start(t, Options{CloseTimeout: 50 * time.Millisecond})
		c := dial(t, s.addr, "/ws")
		c.write(text(`{"event":"say","data":1}`))
		said(t, l)
		if got := c.read(); got != `{"event":"welcome","data":{"sid":"sid","pid":"pid","recovered":true}}` {
			t.Error(got)
		}
		c.want(`{"event":"missed","data":1}`)
	})
	t.Run("closed before it", func(t *testing.T) {
		l, s := start(t, Options{})
		c := dial(t, s.addr, engineWS)
		_ = c.read()
		c.write(text("40"))
		session := mustOpen(t, l.world)
		c.write(text("41"))
		session.awaitClosed(t, wire.CloseClient)
		close(l.welcome)
		c.write(text("3")) // it lives on, and got nothing
		c.write(frame(0x88, ""))
		if got := c.read(); got != "close 1000 transport_close" {
			t.Error(got)
		}
	})
}
