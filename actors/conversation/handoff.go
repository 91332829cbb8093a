package conversation

import (
	"time"

	"github.com/asynkron/protoactor-go/actor"
)

// handOffWithin bounds how long a conversation that belongs to another node
// waits for the store: what is under way then is refused as on a restart.
const handOffWithin = 3 * time.Second

// handOffOver says that the time is over.
type handOffOver struct{}

// onHandOff finishes what has begun, and stops. The locator sends nothing new,
// and begins the conversation nowhere else before the actor has stopped.
func (c *Conversation) onHandOff(ctx actor.Context) {
	if c.leaving {
		return
	}
	c.leaving = true
	c.carry(c.state.Depart(time.Now()))
	time.AfterFunc(handOffWithin, func() { c.tell(handOffOver{}) })
	c.goIfDone(ctx)
}

func (c *Conversation) goIfDone(ctx actor.Context) {
	if c.leaving && c.state.Departed() {
		ctx.Stop(ctx.Self())
	}
}
