package simulation

import (
	"slices"
	"time"

	"github.com/corrillo/corrillo/actors/locator"
	"github.com/corrillo/corrillo/actors/message"
	"github.com/corrillo/corrillo/actors/rules"
	"github.com/corrillo/corrillo/repo"
	"github.com/corrillo/corrillo/wire"
)

// actor is a model of actors/conversation: a mailbox in front of the real rules, and
// the code that carries out the rules.Ready of each step.
type actor struct {
	n       *node
	id      string
	state   *rules.Conversation
	box     []any
	due     bool
	stopped bool
	leaving bool
	wake    time.Duration // when the timer fires; 0: not set
	timer   uint64        // its number
}

type (
	started     struct{ successor bool }
	failure     struct{}                         // a message that makes the actor panic
	handOffOver struct{ of *rules.Conversation } // the time for a hand-off is over, of one start of the actor
)

const (
	boxLag        = 2 * time.Millisecond
	handOffWithin = 3 * time.Second
)

func (n *node) newActor(id string) *actor {
	a := &actor{n: n, id: id, state: rules.NewConversation(id, n.w.rules)}
	a.send(started{})
	return a
}

func (a *actor) send(msg any) {
	if a.stopped {
		return
	}
	a.box = append(a.box, msg)
	a.wakeUp()
}

// fail makes the actor panic at a random place among the messages in its mailbox.
func (a *actor) fail() {
	if !a.stopped {
		a.box = slices.Insert(a.box, a.n.w.rng.IntN(len(a.box)+1), any(failure{}))
		a.wakeUp()
	}
}

func (a *actor) wakeUp() {
	if !a.due && len(a.box) > 0 {
		a.due = true
		a.n.w.after(a.n.w.lag(boxLag), a.n, a.work)
	}
}

func (a *actor) work() {
	a.due = false
	if a.stopped {
		return
	}
	msg := a.box[0]
	a.box = a.box[1:]
	a.receive(msg)
	a.wakeUp()
}

func (a *actor) now() time.Time { return a.n.w.clock() }

func (a *actor) receive(msg any) {
	switch m := msg.(type) {
	case started:
		a.begin(m.successor)
	case locator.Passivate:
		if !a.state.Idle() {
			a.n.resumeActor(a.id)
			return
		}
		a.stop()
	case locator.HandOff:
		a.handOff()
	case handOffOver:
		if m.of == a.state {
			a.stop()
		}
	case failure:
		a.n.w.note("%s: %s fails", a.n.id, a.id)
		a.carry(a.state.Abandon(wire.Errorf(wire.CodeInternal, "failed")))
		a.stopTimer()
		a.state, a.leaving = rules.NewConversation(a.id, a.n.w.rules), false
		a.begin(true)
	default:
		if _, tick := m.(*message.Tick); tick {
			a.wake = 0
		}
		r := a.state.Step(m, a.now())
		if r.Gather {
			a.send(&message.Gathered{})
		}
		a.carry(r)
		a.goIfDone()
	}
}

func (a *actor) begin(successor bool) {
	if successor {
		a.n.whoListens(a.id)
		if a.n.leaving(a.id) { // the actor that failed had been asked to hand off
			a.send(locator.HandOff{})
		}
	}
	if l := a.n.hub.Listeners(a.id); successor || len(l) > 0 {
		a.carry(a.state.Step(&message.Listening{Sessions: l}, a.now()))
	}
}

func (a *actor) handOff() {
	if a.leaving {
		return
	}
	a.leaving = true
	a.carry(a.state.Depart(a.now()))
	n, id, of := a.n, a.id, a.state
	n.w.after(handOffWithin, n, func() { n.tellOwn(id, outcomeOf(handOffOver{of})) })
	a.goIfDone()
}

func (a *actor) goIfDone() {
	if a.leaving && !a.stopped && a.state.Departed() {
		a.stop()
	}
}

func (a *actor) stop() {
	a.carry(a.state.Abandon(wire.Errorf(wire.CodeDraining, "going")))
	a.stopTimer()
	a.stopped, a.box = true, nil
	a.n.stopped(a)
}

// carry carries out the Ready of a step, in the order that rules.Ready states.
func (a *actor) carry(r *rules.Ready) {
	n, w := a.n, a.n.w
	if r.Activate {
		a.activate()
	}
	if r.Save != nil {
		w.saveFor(n, r.Save)
	}
	if r.HasRelay {
		relayed := r.Relay
		relayed.ConversationID = a.id
		for i := range relayed.Replies {
			if relayed.Replies[i].Err != nil {
				w.refused[relayed.Replies[i].TempID] = true
			}
		}
		n.spread(&relayed, a.state.Nodes)
	}
	for _, rd := range r.Reads {
		a.read(rd)
	}
	for _, l := range r.Lookups {
		n.tellOwn(a.id, outcomeOf(&message.MessageFound{Lookup: l.ID, Err: repo.ErrNotFound}))
	}
	a.setTimer(r.Tick)
}

func (a *actor) activate() {
	n := a.n
	if !n.mine(a.id) {
		n.tellOwn(a.id, outcomeOf(&message.Activated{Err: repo.ErrUnavailable}))
		return
	}
	n.w.checkAlone(n, a.id)
	n.w.activateFor(n, a.id)
}

// read fetches the page of a join.
func (a *actor) read(r rules.Read) {
	n, id := a.n, a.id
	reply := rules.JoinReply{ConversationID: id, LastSeq: r.ThroughSeq, LastRev: r.ThroughRev, ReadSeq: r.ReadSeq}
	n.w.readFor(n, func(s *store) error {
		if r.AfterSeq >= 0 {
			reply.Missed = s.page(id, r.AfterSeq, r.ThroughSeq)
		}
		return nil
	}, func(err error) {
		m := &message.GateOpened{ConversationID: id, Reply: message.Reply{Origin: r.Origin, Err: message.ClientError(err)}, Through: r.ThroughSeq}
		if err == nil {
			m.Reply.Data = rules.AppendJoinReply(nil, &reply)
		}
		n.answer(&r.Origin, m)
	})
}

func (a *actor) setTimer(t time.Time) {
	if t.IsZero() {
		return
	}
	at := max(t.Sub(start), a.n.w.now+time.Millisecond)
	if a.wake != 0 && at >= a.wake {
		return
	}
	a.wake = at
	a.timer++
	n, id, timer := a.n, a.id, a.timer
	n.w.after(at-n.w.now, n, func() {
		if a.timer == timer && a.wake != 0 && !a.stopped {
			n.tellOwn(id, outcomeOf(&message.Tick{}))
		}
	})
}

func (a *actor) stopTimer() { a.wake, a.timer = 0, a.timer+1 }
