package away

import (
	"sync"

	"github.com/corrillo/corrillo/actors/message"
	"github.com/corrillo/corrillo/wire"
)

// there is a connection of another node whose session lives here. It is what
// the session has for a wire.Conn.
type there struct {
	c      *Carrier
	node   string // the socket's
	number uint64

	in      sync.Mutex // held while the session is called
	session wire.Session

	mu     sync.Mutex // held while something is sent, so that nothing follows what was not
	closed bool       // nothing more is sent
	hello  bool       // the Welcome was sent
}

// Accept answers a node that asks for a session. resume takes the session that
// hello names up on conn, which it welcomes, or returns nil when there is none
// or it cannot be recovered. The session hears of the end of conn once.
func (c *Carrier) Accept(from string, m *message.ConnOpened, resume func(conn wire.Conn, hello wire.Hello, identity *wire.Identity) wire.Session) {
	t := &there{c: c, node: from, number: m.Conn}
	t.in.Lock()
	defer t.in.Unlock()
	if !put(c, c.there, from, m.Conn, t) {
		return // its clients are gone with it
	}
	defer c.guard("recover", func() { t.refuse() })
	if t.session = resume(t, m.Hello, m.Identity); t.session == nil {
		t.refuse()
	}
}

// refuse says that there is no session, and forgets the connection.
func (t *there) refuse() {
	take(&t.c.mu, t.c.there, t.node, t.number)
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.closed = true; t.hello { // a session that failed halfway
		t.c.o.Must(t.node, &message.ConnClosing{Conn: t.number, Reason: wire.CloseInternal})
		return
	}
	t.c.o.Must(t.node, &message.ConnRefused{Conn: t.number})
}

// received hands on what the client said.
func (t *there) received(in wire.Inbound) {
	t.in.Lock()
	defer t.in.Unlock()
	if t.session == nil {
		return
	}
	defer t.c.guard("handle input", func() { t.Close(wire.CloseInternal) })
	t.session.Receive(in)
}

// ended tells the session that the connection is over.
func (t *there) ended(reason wire.CloseReason) {
	t.mu.Lock()
	t.closed = true
	t.mu.Unlock()
	t.in.Lock()
	defer t.in.Unlock()
	session := t.session
	if session == nil {
		return
	}
	t.session = nil
	defer t.c.guard("close", func() {})
	session.Closed(t, reason)
}

func (t *there) nodeLeft() { t.ended(wire.CloseTransport) }

// Welcome implements wire.Conn.
func (t *there) Welcome(w wire.Welcome) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if !t.closed {
		t.hello = true
		t.c.o.Must(t.node, &message.ConnWelcomed{Conn: t.number, Welcome: w})
	}
}

// Push implements wire.Conn.
func (t *there) Push(f *wire.Frame) {
	t.send(&message.ConnPushed{Conn: t.number, Event: f.Event, Data: f.Data, Offset: f.Offset})
}

// Ack implements wire.Conn.
func (t *there) Ack(id uint64, data []byte) {
	t.send(&message.ConnAcked{Conn: t.number, Ack: id, Data: data})
}

// send sends what must not be left out: when the link has no room for it the
// connection is closed, and nothing that comes later is sent.
func (t *there) send(m any) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if !t.closed && t.c.o.Send(t.node, m) != nil {
		t.c.overloaded.Add(1)
		t.closeLocked(wire.CloseSlow)
	}
}

// Close implements wire.Conn. The session hears of the end when the socket is
// closed.
func (t *there) Close(reason wire.CloseReason) { t.close(reason) }

// close reports whether it was open.
func (t *there) close(reason wire.CloseReason) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.closed {
		return false
	}
	t.closeLocked(reason)
	return true
}

func (t *there) closeLocked(reason wire.CloseReason) {
	t.closed = true
	t.c.o.Must(t.node, &message.ConnClosing{Conn: t.number, Reason: reason})
}
