package nodes_test

import (
	"context"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/corrillo/corrillo/repo"
)

// cutOff is a registry that one node alone may not reach.
type cutOff struct {
	repo.Registry
	off atomic.Bool
}

// reach waits as long as a network that swallows everything makes one wait.
func (c *cutOff) reach(ctx context.Context) error {
	if !c.off.Load() {
		return nil
	}
	<-ctx.Done()
	return fmt.Errorf("%w: %w", repo.ErrUnavailable, ctx.Err())
}

func (c *cutOff) Register(ctx context.Context, l repo.Lease, ttl time.Duration) error {
	if err := c.reach(ctx); err != nil {
		return err
	}
	return c.Registry.Register(ctx, l, ttl)
}

func (c *cutOff) Renew(ctx context.Context, l repo.Lease, ttl time.Duration) error {
	if err := c.reach(ctx); err != nil {
		return err
	}
	return c.Registry.Renew(ctx, l, ttl)
}

func (c *cutOff) Read(ctx context.Context) (repo.Registered, error) {
	if err := c.reach(ctx); err != nil {
		return repo.Registered{}, err
	}
	return c.Registry.Read(ctx)
}

func (c *cutOff) Propose(ctx context.Context, p repo.Proposal) error {
	if err := c.reach(ctx); err != nil {
		return err
	}
	return c.Registry.Propose(ctx, p)
}
