package away

import (
	"sync"

	"github.com/corrillo/corrillo/actors/message"
	"github.com/corrillo/corrillo/wire"
)

// there is a connection of another node whose session is on this one. To the
// session it stands for the connection: it implements wire.Conn.
type there struct {
	c      *Carrier
	node   string // where the socket is
	number uint64

	in      sync.Mutex // held while the session is called
	session wire.Session

	mu     sync.Mutex // held while sending: nothing may be sent behind a message that was refused
	closed bool       // nothing more is sent
	hello  bool       // the Welcome was sent
}

// Accept handles ConnOpened. resume recovers the session that hello.PID names on
// conn and welcomes conn, or returns nil when that is not possible. The session's
// Closed is called once, when the socket is gone.
func (c *Carrier) Accept(from string, m *message.ConnOpened, resume func(conn wire.Conn, hello wire.Hello, identity *wire.Identity) wire.Session) {
	t := &there{c: c, node: from, number: m.Conn}
	t.in.Lock()
	defer t.in.Unlock()
	if !put(c, c.there, from, m.Conn, t) {
		return // that node has left, and its clients are gone
	}
	defer c.guard("recover", func() { t.refuse() })
	if t.session = resume(t, m.Hello, m.Identity); t.session == nil {
		t.refuse()
	}
}

// refuse answers that there is no session, and forgets the connection.
func (t *there) refuse() {
	take(&t.c.mu, t.c.there, t.node, t.number)
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.closed = true; t.hello { // the session has panicked after its Welcome
		t.c.o.Must(t.node, &message.ConnClosing{Conn: t.number, Reason: wire.CloseInternal})
		return
	}
	t.c.o.Must(t.node, &message.ConnRefused{Conn: t.number})
}

// received gives the session an event of the client.
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

// send sends a message for the client. When the link has no room for it the
// connection is closed, and nothing is sent behind it.
func (t *there) send(m any) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if !t.closed && t.c.o.Send(t.node, m) != nil {
		t.c.overloaded.Add(1)
		t.closeLocked(wire.CloseSlow)
	}
}

// Close implements wire.Conn. The session's Closed is called when the socket is
// gone.
func (t *there) Close(reason wire.CloseReason) { t.close(reason) }

// close closes the connection and reports whether it was open.
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
