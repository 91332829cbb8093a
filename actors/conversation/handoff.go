package conversation

import (
	"time"

	"github.com/asynkron/protoactor-go/actor"
)

// handOffWithin bounds how long a conversation that belongs to another node
// waits for the store: what is under way then is refused as on a restart.
const handOffWithin = 3 * time.Second

// handOffOver says that the time is over of one life of the conversation. It may
// be back from the other node by then, in another one.
type handOffOver struct{ of *Conversation }

// onHandOff finishes what has begun, and stops. The locator sends nothing new,
// and begins the conversation nowhere else before the actor has stopped.
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
