package away

import (
	"bytes"
	"sync"
	"time"

	"golang.org/x/time/rate"

	"github.com/corrillo/corrillo/actors/message"
	"github.com/corrillo/corrillo/wire"
)

// here is a connection of this node whose session is, or may be, on another node.
// To the transport it stands for the session: it implements wire.Session.
type here struct {
	c      *Carrier
	node   string // where the session is
	number uint64
	conn   wire.Conn

	mu    sync.Mutex
	state state
	timer *time.Timer // calls late
	fresh func() wire.Session
	own   wire.Session   // state renewed: the new session
	held  []wire.Inbound // state asking: the client's events so far
	bytes int            // the size of held

	limiter *rate.Limiter // nil: no limit
}

type state uint8

const (
	asking  state = iota // the other node has not answered yet
	carried              // the session of the other node has the connection
	cut                  // it was carried and is being closed: nothing more goes either way
	renewed              // the client got a new session on this node
	over                 // the socket is gone
)

// Bounds on the events of a client that are held until the other node answers. One
// event is held in any case. A client that keeps to its limit of events per second
// reaches neither bound.
const (
	maxHeld      = 256
	maxHeldBytes = 1 << 20
)

// maxID bounds the pid and the offset of a client, in bytes; no node makes longer
// ones.
const maxID = 256

// Open asks a node to recover the session that hello.PID names, and returns a
// wire.Session that stands for it. If that node refuses, or does not answer in time,
// it stands for a new session of this node instead, which fresh makes. Open does not
// wait for the answer: either session sends the Welcome when it takes the
// connection. fresh is called at most once, and not after the connection has ended;
// it opens a session on conn, welcomes it, and does not block. identity is what the
// client's token says, nil when it gave none.
func (c *Carrier) Open(node string, conn wire.Conn, hello wire.Hello, identity *wire.Identity, fresh func() wire.Session) wire.Session {
	h := &here{c: c, node: node, number: c.last.Add(1), conn: conn, fresh: fresh}
	if c.o.EventsPerSecond > 0 {
		h.limiter = rate.NewLimiter(rate.Limit(2*c.o.EventsPerSecond), 2*max(c.o.Burst, 1))
	}
	hello.Token = ""
	h.mu.Lock()
	defer h.mu.Unlock()
	if len(hello.PID) > maxID || len(hello.Offset) > maxID || !put(c, c.here, node, h.number, h) {
		c.refused.Add(1)
		return fresh()
	}
	if c.o.Send(node, &message.ConnOpened{Conn: h.number, Hello: hello, Identity: identity}) != nil {
		h.forget()
		c.refused.Add(1)
		h.state = renewed // for NodeLeft, which may have found it meanwhile
		return fresh()
	}
	h.timer = time.AfterFunc(c.o.Within, h.late)
	return h
}

// forget takes the connection out of the Carrier: messages for it are ignored from
// now on.
func (h *here) forget() { take(&h.c.mu, h.c.here, h.node, h.number) }

// Receive implements wire.Session.
func (h *here) Receive(in wire.Inbound) {
	h.mu.Lock()
	defer h.mu.Unlock()
	switch h.state {
	case asking:
		h.hold(in)
	case carried:
		if h.limiter != nil && !h.limiter.Allow() {
			h.state = cut
			h.conn.Close(wire.CloseRateLimited)
			return
		}
		in.Data = bytes.Clone(in.Data)
		h.pass(in)
	case renewed:
		h.own.Receive(in)
	case cut, over:
	}
}

// hold keeps an event of the client until the other node answers.
func (h *here) hold(in wire.Inbound) {
	if n := len(h.held); n >= maxHeld || n > 0 && h.bytes+len(in.Data) > maxHeldBytes {
		h.conn.Close(wire.CloseRateLimited) // Closed does the rest
		return
	}
	in.Data = bytes.Clone(in.Data)
	h.held = append(h.held, in)
	h.bytes += len(in.Data)
}

// takeHeld returns the events that were held, and holds them no longer.
func (h *here) takeHeld() []wire.Inbound {
	held := h.held
	h.held, h.bytes = nil, 0
	return held
}

// pass sends an event of the client to the session's node. When the link has no
// room the connection is closed: the client comes back and sends again what was not
// answered.
func (h *here) pass(in wire.Inbound) {
	if h.state == carried && h.c.o.Send(h.node, &message.ConnReceived{Conn: h.number, Event: in}) != nil {
		h.c.overloaded.Add(1)
		h.state = cut
		h.conn.Close(wire.CloseSlow)
	}
}

// Closed implements wire.Session.
func (h *here) Closed(conn wire.Conn, reason wire.CloseReason) {
	h.mu.Lock()
	defer h.mu.Unlock()
	was := h.state
	h.state = over
	switch was {
	case renewed:
		h.own.Closed(conn, reason)
	case asking, carried, cut:
		h.timer.Stop()
		h.takeHeld()
		if was != asking {
			h.c.closed.Add(1)
		}
		if take(&h.c.mu, h.c.here, h.node, h.number) != nil { // otherwise that node has left
			h.c.o.Must(h.node, &message.ConnEnded{Conn: h.number, Reason: reason})
		}
	case over:
	}
}

// welcomed handles ConnWelcomed: the session has taken the connection.
func (h *here) welcomed(w wire.Welcome) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.state != asking {
		return
	}
	h.timer.Stop()
	h.fresh = nil
	h.c.opened.Add(1)
	h.state = carried
	h.conn.Welcome(w)
	for _, in := range h.takeHeld() {
		h.pass(in)
	}
}

// refused handles ConnRefused: there is no such session.
func (h *here) refused() {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.state == asking {
		h.forget()
		h.renew()
	}
}

// late gives the client a new session since no answer came in time. Should the
// answer come later it is ignored: the session of the other node is told now that
// its connection has ended.
func (h *here) late() {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.state != asking {
		return
	}
	h.forget()
	h.c.o.Must(h.node, &message.ConnEnded{Conn: h.number, Reason: wire.CloseTransport})
	h.renew()
}

// renew gives the client a new session on this node, and that session the events
// that were held.
func (h *here) renew() {
	h.timer.Stop()
	h.c.refused.Add(1)
	h.state = renewed
	defer h.c.guard("open", func() {
		if h.own == nil {
			h.state = over
		}
		h.conn.Close(wire.CloseInternal)
	})
	h.own = h.fresh()
	for _, in := range h.takeHeld() {
		h.own.Receive(in)
	}
}

// nodeLeft says that the node of the session is gone.
func (h *here) nodeLeft() {
	h.mu.Lock()
	defer h.mu.Unlock()
	switch h.state {
	case asking:
		h.renew()
	case carried:
		h.state = cut
		h.conn.Close(wire.CloseTransport) // so that the client comes back
	case cut, renewed, over:
	}
}

func (h *here) pushed(m *message.ConnPushed) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.state == carried {
		f := wire.NewFrame(m.Event, m.Data)
		f.Offset = m.Offset
		h.conn.Push(f)
	}
}

func (h *here) acked(m *message.ConnAcked) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.state == carried {
		h.conn.Ack(m.Ack, m.Data)
	}
}

// closing handles ConnClosing: the session wants the connection closed. When the
// socket is gone, Closed tells the session so.
func (h *here) closing(reason wire.CloseReason) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.state == carried {
		h.state = cut
		h.conn.Close(reason)
	}
}
