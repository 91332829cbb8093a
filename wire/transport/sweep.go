package transport

import (
	"sync"
	"time"

	"github.com/corrillo/corrillo/wire"
	"github.com/corrillo/corrillo/wire/engineio"
)

// registry holds all connections of a server, close together for the sweeper.
type registry struct {
	mu     sync.Mutex
	conns  []*conn
	closed bool
}

// all returns the connections of this moment.
func (r *registry) all() []*conn {
	r.mu.Lock()
	defer r.mu.Unlock()
	return append([]*conn(nil), r.conns...)
}

// add registers c and counts it as running; false: the server is closed.
func (s *Server) add(c *conn) bool {
	s.conns.mu.Lock()
	defer s.conns.mu.Unlock()
	if s.conns.closed {
		return false
	}
	s.startSweeper()
	c.slot = len(s.conns.conns)
	s.conns.conns = append(s.conns.conns, c)
	s.running.Add(1)
	return true
}

// remove takes c out of the registry and of all counts but running.
func (s *Server) remove(c *conn) {
	s.conns.mu.Lock()
	last := len(s.conns.conns) - 1
	moved := s.conns.conns[last]
	s.conns.conns[c.slot] = moved
	moved.slot = c.slot
	s.conns.conns[last] = nil
	s.conns.conns = s.conns.conns[:last]
	s.conns.mu.Unlock()
	s.peers.release(c.peer)
	if c.poll != nil {
		s.sessions.remove(c.poll.sid)
	}
}

// startSweeper starts the goroutine that keeps all deadlines, with the first
// connection. The registry's lock is held.
func (s *Server) startSweeper() {
	if s.sweeping {
		return
	}
	s.sweeping = true
	s.coarse.Store(int64(s.now()))
	s.sweeper.Go(func() {
		timer := time.NewTimer(s.tick())
		defer timer.Stop()
		var due []*conn
		var shrinkAt time.Duration
		for {
			select {
			case <-s.stop:
				return
			case <-timer.C:
				var pause time.Duration
				due, pause = s.sweep(due[:0])
				if now := s.clock(); now >= shrinkAt {
					s.shrink()
					if cap(due) >= leastPeak && cap(due) > muchMore*len(due) {
						due = nil
					}
					shrinkAt = now + shrinkEvery
				}
				timer.Reset(pause)
			}
		}
	})
}

// tick is the longest pause of the sweeper, and how stale clock may be.
func (s *Server) tick() time.Duration {
	t := min(s.opts.PingInterval, s.opts.PingTimeout, s.opts.QueueAge, s.opts.CloseTimeout, s.opts.ConnectTimeout, s.opts.UpgradeTimeout)
	if s.opts.FrameTimeout > 0 {
		t = min(t, s.opts.FrameTimeout)
	}
	return min(max(t/20, 5*time.Millisecond), 250*time.Millisecond)
}

// sweep looks at all connections and does what is due. pause is how long it
// can wait before it looks again: until something is due, but the longer the
// more connections there are, so that looking stays cheap.
func (s *Server) sweep(due []*conn) (spare []*conn, pause time.Duration) {
	now := s.now()
	s.coarse.Store(int64(now))
	next := int64(never)
	s.conns.mu.Lock()
	n := len(s.conns.conns)
	for _, c := range s.conns.conns {
		if at := c.due.Load(); at <= int64(now) {
			due = append(due, c)
		} else {
			next = min(next, at)
		}
	}
	s.conns.mu.Unlock()
	for i, c := range due {
		c.sweep(now)
		next = min(next, c.due.Load())
		due[i] = nil
	}
	pause = time.Duration(next) - s.now()
	return due, min(max(pause, time.Millisecond+time.Duration(n)*10*time.Microsecond), s.tick())
}

// sweep does what is due at now.
func (c *conn) sweep(now time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	switch c.state {
	case open:
		c.sweepOpen(now)
	case closing:
		if now >= c.closeBy {
			c.kill()
		}
	}
	c.due.Store(int64(c.nextDue()))
}

func (c *conn) sweepOpen(now time.Duration) {
	o := &c.srv.opts
	// The sweeper has the time of its tick, received bytes that of the tick
	// before: both are late by less than one tick.
	switch c.beat.Tick(now, time.Duration(c.seen.Load()), c.srv.timing) {
	case engineio.BeatPing:
		c.sendLocked(c.ping())
	case engineio.BeatDead:
		c.closeLocked(wire.ClosePingTimeout, 0, true)
	}
	if c.connectBy != 0 && now >= c.connectBy {
		c.closeLocked(wire.CloseNotIdentified, 0, true)
	}
	if c.frameBy != 0 && now >= c.frameBy {
		c.closeLocked(wire.CloseFrameTimeout, 0, true)
	}
	old := !c.queue.empty() && now-c.queue.oldest() >= o.QueueAge
	if old || c.writing != 0 && now-c.writing >= o.QueueAge {
		c.closeLocked(wire.CloseSlow, 0, true)
	}
	if c.poll != nil {
		c.poll.sweep(now)
	}
}

func (c *conn) ping() *wire.Encoded {
	if c.engine {
		return c.srv.enginePing
	}
	return c.srv.plainPing
}

// nextDue is when sweep has something to do next. mu is held.
func (c *conn) nextDue() time.Duration {
	switch c.state {
	case dead:
		return never
	case closing:
		return c.closeBy
	}
	at := c.beat.Due()
	if c.connectBy != 0 {
		at = min(at, c.connectBy)
	}
	if c.frameBy != 0 {
		at = min(at, c.frameBy)
	}
	if !c.queue.empty() {
		at = min(at, c.queue.oldest()+c.srv.opts.QueueAge)
	}
	if c.writing != 0 {
		at = min(at, c.writing+c.srv.opts.QueueAge)
	}
	if c.poll != nil && c.poll.candidate != nil {
		at = min(at, c.poll.probeBy)
	}
	return at
}
