package etcd

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	clientv3 "go.etcd.io/etcd/client/v3"
	"go.uber.org/zap"
	"google.golang.org/grpc"
	"google.golang.org/grpc/backoff"
)

// connection makes etcd's client when it is first needed. With a user, making the
// client means asking etcd for a token; when that fails the next call tries again.
type connection struct {
	o      Options
	turn   chan struct{} // a lock, with room for one, of the fields below
	client atomic.Pointer[clientv3.Client]
	end    context.CancelFunc // ends the client's context
	closed bool
}

// again sets the pauses between attempts to reach an etcd that is away. When etcd
// comes back, all leases start to run again at once, so nodes must reconnect soon;
// gRPC's default pauses grow longer than a lease lives.
var again = grpc.ConnectParams{
	Backoff:           backoff.Config{BaseDelay: 100 * time.Millisecond, Multiplier: 1.6, Jitter: 0.2, MaxDelay: time.Second},
	MinConnectTimeout: 2 * time.Second,
}

var errClosed = errors.New("the registry is closed")

func newConnection(o Options) *connection { return &connection{o: o, turn: make(chan struct{}, 1)} }

// get returns the client, which it makes if there is none.
func (c *connection) get(ctx context.Context) (*clientv3.Client, error) {
	if made := c.client.Load(); made != nil {
		return made, nil
	}
	select {
	case c.turn <- struct{}{}:
		defer func() { <-c.turn }()
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	switch made := c.client.Load(); {
	case c.closed:
		return nil, errClosed
	case made != nil:
		return made, nil
	}
	return c.dial(ctx)
}

// dial makes the client, which outlives ctx.
func (c *connection) dial(ctx context.Context) (*clientv3.Client, error) {
	life, end := context.WithCancel(context.WithoutCancel(ctx))
	giveUp := context.AfterFunc(ctx, end)
	made, err := clientv3.New(clientv3.Config{
		Context:              life,
		Endpoints:            c.o.Endpoints,
		Username:             c.o.Username,
		Password:             c.o.Password,
		TLS:                  c.o.TLS,
		DialTimeout:          c.o.DialTimeout,
		DialKeepAliveTime:    2 * time.Second,
		DialKeepAliveTimeout: 2 * time.Second,
		DialOptions:          []grpc.DialOption{grpc.WithConnectParams(again)},
		Logger:               zap.NewNop(), // what matters is in the errors
	})
	if err != nil {
		giveUp()
		end()
		return nil, err
	}
	if !giveUp() {
		end()
		return nil, errors.Join(ctx.Err(), shut(made))
	}
	c.end = end
	c.client.Store(made)
	return made, nil
}

// close closes the client; get returns errClosed from then on.
func (c *connection) close() error {
	c.turn <- struct{}{}
	defer func() { <-c.turn }()
	made := c.client.Load()
	if c.closed || made == nil {
		c.closed = true
		return nil
	}
	c.closed = true
	c.end()
	return shut(made)
}

func shut(client *clientv3.Client) error {
	if err := client.Close(); err != nil && !errors.Is(err, context.Canceled) {
		return fmt.Errorf("close etcd: %w", err)
	}
	return nil
}
