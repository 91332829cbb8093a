package locator

import (
	"fmt"

	"github.com/corrillo/corrillo/actors/message"
	"github.com/corrillo/corrillo/actors/placement"
)

// What waits on a node for ids that move, this node's and what others have told
// it: for one id up to maxHeld, and for all ids together as much as for a link.
// What comes back from other nodes, or is told again since they have gone, is
// taken in any case: they are requests of this node that wait for an answer.
const (
	maxHeldOfAll      = 100_000
	maxHeldBytesOfAll = 64 << 20
)

// room returns message.ErrOverloaded for what may be refused when as much waits
// as may. Under the lock.
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

// refusable reports whether a message may be refused where too much waits. The
// others have bounds of their own: what is for an actor only if it is there
// comes once for each conversation that a session joins or leaves, and for each
// call of a back end, of which few are under way; Leave is one of the requests
// that a connection may have without an answer; a user is told once for each
// time that a connection comes or goes; and who listens is told once by a node
// for an id and a view.
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
