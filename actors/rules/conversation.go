package rules

import (
	"time"

	"github.com/corrillo/corrillo/wire"
)

// Conversation is the state of one conversation and all that is decided about
// it. It is not safe for concurrent use: its actor owns it.
type Conversation struct {
	id      string
	o       Options
	ready   Ready
	unknown int64
}

// NewConversation makes the rules of the conversation with that id. Nothing
// is asked of the store until the first command.
func NewConversation(id string, o Options) *Conversation {
	return &Conversation{id: id, o: o}
}

// Step takes one message of package message (by pointer) at the time now and
// returns what is to be done for it. The result is valid until the next Step
// or Abandon; what it refers to (groups, encoded data) is never changed
// afterwards. A message of an unknown type does nothing and is counted.
func (c *Conversation) Step(msg any, now time.Time) *Ready {
	c.ready = Ready{}
	c.unknown++
	return &c.ready
}

// Abandon answers every command that waits, is pending or is in flight with e
// and forgets everything but who has joined: the next command activates
// again. A command whose save is in flight is answered too; e must be
// retryable, since its outcome is not known.
func (c *Conversation) Abandon(e *wire.Error) *Ready {
	c.ready = Ready{}
	return &c.ready
}

// Idle reports whether the conversation may be passivated now: nothing is in
// flight, waiting or dirty, no session has joined and nobody types.
func (c *Conversation) Idle() bool { return true }

// Unknown counts the messages of a type that Step does not know.
func (c *Conversation) Unknown() int64 { return c.unknown }

// Stats returns the number of joined sessions and of commands that are not
// answered yet.
func (c *Conversation) Stats() (joined int, pending int) { return 0, 0 }
