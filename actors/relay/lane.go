package relay

import (
	"log/slog"
	"sync/atomic"

	"github.com/asynkron/protoactor-go/actor"

	"github.com/corrillo/corrillo/actors/gate"
	"github.com/corrillo/corrillo/actors/message"
	"github.com/corrillo/corrillo/actors/supervision"
	"github.com/corrillo/corrillo/repo"
	"github.com/corrillo/corrillo/wire"
)

// LaneOptions are what a lane needs beside the hub. Zero fields take the default
// in their comment; the parts without a default must be set.
type LaneOptions struct {
	Hub   *Hub
	Store repo.Store
	Log   *slog.Logger
	Calls *Calls
	// Render makes the new_message event of a stored message, for holes, and
	// RenderChange the event of one that was edited or deleted.
	Render       func(*repo.Message) message.Delivery
	RenderChange func(*repo.Message) message.Delivery
	// Reads bounds the store reads under way; Done ends their retries.
	Reads    *gate.Gate
	Done     <-chan struct{}
	Failures *supervision.Failures
	// Unknown counts messages of a type that a lane does not know.
	Unknown *atomic.Int64
	// Joined is called after each join in m has been carried out or refused; late
	// says that it had to wait for a hole. Default: nothing.
	Joined func(m *message.Relayed, session message.SessionRef, late bool)
	// Left is called after a session in m.Leave was unsubscribed. join is the serial
	// of its last join; late says that m had to wait for a hole, or that the
	// conversation may yet hear of the session in a Listening. Default: nothing.
	Left func(m *message.Relayed, session message.SessionRef, join uint64, late bool)
	// HoleMessages and HoleBytes bound what is fetched for one hole, of messages
	// or of changes. Defaults 5,000 and 64 MiB.
	HoleMessages int
	HoleBytes    int
}

// Lane is the relay actor of some of the node's conversations. The place that each
// conversation's order has reached is kept in the hub. The same Lane is used again
// when the actor is restarted, so that what waits for a hole is not lost.
type Lane struct {
	o       LaneOptions
	filling map[string]*hole // by conversation, at most one hole each
	serial  uint64           // of the newest hole
	late    bool             // what is being carried out has waited for a hole
}

// NewLane makes a lane's actor.
func NewLane(o LaneOptions) *Lane {
	if o.HoleMessages == 0 {
		o.HoleMessages = 5000
	}
	if o.HoleBytes == 0 {
		o.HoleBytes = 64 << 20
	}
	if o.Joined == nil {
		o.Joined = func(*message.Relayed, message.SessionRef, bool) {}
	}
	if o.Left == nil {
		o.Left = func(*message.Relayed, message.SessionRef, uint64, bool) {}
	}
	return &Lane{o: o, filling: map[string]*hole{}}
}

// Barrier is a message that calls Passed when the lane has handled everything that
// was sent to it before.
type Barrier struct{ Passed func() } // must not block

// Receive implements actor.Actor.
func (l *Lane) Receive(ctx actor.Context) {
	msg := ctx.Message()
	defer supervision.Guard(l.o.Log, l.o.Failures, "relay", "", msg)
	switch m := msg.(type) {
	case *actor.Started:
	case *message.Relayed:
		l.inOrder(ctx, m.ConversationID, m)
	case *message.GateOpened:
		l.inOrder(ctx, m.ConversationID, m)
	case *holeFilled:
		l.onHoleFilled(ctx, m)
	case Barrier:
		m.Passed()
	case *actor.Restarting, *actor.Stopping, *actor.Stopped:
	default:
		l.o.Unknown.Add(1)
		l.o.Log.Warn("unknown message", "kind", "relay")
	}
}

// inOrder carries m out now, or when the conversation's hole is filled.
func (l *Lane) inOrder(ctx actor.Context, conversationID string, m any) {
	if hole := l.filling[conversationID]; hole != nil {
		l.wait(ctx, hole, m)
		return
	}
	l.do(ctx, m)
}

