package transport

import (
	"errors"
	"runtime/debug"
	"sync"
	"sync/atomic"
	"time"

	"github.com/corrillo/corrillo/wire"
	"github.com/corrillo/corrillo/wire/engineio"
	"github.com/corrillo/corrillo/wire/transport/wsframe"
)

// app is the dialect on top of a conn. Its methods are called with conn.in
// held: one at a time, in the order of arrival.
type app interface {
	text(p []byte) *fault
	binary(p []byte) *fault
	// waits reports whether what came last is a part of something: a text that
	// announced attachments.
	waits() bool
	// closed is called once, after everything else.
	closed(reason wire.CloseReason)
}

// fault is a violation that ends the connection. code is the close code of a
// WebSocket, 0: the one that fits the reason.
type fault struct {
	reason wire.CloseReason
	code   uint16
}

type state uint8

const (
	open    state = iota
	closing       // Close was called: what is queued goes out, nothing is taken in
	dead          // the transport is gone
)

// conn is one client, whatever its transport. Locks are taken in the order
// in, mu, the registry's.
type conn struct {
	srv  *Server
	app  app
	poll *polling // nil when it began as a WebSocket
	peer *peer

	in sync.Mutex // held while app is called

	mu        sync.Mutex // guards everything from here to seen
	link      Link       // nil while it is polling, or not attached yet
	queue     queue
	unwritten int // bytes of the write in progress
	frames    int // and its frames
	beat      engineio.Heartbeat
	connectBy time.Duration // join a namespace until then; 0: has joined
	frameBy   time.Duration // the message under way ends until then; 0: none is
	closeBy   time.Duration // when closing
	writing   time.Duration // since when a write is in progress; 0: none is
	reason    wire.CloseReason
	state     state
	flushing  bool // a flusher runs
	deaf      bool // input is thrown away: it cannot be parsed any more
	farewell  bool // the client's close frame has come
	waiting   bool // counts as a handshake
	engine    bool // frames are Engine.IO packets

	seen atomic.Int64 // when something was last received
	due  atomic.Int64 // when sweep has something to do
	slot int          // in the registry, which guards it

	parser *wsframe.Parser // the reader's; nil between messages
}

// parsers are lent to connections for as long as a message is under way.
var parsers = sync.Pool{New: func() any { return new(wsframe.Parser) }}

// Input implements Sink.
func (c *conn) Input(p []byte) error {
	c.in.Lock()
	defer c.in.Unlock()
	defer c.guard("handle input")
	if c.deaf { // set by this goroutine, so it may look without the lock
		return nil
	}
	c.seen.Store(int64(c.srv.clock()))
	var frames int
	size := len(p)
	parser := c.parser
	late := parser != nil || c.app.waits() // what is under way has a deadline
	if parser == nil {
		parser, _ = parsers.Get().(*wsframe.Parser)
	}
	c.parser = parser // also when a frame panics
	for len(p) > 0 {
		m, rest, ok, err := parser.Next(p, c.srv.opts.MaxPayload)
		if err != nil {
			c.failParse(err)
			break
		}
		if !ok {
			break
		}
		frames++
		p = rest
		more := c.frame(m)
		if late && parser.Idle() && !c.app.waits() {
			late = false
			c.frameEnded()
		}
		if !more {
			break
		}
	}
	idle := parser.Reset()
	if idle {
		c.parser = nil
		parsers.Put(parser)
	}
	if !late && (!idle || c.app.waits()) {
		c.frameBegan()
	}
	c.srv.stats.received(frames, size)
	return nil
}

// frame takes one message or control frame; false: nothing after it counts.
func (c *conn) frame(m wsframe.Message) bool {
	if m.Op == wsframe.OpClose {
		c.clientClose(m.Payload)
		return false
	}
	if !c.isOpen() {
		return true // go on, for the close frame
	}
	var f *fault
	switch {
	case m.Op == wsframe.OpPing:
		c.answerPing(m.Payload)
	case m.Op == wsframe.OpPong:
		c.pong()
	case m.Op == wsframe.OpBinary:
		f = c.app.binary(m.Payload)
	case c.engine:
		p, err := engineio.DecodeText(m.Payload)
		if err != nil {
			f = &fault{reason: wire.CloseParseError}
			break
		}
		f = c.packet(p)
	default:
		f = c.app.text(m.Payload)
	}
	if f != nil {
		c.fail(*f)
	}
	return true
}

// frameBegan sets the deadline of a message whose end, or whose last
// attachment, has not come with its beginning. More of it, and control frames
// between its fragments, do not put it off.
func (c *conn) frameBegan() {
	if c.srv.opts.FrameTimeout < 0 {
		return
	}
	c.mu.Lock()
	c.frameBy = c.srv.now() + c.srv.opts.FrameTimeout
	c.wake(c.frameBy)
	c.mu.Unlock()
}

func (c *conn) frameEnded() {
	c.mu.Lock()
	c.frameBy = 0
	c.mu.Unlock()
}

// packet takes one Engine.IO packet, of either transport.
func (c *conn) packet(p engineio.Packet) *fault {
	switch p.Type {
	case engineio.Message:
		if p.Binary {
			return c.app.binary(p.Data)
		}
		return c.app.text(p.Data)
	case engineio.Pong:
		c.pong()
	case engineio.Close:
		return &fault{reason: wire.CloseTransport}
	case engineio.Ping:
		// Since revision 4 only the server pings.
		return &fault{reason: wire.CloseParseError}
	}
	return nil
}

func (c *conn) pong() {
	c.mu.Lock()
	c.beat.Pong(c.srv.now(), c.srv.timing)
	c.wake(c.beat.Due())
	c.mu.Unlock()
}

