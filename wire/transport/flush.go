package transport

import (
	"net"
	"sync"
	"time"

	"github.com/corrillo/corrillo/wire"
)

// writeBuffers are the buffers in which small frames are put together.
type writeBuffers struct{ pool sync.Pool }

func newWriteBuffers() *writeBuffers {
	return &writeBuffers{sync.Pool{New: func() any { return new([coalesce]byte) }}}
}

// send queues a frame.
func (c *conn) send(e *wire.Encoded) {
	c.mu.Lock()
	c.sendLocked(e)
	c.mu.Unlock()
}

func (c *conn) sendLocked(e *wire.Encoded) {
	if c.state != open {
		return
	}
	now := c.srv.clock()
	if c.queue.empty() {
		c.wake(now + c.srv.opts.QueueAge)
	}
	c.queue.push(e, now)
	if c.queue.bytes > c.srv.opts.QueueBytes && c.queue.bytes > len(e.WebSocket) {
		c.closeLocked(wire.CloseSlow, 0, true)
		return
	}
	c.kick()
}

// kick sees to it that what is queued goes out. mu is held.
func (c *conn) kick() {
	switch {
	case c.link != nil:
		if !c.flushing {
			c.flushing = true
			go c.flush()
		}
	case c.poll != nil:
		c.poll.signal()
	}
}

// flush writes until nothing is queued. There is one at a time; kill leaves
// the connection's count in the server to it when it runs.
func (c *conn) flush() {
	var buf *[coalesce]byte
	buffers := &c.srv.writeBuffers.pool
	borrow := func() []byte {
		if buf == nil {
			buf, _ = buffers.Get().(*[coalesce]byte)
		}
		return buf[:0]
	}
	c.mu.Lock()
	for c.state != dead && !c.queue.empty() {
		out, frames := c.queue.next(borrow)
		c.writing = max(c.srv.clock(), 1)
		link := c.link
		c.mu.Unlock()
		_, err := link.Write(out)
		c.srv.stats.sent(frames, len(out))
		c.mu.Lock()
		c.writing = 0
		c.queue.bytes -= len(out)
		if err != nil {
			// The reader sees the end of the socket too, and reports it.
			c.closeLocked(wire.CloseTransport, 0, true)
			c.kill()
		}
	}
	c.flushing = false
	if c.state == dead {
		c.srv.running.Done()
	} else {
		c.settle()
	}
	c.mu.Unlock()
	if buf != nil {
		buffers.Put(buf)
	}
}

// settle ends a closing WebSocket once all has been said on both sides. mu is
// held.
func (c *conn) settle() {
	if c.state != closing || c.flushing || c.link == nil || !c.queue.empty() {
		return
	}
	switch {
	case c.farewell:
		c.kill()
	case c.deaf:
		// The client's close frame cannot be found any more. Its end of the
		// socket can: closing with input unread would reset the connection
		// and could destroy what was just written.
		if half, ok := c.link.(interface{ CloseWrite() error }); ok {
			_ = half.CloseWrite() // the deadline closes it in any case
		}
	}
}

// wake has sweep look at the connection at the given time or before. mu is
// held.
func (c *conn) wake(at time.Duration) {
	if int64(at) < c.due.Load() {
		c.due.Store(int64(at))
	}
}

// attach gives the connection its WebSocket. mu is held.
func (c *conn) attach(link net.Conn) {
	c.link = link
	switch c.state {
	case dead:
		_ = link.Close() // it comes too late
		return
	case closing: // it was closed before it had a socket
		c.pushClose(closeCode(c.reason))
	case open:
	}
	if !c.queue.empty() {
		c.kick()
	}
}
