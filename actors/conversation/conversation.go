package conversation

import (
	"context"
	"log/slog"
	"sync/atomic"
	"time"

	"github.com/asynkron/protoactor-go/actor"

	"github.com/corrillo/corrillo/actors/gate"
	"github.com/corrillo/corrillo/actors/locator"
	"github.com/corrillo/corrillo/actors/message"
	"github.com/corrillo/corrillo/actors/relay"
	"github.com/corrillo/corrillo/actors/rules"
	"github.com/corrillo/corrillo/actors/supervision"
	"github.com/corrillo/corrillo/repo"
	"github.com/corrillo/corrillo/wire"
)

// Options are what all conversations of a node share. All parts must be set.
type Options struct {
	Root    *actor.RootContext
	Locator *locator.Locator
	Store   repo.Store
	Rules   rules.Options
	// Listening returns the sessions of this node that have joined already. Ask makes
	// the other nodes tell theirs to the conversation, for an actor that takes the
	// place of a failed one.
	Listening func(conversationID string) *message.Listening
	Ask       func(conversationID string)
	// Presence returns the presence of the users on a page of get_members.
	Presence func(ctx context.Context, userIDs []string) (map[string]wire.PresenceStatus, error)
	// Look finds out the presence of users, on a goroutine of its own, and calls done
	// once: the error wraps repo.ErrUnavailable or message.ErrOverloaded.
	Look   func(userIDs []string, done func(map[string]wire.PresenceStatus, error))
	Relay  *relay.Spread
	Writer func(key string) *actor.PID // the persistence lane of a conversation
	// Mine reports whether a conversation belongs to this node. Moved reports whether
	// its actor here was asked to hand off; it may belong to this node again since.
	Mine, Moved func(conversationID string) bool
	// Undisputed reports whether it is certain that no other node has taken over from
	// this one. Otherwise a page must not be given out: the other node may have removed
	// the user who asks for it.
	Undisputed func() bool
	Reads      *gate.Gate // bounds store reads under way
	Log        *slog.Logger
	Failures   *supervision.Failures
	Unknown    *atomic.Int64
	Refused    *Refused
	// Timeout bounds one activation, retries included.
	Timeout time.Duration
}

// Refused counts what the bounds of conversations have refused since the start.
type Refused struct {
	Crowded atomic.Int64 // the next group was full
	TooMany atomic.Int64 // too many commands waited
	Full    atomic.Int64 // the conversation had as many participants as it may
}

// Conversation is the actor of one conversation.
type Conversation struct {
	id    string
	o     *Options
	state *rules.Conversation
	timer *time.Timer
	wake  time.Time // when timer fires; zero: not set
	// successor: an earlier actor has failed, and what it had in flight may be
	// committed.
	successor bool
	// leaving: it was asked to hand off, and stops when nothing is under way.
	leaving bool
}

// New makes the actor of a conversation.
func New(id string, o *Options) *Conversation {
	return &Conversation{id: id, o: o, state: rules.NewConversation(id, o.Rules)}
}

// Successor makes the actor of a conversation whose last one has failed.
func Successor(id string, o *Options) *Conversation {
	c := New(id, o)
	c.successor = true
	return c
}

