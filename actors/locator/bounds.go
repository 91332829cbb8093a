package locator

import (
	"fmt"

	"github.com/corrillo/corrillo/actors/message"
	"github.com/corrillo/corrillo/actors/placement"
)

// Bounds on the messages that wait on this node for ids that move, whether they
// come from this node or from others: maxHeld for one id, and these for all ids
// together, the same as for a link to another node. Messages that other nodes have
// returned, or that are sent again since a node has gone, are taken in any case:
// they are requests of this node's own clients, whose number has a bound.
const (
	maxHeldOfAll      = 100_000
	maxHeldBytesOfAll = 64 << 20
)

// room returns an error that wraps message.ErrOverloaded when the item may be
// refused and there is no room to hold it. c.mu is held.
func (c *cluster) room(key placement.Key, item placement.Item) error {
	if !refusable(item) {
		return nil
	}
	if c.router.Holding(key) >= maxHeld {
		return fmt.Errorf("%s moves from node to node and %d messages wait: %w", Kind(key.Kind), maxHeld, message.ErrOverloaded)
	}
	all := c.router.Waiting()
	if all.Messages >= maxHeldOfAll || all.Messages > 0 && all.Bytes+message.Size(item.Msg) > maxHeldBytesOfAll {
		return fmt.Errorf("%d messages wait for what moves from node to node, of %d bytes: %w", all.Messages, all.Bytes, message.ErrOverloaded)
	}
	return nil
}

// refusable reports whether a message may be refused when too much waits. The
// others must arrive, and are few by other bounds:
//
//   - a message with Active set comes once for each conversation that a session
//     joins or leaves, and for each call of a back end, few of which are under way;
//   - Leave counts among the requests that a connection may have unanswered;
//   - a user hears once of each connection that comes or goes;
//   - a node lists its listeners once for each id and view.
func refusable(item placement.Item) bool {
	if item.Active {
		return false
	}
	switch item.Msg.(type) {
	case *message.Leave:
		return false
	case *message.Beat: // the next one says the same
		return true
	}
	return message.OriginOf(item.Msg) != nil
}