// do carries m out. When that panics it answers what is left of m, and ends the
// listeners' sessions, since it is not known which events they have got.
func (l *Lane) do(ctx actor.Context, m any) {
	l.o.Hub.batch.Begin()
	defer l.o.Hub.batch.End()
	switch m := m.(type) {
	case *message.Relayed:
		rest := *m
		defer func() {
			if reason := recover(); reason != nil {
				supervision.Report(l.o.Log, l.o.Failures, "relay", m.ConversationID, m, reason)
				l.answerOnly(&rest)
			}
		}()
		l.onRelayed(ctx, &rest)
	case *message.GateOpened:
		l.o.Hub.OpenGate(m)
	}
}

// onRelayed carries m out, and removes each part from m when it is done. When it
// meets a hole it stops, and m waits with the rest.
func (l *Lane) onRelayed(ctx actor.Context, m *message.Relayed) {
	h := l.o.Hub
	for _, s := range m.Leave {
		if join, told, was := h.Unsubscribe(m.ConversationID, s); was {
			l.o.Left(m, s, join, l.late || told)
		}
	}
	h.Evict(m.ConversationID, m.EvictUsers)
	m.Leave, m.EvictUsers = nil, nil
	for len(m.Deliver) > 0 {
		d := &m.Deliver[0]
		if d.Rev > 0 && l.behind(ctx, m, d.Rev-1) {
			return
		}
		delivered, missing := h.Deliver(m.ConversationID, d)
		if missing > 0 {
			l.fill(ctx, &hole{first: missing, last: max(d.Seq, d.Rev) - 1, changes: d.Rev > 0}, m)
			return
		}
		m.Deliver = m.Deliver[1:]
		l.complete(d.Acks, delivered)
	}
	if l.behind(ctx, m, m.NextRev-1) {
		return
	}
	for len(m.Join) > 0 {
		sub := &m.Join[0]
		m.Join = m.Join[1:]
		h.Subscribe(m, sub)
		l.o.Joined(m, sub.Origin.Session, l.late)
	}
	replies := m.Replies
	m.Replies = nil
	h.ReplyAll(replies)
	l.complete(replies, 0)
}

// behind reports whether messages up to m.LastSeq, or changes up to rev, are missing
// here. If so it begins to fetch them, and m waits.
func (l *Lane) behind(ctx actor.Context, m *message.Relayed, rev int64) bool {
	if first := l.o.Hub.Behind(m); first > 0 {
		l.fill(ctx, &hole{first: first, last: m.LastSeq}, m)
		return true
	}
	if first := l.o.Hub.BehindRev(m, rev); first > 0 {
		l.fill(ctx, &hole{first: first, last: rev, changes: true}, m)
		return true
	}
	return false
}

// answerOnly sends the answers in m, refuses its joins and publishes nothing.
func (l *Lane) answerOnly(m *message.Relayed) {
	h := l.o.Hub
	h.CloseListeners(m.ConversationID, m.People)
	for i := range m.Deliver {
		h.ReplyAll(m.Deliver[i].Acks)
		l.complete(m.Deliver[i].Acks, 0)
	}
	for i := range m.Join {
		h.RefuseJoin(m.ConversationID, &m.Join[i], wire.Errorf(wire.CodeInternal, "joining failed: try again"))
	}
	h.ReplyAll(m.Replies)
	l.complete(m.Replies, 0)
	h.PassedOn(m.ConversationID, m.LastSeq)
}

// complete gives the replies that are for calls of back ends to Calls. delivered is
// added to each as the number of connections that got the event.
func (l *Lane) complete(replies []message.Reply, delivered int) {
	for i := range replies {
		if r := &replies[i]; !r.Origin.Call.IsZero() && r.Origin.Call.Node == l.o.Hub.node {
			posted := r.Posted
			posted.Delivered += delivered
			l.o.Calls.Complete(r.Origin.Call.ID, Outcome{Posted: posted, Err: r.Err})
		}
	}
}
