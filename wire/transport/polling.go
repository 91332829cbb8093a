package transport

import (
	"context"
	"time"
	"unicode/utf8"

	"github.com/corrillo/corrillo/wire"
	"github.com/corrillo/corrillo/wire/engineio"
)

// releaseAfter is how long after a probe a pending poll is left before a noop
// releases it, or, when the upgrade came meanwhile, before it is refused: what
// is said here must not overtake what was said over the WebSocket.
const releaseAfter = 50 * time.Millisecond

// lastPoll is how long a session that its client has closed waits for a poll
// that the client may have sent just before.
const lastPoll = 300 * time.Millisecond

// nextPoll is how long a session that is sent away waits for a poll after the last
// one was answered. The stock client asks again at once; who comes later is told
// that there is no such session, and begins anew as after a close packet.
const nextPoll = time.Second

// polling is what a connection that began with HTTP requests has besides. The
// conn's mu guards it.
type polling struct {
	sid       string
	remoteIP  string
	phase     engineio.Phase
	candidate *candidate    // the WebSocket that is being probed
	probeBy   time.Duration // else it is closed
	releaseAt time.Duration // pending polls get a noop; set by the probe
	answered  time.Duration // when the last GET was, or the session began
	pending   bool          // a GET waits for packets
	posting   bool          // a POST is being read
	last      engineio.Type // what answers the last GET of a closed session
	ready     chan struct{} // wakes the pending GET
}

func newPolling(sid, ip string) *polling {
	return &polling{sid: sid, remoteIP: ip, last: engineio.Close, ready: make(chan struct{}, 1)}
}

func (p *polling) signal() {
	select {
	case p.ready <- struct{}{}:
	default: // it will look again anyway
	}
}

// close goes with conn.closeLocked. Without a WebSocket the next GET takes
// what is queued and the close packet; when there can be none, or it is not
// worth waiting for, the session ends at once.
func (p *polling) close(c *conn, reason wire.CloseReason) {
	if p.candidate != nil && p.phase == engineio.Attached {
		p.candidate.link.Close() // its client is still polling
	}
	// Once probed, the stock client has paused its polling and would wait in
	// vain: it may finish the upgrade, and is told over the WebSocket.
	if c.link != nil {
		return
	}
	if !p.pending {
		if p.last == engineio.Noop {
			c.closeBy = min(c.closeBy, c.srv.now()+lastPoll)
			c.wake(c.closeBy)
			return
		}
		switch reason {
		case wire.CloseTransport, wire.ClosePingTimeout, wire.CloseTooLarge, wire.CloseParseError:
			c.kill()
			return
		case wire.CloseDraining:
			p.expect(c)
			return
		}
	}
	p.signal()
}

// expect bounds how long a session that is sent away waits for its client: for
// the next poll, or for the end of an upgrade that has been probed, while which
// the stock client does not poll. Nobody has to wait for a client that is gone.
func (p *polling) expect(c *conn) {
	if c.state != closing || c.link != nil || p.pending {
		return
	}
	until := p.answered + nextPoll
	if p.candidate != nil && p.phase == engineio.Probed {
		until = p.releaseAt + c.srv.opts.CloseTimeout
	}
	if until <= c.srv.now() {
		c.kill()
		return
	}
	c.closeBy = min(c.closeBy, until)
	c.wake(c.closeBy)
}

// sweep ends a probe that takes too long.
func (p *polling) sweep(now time.Duration) {
	if p.candidate != nil && now >= p.probeBy {
		p.candidate.link.Close() // its reader does the rest
	}
}

// outcome is what a GET is answered with.
type outcome uint8

const (
	deliver outcome = iota
	overlap
	moved // to a WebSocket
	gone
)