// Receive implements actor.Actor.
func (c *Conversation) Receive(ctx actor.Context) {
	msg := ctx.Message()
	defer supervision.Guard(c.o.Log, c.o.Failures, "conversation", c.id, msg)
	switch m := msg.(type) {
	case *actor.Started:
		if c.successor {
			c.o.Ask(c.id)
			if c.o.Moved(c.id) { // the actor that failed had been asked to hand off
				ctx.Send(ctx.Self(), locator.HandOff{})
			}
		}
		if m := c.o.Listening(c.id); c.successor || len(m.Sessions) > 0 {
			c.carry(c.state.Step(m, time.Now()))
		}
	case locator.Passivate:
		c.onPassivate(ctx)
	case locator.HandOff:
		c.onHandOff(ctx)
	case handOffOver:
		c.onHandOffOver(ctx, m)
	case *locator.Switched:
		c.onSwitched(m)
	case *actor.Restarting:
		// This actor answers the commands that wait for it. The next one reads
		// everything else back from the store.
		c.abandon(wire.Errorf(wire.CodeInternal, "the conversation failed: send again"))
	case *actor.Stopping:
		c.abandon(wire.Errorf(wire.CodeDraining, "the server is going down: send again after reconnecting"))
	case *actor.Stopped:
		c.o.Locator.Stopped(locator.Conversation, c.id, ctx.Self())
	default:
		if _, tick := m.(*message.Tick); tick {
			c.wake = time.Time{}
		}
		unknown := c.state.Unknown()
		r := c.state.Step(m, time.Now())
		if r.Gather {
			ctx.Send(ctx.Self(), &message.Gathered{})
		}
		c.carry(r)
		if c.state.Unknown() != unknown {
			c.o.Unknown.Add(1)
			c.o.Log.Warn("unknown message", "kind", "conversation")
		}
		c.goIfDone(ctx)
	}
}

// abandon answers every command that waits, with e. A panic in that is logged: the actor
// restarts or stops all the same.
func (c *Conversation) abandon(e *wire.Error) {
	defer func() {
		if reason := recover(); reason != nil {
			supervision.Report(c.o.Log, c.o.Failures, "conversation", c.id, e, reason)
		}
	}()
	defer c.stopTimer()
	c.carry(c.state.Abandon(e))
}

func (c *Conversation) onPassivate(ctx actor.Context) {
	if !c.state.Idle() {
		c.o.Locator.Resume(locator.Conversation, c.id)
		return
	}
	ctx.Stop(ctx.Self())
}

// carry carries out the Ready of a step, in the order that rules.Ready states.
func (c *Conversation) carry(r *rules.Ready) {
	if r.Activate {
		c.activate()
	}
	if r.Save != nil {
		c.o.Root.Send(c.o.Writer(c.id), &message.SaveGroup{Group: *r.Save})
	}
	if r.HasRelay {
		relayed := r.Relay
		relayed.ConversationID = c.id
		nodes := c.state.Nodes
		if to := r.RelayTo; to != "" {
			nodes = func(yield func(node string) bool) { yield(to) }
		}
		c.o.Relay.Relay(&relayed, nodes)
	}
	for i := range r.Reads {
		c.read(r.Reads[i])
	}
	for i := range r.Lookups {
		c.lookup(r.Lookups[i])
	}
	for i := range r.Checks {
		c.check(r.Checks[i])
	}
	for i := range r.Ask {
		c.ask(r.Ask[i])
	}
	if r.Crowded > 0 {
		c.o.Refused.Crowded.Add(int64(r.Crowded))
	}
	if r.TooMany > 0 {
		c.o.Refused.TooMany.Add(int64(r.TooMany))
	}
	if r.Full > 0 {
		c.o.Refused.Full.Add(int64(r.Full))
	}
	c.setTimer(r.Tick)
}

// tell sends this conversation a message from another goroutine, such as the outcome of a
// read. The locator does not hold it back.
func (c *Conversation) tell(msg any) {
	c.o.Locator.TellOwn(locator.Conversation, c.id, msg)
}

// setTimer arranges for one Tick at t. An earlier one already set is kept: a
// Tick that comes too soon does no harm.
func (c *Conversation) setTimer(t time.Time) {
	if t.IsZero() || (!c.wake.IsZero() && !t.Before(c.wake)) {
		return
	}
	d := max(time.Until(t), time.Millisecond)
	c.wake = t
	if c.timer == nil {
		c.timer = time.AfterFunc(d, func() { c.tell(&message.Tick{}) })
		return
	}
	c.timer.Reset(d)
}

func (c *Conversation) stopTimer() {
	if c.timer != nil {
		c.timer.Stop()
	}
	c.wake = time.Time{}
}
