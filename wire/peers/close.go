package peers

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// closeGrace is how long Close waits for calls of Receive that have begun.
const closeGrace = 5 * time.Second

// Close takes no more items, waits until those that are queued for nodes that still
// answer have arrived, at most until ctx ends, and then ends all links. An error
// says that items were lost, or that a call of Receive has not returned. Forwarded
// requests have the same time to finish. Further calls do nothing.
func (p *Peers) Close(ctx context.Context) error {
	p.mu.Lock()
	first := p.closed.CompareAndSwap(false, true)
	for _, pr := range *p.all.Load() {
		pr.out.close()
	}
	p.mu.Unlock()
	if !first {
		return nil
	}
	shut := make(chan error, 1)
	go func() { shut <- p.requests.Shutdown(ctx) }()
	left := p.drain(ctx)
	p.stop(ErrClosed)
	_ = p.listener.Close()
	for _, pr := range *p.all.Load() {
		pr.end(errGone)
	}
	if err := <-shut; err != nil {
		_ = p.requests.Close()
	}
	p.links.Stop()
	p.forward.CloseIdleConnections()
	return errors.Join(left, p.wait())
}

// drain waits until no item is queued for a node that still answers.
func (p *Peers) drain(ctx context.Context) error {
	look := time.NewTicker(100 * time.Millisecond) // a node may go silent meanwhile
	defer look.Stop()
	for {
		left, alive := 0, false
		for _, pr := range *p.all.Load() {
			if n := pr.out.queued(); n > 0 {
				left += n
				alive = alive || pr.heardLately(time.Now())
			}
		}
		if !alive {
			if left > 0 {
				return fmt.Errorf("%d items for nodes that were not reached are lost", left)
			}
			return nil
		}
		select {
		case <-p.drained:
		case <-look.C:
		case <-ctx.Done():
			return fmt.Errorf("%d items for other nodes are lost: %w", left, ctx.Err())
		}
	}
}

func (p *Peers) wait() error {
	done := make(chan struct{})
	go func() { p.wg.Wait(); close(done) }()
	t := time.NewTimer(closeGrace)
	defer t.Stop()
	select {
	case <-done:
		return nil
	case <-t.C:
		return errors.New("something still takes an item of another node")
	}
}
