package transport

import (
	"bytes"
	"net"
	"time"

	"github.com/corrillo/corrillo/wire"
)

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
			c.srv.flushers.add(c)
		}
	case c.poll != nil:
		c.poll.signal()
	}
}

// flush writes until nothing is queued, or until the socket takes no more:
// then a goroutine of the connection's own goes on. There is one at a time;
// kill leaves the connection's count in the server to it when it runs.
func (c *conn) flush(w *writer) {
	c.mu.Lock()
	for c.state != dead && !c.queue.empty() {
		if c.raw == nil {
			c.mu.Unlock()
			go c.flushSlowly(nil, 0)
			return
		}
		out, frames := c.queue.next(w.buffer)
		c.writing = max(c.srv.clock(), 1)
		raw := c.raw
		c.mu.Unlock()
		n, full, err := w.write(raw, out)
		if full {
			// out may stand in the buffer of w, or be shared.
			go c.flushSlowly(bytes.Clone(out[n:]), frames)
			return
		}
		c.mu.Lock()
		c.written(len(out), frames, err)
	}
	c.flushed()
}

// flushSlowly writes rest, the end of what frames frames began, and then what
// is queued, waiting for the socket as long as it takes.
func (c *conn) flushSlowly(rest []byte, frames int) {
	buffers := &c.srv.flushers.buffers
	var buf *[coalesce]byte
	borrow := func() []byte {
		if buf == nil {
			buf, _ = buffers.Get().(*[coalesce]byte)
		}
		return buf[:0]
	}
	c.mu.Lock()
	for c.state != dead && (rest != nil || !c.queue.empty()) {
		out := rest
		if rest == nil {
			out, frames = c.queue.next(borrow)
		}
		rest = nil
		c.writing = max(c.srv.clock(), 1)
		link := c.link
		c.mu.Unlock()
		_, err := link.Write(out)
		c.mu.Lock()
		c.written(len(out), frames, err)
	}
	c.flushed()
	if buf != nil {
		buffers.Put(buf)
	}
}

// written notes the end of a write. mu is held.
func (c *conn) written(n, frames int, err error) {
	c.srv.stats.sent(frames, n)
	c.writing = 0
	c.queue.bytes -= n
	if err != nil {
		// The reader sees the end of the socket too, and reports it.
		c.closeLocked(wire.CloseTransport, 0, true)
		c.kill()
	}
}

// flushed ends a flush. mu is held, and released.
func (c *conn) flushed() {
	c.flushing = false
	if c.state == dead {
		c.srv.running.Done()
	} else {
		c.settle()
	}
	c.mu.Unlock()
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
	c.link, c.raw = link, rawOf(link)
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
