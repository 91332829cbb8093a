package away

import (
	"bytes"
	"sync"
	"time"

	"golang.org/x/time/rate"

	"github.com/corrillo/corrillo/actors/message"
	"github.com/corrillo/corrillo/wire"
)

// here is a connection of this node whose session lives on another, or may.
// It is what the transport has for a session.
type here struct {
	c      *Carrier
	node   string // the session's
	number uint64
	conn   wire.Conn

	mu    sync.Mutex
	state state
	timer *time.Timer
	fresh func() wire.Session
	own   wire.Session   // once it is fresh
	held  []wire.Inbound // what the client said before there was an answer
	bytes int            // of it

	limiter *rate.Limiter // nil: no limit
}

type state uint8

const (
	asking  state = iota // the other node has yet to answer
	carried              // its session has taken the connection
	cut                  // carried, and being closed: nothing more goes either way
	renewed              // it has a new session, here
	over                 // the socket is gone
)

// What a client says before there is an answer is kept up to these bounds, one
// event in any case. A client that keeps to the limits of events a second
// reaches neither.
const (
	maxHeld      = 256
	maxHeldBytes = 1 << 20
)

// maxID bounds the pid and the offset that are sent on, in bytes; no node makes
// longer ones.
const maxID = 256

// Open asks a node for the session that hello's PID names, and returns what
// the transport is to have for a session: the one there once it has answered,
// or else what fresh gives. It does not wait: the Welcome comes from the one or
// the other. fresh is called at most once, and not after the connection has
// ended; it opens a session on conn, welcomes it, and does not block.
// identity is that of the token that came along, nil when there was none.
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
		h.state = renewed // whoever has found it meanwhile
		return fresh()
	}
	h.timer = time.AfterFunc(c.o.Within, h.late)
	return h
}

// forget takes the connection out of the Carrier: what comes for it is no
// longer found.
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

// hold keeps what came before the answer.
func (h *here) hold(in wire.Inbound) {
	if n := len(h.held); n >= maxHeld || n > 0 && h.bytes+len(in.Data) > maxHeldBytes {
		h.conn.Close(wire.CloseRateLimited) // the end of it comes by way of Closed
		return
	}
	in.Data = bytes.Clone(in.Data)
	h.held = append(h.held, in)
	h.bytes += len(in.Data)
}

// takeHeld returns what was kept, and keeps it no longer.
func (h *here) takeHeld() []wire.Inbound {
	held := h.held
	h.held, h.bytes = nil, 0
	return held
}

// pass sends on what the client said. When the link has no room the connection
// is closed: the client sends again what was not answered.
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
		if take(&h.c.mu, h.c.here, h.node, h.number) != nil { // else its node is gone
			h.c.o.Must(h.node, &message.ConnEnded{Conn: h.number, Reason: reason})
		}
	case over:
	}
}

// welcomed: the session there has taken the connection.
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

// refused: there is no such session.
func (h *here) refused() {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.state == asking {
		h.forget()
		h.renew()
	}
}

// late: there was no answer in time. One that comes later finds nothing, and
// the session there is told that its connection has ended.
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

// renew opens a new session here, which gets what the client has said.
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

// nodeLeft: the session is gone, or will never answer.
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

// closing: the session there wants the connection closed. It hears of the end
// by way of Closed.
func (h *here) closing(reason wire.CloseReason) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.state == carried {
		h.state = cut
		h.conn.Close(reason)
	}
}