// take waits for packets and returns them as a payload, a noop when none has come
// by until. It is the whole of a GET but for the HTTP.
func (c *conn) take(ctx context.Context, buf []byte, until time.Duration) ([]byte, outcome) {
	c.mu.Lock()
	defer c.mu.Unlock()
	p := c.poll
	if p.pending && p.phase == engineio.Upgraded {
		return nil, moved
	}
	if p.pending {
		// Two polls at once cannot be kept in order: the session ends, as it
		// does with the reference server.
		c.closeLocked(wire.CloseParseError, 0, true)
		return nil, overlap
	}
	p.pending = true
	defer func() {
		p.pending, p.answered = false, c.srv.now()
		if c.reason == wire.CloseDraining {
			p.expect(c)
		}
	}()
	for {
		at := until
		if p.phase >= engineio.Probed {
			at = min(at, p.releaseAt)
		}
		wait := never
		if at != never {
			wait = at - c.srv.now()
		}
		switch {
		case p.phase == engineio.Upgraded && wait <= 0:
			return nil, moved
		case p.phase == engineio.Upgraded:
		case c.state == dead:
			return nil, gone
		case !c.queue.empty():
			return c.takeQueue(buf), deliver
		case c.state == closing:
			// Alone: the stock client drops what stands in front of a close
			// packet in the same payload.
			c.kill()
			return engineio.AppendPayload(buf, engineio.Packet{Type: p.last}), deliver
		case wait <= 0:
			return engineio.AppendPayload(buf, engineio.Packet{Type: engineio.Noop}), deliver
		}
		c.mu.Unlock()
		alive := p.await(ctx, wait)
		c.mu.Lock()
		if !alive {
			// The client hung up on its poll: whatever was to be answered
			// is lost, so the session is.
			if c.state == open && p.phase != engineio.Upgraded {
				c.closeLocked(wire.CloseTransport, 0, true)
				c.kill()
			}
			return nil, gone
		}
	}
}

// await returns when there may be something to take; false: ctx is done.
func (p *polling) await(ctx context.Context, wait time.Duration) bool {
	if wait == never {
		select {
		case <-p.ready:
		case <-ctx.Done():
			return false
		}
		return true
	}
	timer := time.NewTimer(wait)
	defer timer.Stop()
	select {
	case <-p.ready:
	case <-timer.C:
	case <-ctx.Done():
		return false
	}
	return true
}

// takeQueue appends all that is queued as a payload. mu is held.
func (c *conn) takeQueue(buf []byte) []byte {
	frames, size := 0, 0
	for ; !c.queue.empty(); frames++ {
		e := c.queue.pop()
		size += len(e.WebSocket)
		if e == c.srv.enginePing {
			buf = engineio.AppendPayload(buf, engineio.Packet{Type: engineio.Ping})
			continue
		}
		for _, p := range e.Packets {
			buf = engineio.AppendPayload(buf, engineio.Packet{Type: engineio.Message, Binary: p.Binary, Data: p.Payload})
		}
	}
	c.queue.bytes -= size
	c.srv.stats.sent(frames, size)
	return buf
}

// give takes the packets of a POST.
func (c *conn) give(payload []byte) (ok bool) {
	c.in.Lock()
	defer c.in.Unlock()
	defer c.guard("handle input")
	c.seen.Store(int64(c.srv.clock()))
	size := len(payload)
	frames := 0
	valid := utf8.Valid(payload) // the encoding of all text packets
	for payload != nil && c.isOpen() {
		p, rest, err := engineio.NextPacket(payload)
		if err != nil || !valid {
			c.fail(fault{reason: wire.CloseParseError})
			return false
		}
		frames++
		payload = rest
		if p.Type == engineio.Close {
			c.mu.Lock()
			c.poll.last = engineio.Noop // the client has closed it, and need not be told
			c.mu.Unlock()
		}
		late := c.app.waits()
		if f := c.packet(p); f != nil {
			c.fail(*f)
			ok = f.reason == wire.CloseTransport
			return ok
		}
		switch waits := c.app.waits(); {
		case waits && !late:
			c.frameBegan()
		case late && !waits:
			c.frameEnded()
		}
	}
	c.srv.stats.received(frames, size)
	return true
}
