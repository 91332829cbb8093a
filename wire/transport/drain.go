package transport

import (
	"context"
	"fmt"
	"time"

	"github.com/corrillo/corrillo/wire"
)

// Drain refuses new connections and closes the existing ones with CloseDraining,
// perSecond of them a second, or all at once when perSecond is not positive. Polls and
// WebSockets that are passed on to other nodes are cut off among them, so that their
// clients come back at another node; an upgrade that is half done gets CloseTimeout to
// finish. Requests of sessions that are still there are served meanwhile. Drain returns
// when all connections are gone. When ctx ends before, it cuts off those that are
// closed but not gone yet, and returns ctx's error.
func (s *Server) Drain(ctx context.Context, perSecond int) error {
	s.draining.Store(true)
	const beat = 50 * time.Millisecond
	ticker := time.NewTicker(beat)
	defer ticker.Stop()
	began, closed := time.Now(), 0
	for {
		conns, passing := s.conns.all(), s.passages.waiting()
		left := len(conns) + len(passing)
		if left == 0 {
			return nil
		}
		allowed := left
		if perSecond > 0 {
			allowed = int(time.Since(began)*time.Duration(perSecond)/time.Second) + 1 - closed
		}
		for _, c := range conns {
			if allowed <= 0 {
				break
			}
			if c.sendAway() {
				closed++
				allowed--
			}
		}
		for _, p := range passing {
			if allowed <= 0 {
				break
			}
			if !p.probing(s.opts.CloseTimeout) && p.end() {
				closed++
				allowed--
			}
		}
		select {
		case <-ctx.Done():
			for _, c := range conns {
				c.cutOff()
			}
			for _, p := range passing {
				p.end()
			}
			return fmt.Errorf("drain: %d connections left: %w", left, ctx.Err())
		case <-ticker.C:
		}
	}
}

// sendAway closes the connection with CloseDraining. It reports false when it was
// closed before.
func (c *conn) sendAway() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closeLocked(wire.CloseDraining, 0, true) {
		return true
	}
	if c.poll != nil {
		c.poll.expect(c)
	}
	return false
}

// cutOff ends a connection that was closed, even if its client has not got everything.
func (c *conn) cutOff() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.state == closing {
		c.kill()
	}
}

// Close closes all connections with CloseDraining and returns when every
// goroutine of the Server has ended, after CloseTimeout or a little more at
// the latest. Requests that come later are refused.
func (s *Server) Close() error {
	var err error
	s.once.Do(func() {
		s.draining.Store(true)
		s.conns.mu.Lock()
		s.conns.closed = true
		s.conns.mu.Unlock()
		for _, c := range s.conns.all() {
			c.close(wire.CloseDraining)
		}
		s.passages.close()
		s.running.Wait()
		s.flushers.stop()
		close(s.stop)
		s.sweeper.Wait()
		err = s.reader.Close()
	})
	return err
}
