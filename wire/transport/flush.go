package transport

import (
	"bytes"
	"time"

	"github.com/corrillo/corrillo/wire"
	"github.com/corrillo/corrillo/wire/transport/wsframe"
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
	if limit := c.srv.opts.QueueBytes; c.queue.bytes > limit && c.queue.bytes-max(c.queue.largest(), c.unwritten) > limit {
		c.closeLocked(wire.CloseSlow, 0, true)
		return
	}
	c.kick()
}

// answerPing queues a pong. One that waits already is replaced: RFC 6455
// section 5.5.3 lets a server answer the last ping only, so that no flood of
// them makes it hold, or write, more than it reads.
func (c *conn) answerPing(payload []byte) {
	pong := &wire.Encoded{WebSocket: wsframe.AppendFrame(nil, wsframe.OpPong, payload)}
	c.mu.Lock()
	if !c.queue.replacePong(pong) {
		c.sendLocked(pong)
	}
	c.mu.Unlock()
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
// then the link goes on. There is one at a time; kill leaves the connection's
// count in the server to it when it runs. buf is where small frames are put
// together.
func (c *conn) flush(buf []byte) {
	c.mu.Lock()
	for c.state != dead && !c.queue.empty() {
		out, frames := c.queue.next(buf)
		c.writing, c.unwritten = max(c.srv.clock(), 1), len(out)
		link := c.link
		c.mu.Unlock()
		n, err := link.TryWrite(out)
		if err == nil && n < len(out) {
			c.mu.Lock()
			c.frames = frames
			c.mu.Unlock()
			// out may stand in buf, or be shared.
			link.Finish(bytes.Clone(out[n:]))
			return
		}
		c.mu.Lock()
		c.written(len(out), frames, err)
	}
	c.flushed()
}

// Written implements Sink: the link has done what flush began.
func (c *conn) Written(err error) {
	c.mu.Lock()
	c.written(c.unwritten, c.frames, err)
	if c.state != dead && !c.queue.empty() {
		c.srv.flushers.add(c)
		c.mu.Unlock()
		return
	}
	c.flushed()
}

// written notes the end of a write. mu is held.
func (c *conn) written(n, frames int, err error) {
	c.srv.stats.sent(frames, n)
	c.writing, c.unwritten = 0, 0
	c.queue.bytes -= n
	if err != nil {
		// The reader sees the end of the socket too, and reports it.
		c.closeLocked(endReason(err), 0, true)
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
		c.link.CloseWrite() // the deadline closes it in any case
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
func (c *conn) attach(link Link) {
	c.link = link
	switch c.state {
	case dead:
		link.Close() // it comes too late
		return
	case closing: // it was closed before it had a socket
		c.pushClose(closeCode(c.reason))
	case open:
	}
	if !c.queue.empty() {
		c.kick()
	}
}
