package relay

import (
	"context"
	"sync"

	"github.com/corrillo/corrillo/actors/message"
	"github.com/corrillo/corrillo/wire"
)

// Outcome is the answer to a call.
type Outcome struct {
	Posted wire.Posted
	Err    *wire.Error
}

// Calls is the table of the requests by back ends that wait on this node for the
// answer of an actor. It is safe for concurrent use.
type Calls struct {
	node string

	mu      sync.Mutex
	next    uint64
	waiting map[uint64]chan Outcome
}

// NewCalls returns an empty table for the node.
func NewCalls(node string) *Calls {
	return &Calls{node: node, waiting: map[uint64]chan Outcome{}}
}

// Do registers a call, lets send pass it on, and waits for its outcome or the
// end of ctx (`unavailable`: whether it took effect is not known).
func (c *Calls) Do(ctx context.Context, send func(message.CallRef) error) (wire.Posted, error) {
	done := make(chan Outcome, 1)
	c.mu.Lock()
	c.next++
	id := c.next
	c.waiting[id] = done
	c.mu.Unlock()
	defer func() {
		c.mu.Lock()
		delete(c.waiting, id)
		c.mu.Unlock()
	}()
	if err := send(message.CallRef{Node: c.node, ID: id}); err != nil {
		return wire.Posted{}, wire.Errorf(wire.CodeOverloaded, "too much waits for this conversation")
	}
	select {
	case out := <-done:
		if out.Err != nil {
			return out.Posted, out.Err
		}
		return out.Posted, nil
	case <-ctx.Done():
		return wire.Posted{}, wire.Errorf(wire.CodeUnavailable, "no answer in time; ask again with the same Idempotency-Key")
	}
}

// Complete gives a call its outcome. A call that no longer waits is ignored.
func (c *Calls) Complete(id uint64, out Outcome) {
	c.mu.Lock()
	done := c.waiting[id]
	delete(c.waiting, id)
	c.mu.Unlock()
	if done != nil {
		done <- out
	}
}