// failParse ends a connection whose bytes are no WebSocket frames.
func (c *conn) failParse(err error) {
	f := fault{reason: wire.CloseParseError, code: wsframe.CloseProtocolError}
	if e, ok := errors.AsType[*wsframe.Error](err); ok {
		if f.code = e.Code; e.Code == wsframe.CloseTooBig {
			f.reason = wire.CloseTooLarge
		}
	}
	c.mu.Lock()
	c.deaf = true
	c.closeLocked(f.reason, f.code, true)
	c.mu.Unlock()
}

func (c *conn) fail(f fault) {
	c.mu.Lock()
	c.closeLocked(f.reason, f.code, true)
	c.mu.Unlock()
}

// clientClose answers the client's close frame and ends: RFC 6455, 5.5.1.
func (c *conn) clientClose(payload []byte) {
	code, _, err := wsframe.ParseClose(payload)
	if err != nil {
		c.failParse(err)
		return
	}
	reason := wire.CloseTransport
	if !c.engine && code == wsframe.CloseNormal {
		// Of the plain dialect this is the way to say DISCONNECT; a close
		// frame without a code, or with 1001, says nothing about coming back.
		reason = wire.CloseClient
	}
	if code == 0 {
		code = wsframe.CloseNormal
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.farewell = true
	c.closeLocked(reason, code, true)
	c.settle()
}

// Ended implements Sink.
func (c *conn) Ended(err error) {
	c.mu.Lock()
	first := c.closeLocked(endReason(err), 0, false)
	c.kill()
	c.mu.Unlock()
	if first {
		c.finish()
	}
}

// endReason is what a connection is closed for whose socket ended with err.
func endReason(err error) wire.CloseReason {
	if errors.Is(err, errReaderFailed) {
		return wire.CloseReader
	}
	return wire.CloseTransport
}

// close ends the connection for a reason of the server's.
func (c *conn) close(reason wire.CloseReason) {
	c.mu.Lock()
	c.closeLocked(reason, 0, true)
	c.mu.Unlock()
}

// closeLocked stops the intake, lets what is queued go out with a close frame
// or packet behind it, and has the app told, by a goroutine of its own unless
// detach is false: then the caller calls finish. It reports whether the
// connection was open.
func (c *conn) closeLocked(reason wire.CloseReason, code uint16, detach bool) bool {
	if c.state != open {
		return false
	}
	now := c.srv.now()
	c.state, c.reason, c.closeBy = closing, reason, now+c.srv.opts.CloseTimeout
	c.wake(c.closeBy)
	c.srv.stats.closed(reason)
	if detach {
		c.srv.running.Go(c.finish)
	}
	if reason == wire.CloseSlow {
		c.queue.drop()
	}
	if c.poll != nil {
		c.poll.close(c, reason)
	}
	if c.link != nil {
		if code == 0 {
			code = closeCode(reason)
		}
		c.pushClose(code)
		c.kick()
	}
	return true
}

// pushClose queues the close frame, whatever the bounds say.
func (c *conn) pushClose(code uint16) {
	c.queue.push(&wire.Encoded{WebSocket: wsframe.AppendClose(nil, code, string(c.reason))}, c.srv.clock())
}

// closeCode is the WebSocket close code that fits a reason.
func closeCode(r wire.CloseReason) uint16 {
	switch r {
	case wire.CloseClient, wire.CloseTransport:
		return wsframe.CloseNormal
	case wire.CloseParseError:
		return wsframe.CloseProtocolError
	case wire.CloseTooLarge:
		return wsframe.CloseTooBig
	case wire.CloseSlow:
		return wsframe.CloseTryAgainLater
	case wire.CloseDraining:
		return wsframe.CloseServiceRestart
	case wire.CloseInternal:
		return wsframe.CloseInternal
	}
	return wsframe.ClosePolicy
}

// finish tells the app that the connection is over. Whoever closed it calls
// this once.
func (c *conn) finish() {
	c.in.Lock()
	defer c.in.Unlock()
	c.mu.Lock()
	reason := c.reason
	c.mu.Unlock()
	defer c.guard("close")
	c.app.closed(reason)
}

// guard keeps a panic of the world above to this connection.
func (c *conn) guard(doing string) {
	v := recover()
	if v == nil {
		return
	}
	c.srv.stats.panicked()
	c.srv.opts.Log.Error("panic in a session", "doing", doing, "panic", v, "stack", string(debug.Stack()))
	c.close(wire.CloseInternal)
}

func (c *conn) isOpen() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.state == open
}

// joined notes that the handshake is over; left that no namespace is joined.
func (c *conn) joined() {
	c.mu.Lock()
	c.connectBy = 0
	c.doneWaiting()
	c.mu.Unlock()
}

func (c *conn) left() {
	c.mu.Lock()
	c.connectBy = c.srv.now() + c.srv.opts.ConnectTimeout
	c.wake(c.connectBy)
	c.mu.Unlock()
}

func (c *conn) doneWaiting() {
	if c.waiting {
		c.waiting = false
		c.srv.handshakes.Add(-1)
	}
}

// kill ends the transport at once. mu is held.
func (c *conn) kill() {
	if c.state == dead {
		return
	}
	c.state = dead
	c.queue.drop()
	c.doneWaiting()
	if c.link != nil {
		c.link.Close()
	}
	if c.poll != nil {
		if c.poll.candidate != nil {
			c.poll.candidate.link.Close() // its reader does the rest
		}
		c.poll.signal()
	}
	c.srv.remove(c)
	if !c.flushing {
		c.srv.running.Done()
	}
}
