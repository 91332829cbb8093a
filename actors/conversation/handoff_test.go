package conversation

import (
	"testing"

	"github.com/asynkron/protoactor-go/actor"
)

// stopping is the context of one message, and knows whether the actor stopped.
type stopping struct {
	actor.Context
	message any
	stopped bool
}

func (s *stopping) Message() any     { return s.message }
func (s *stopping) Self() *actor.PID { return nil }
func (s *stopping) Stop(*actor.PID)  { s.stopped = true }

// A conversation that comes back while its hand-off is still timed goes on: the
// time is that of the life before.
func TestConversation_TimeOfAnEarlierHandOff(t *testing.T) {
	before, now := New("c1", &Options{}), New("c1", &Options{})
	for _, tc := range []struct {
		name string
		of   *Conversation
		want bool
	}{{"of the life before", before, false}, {"its own", now, true}} {
		ctx := &stopping{message: handOffOver{tc.of}}
		now.Receive(ctx)
		if ctx.stopped != tc.want {
			t.Errorf("%s: stopped %v", tc.name, ctx.stopped)
		}
	}
}
