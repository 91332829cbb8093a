package conversation

import (
	"time"

	"github.com/asynkron/protoactor-go/actor"
)

// handOffWithin bounds how long a conversation that belongs to another node now waits
// for the store. What is still under way then is refused, as on a restart.
const handOffWithin = 3 * time.Second

// handOffOver says that handOffWithin is over for one actor of the conversation. The
// id may have come back to this node by then, and have a new actor.
type handOffOver struct{ of *Conversation }

// onHandOff finishes what has begun, and then stops the actor. The locator sends it
// nothing new, and the conversation starts nowhere else before it has stopped.
func (c *Conversation) onHandOff(ctx actor.Context) {
	if c.leaving {
		return
	}
	c.leaving = true
	c.carry(c.state.Depart(time.Now()))
	time.AfterFunc(handOffWithin, func() { c.tell(handOffOver{c}) })
	c.goIfDone(ctx)
}

func (c *Conversation) onHandOffOver(ctx actor.Context, m handOffOver) {
	if m.of == c {
		ctx.Stop(ctx.Self())
	}
}

func (c *Conversation) goIfDone(ctx actor.Context) {
	if c.leaving && c.state.Departed() {
		ctx.Stop(ctx.Self())
	}
}
