package relay

import (
	"context"
	"log/slog"
	"sync/atomic"
	"time"

	"github.com/asynkron/protoactor-go/actor"

	"github.com/corrillo/corrillo/actors/message"
	"github.com/corrillo/corrillo/actors/supervision"
	"github.com/corrillo/corrillo/repo"
	"github.com/corrillo/corrillo/wire"
)

const (
	// holePage is how many messages one fetch of a hole brings.
	holePage = 500
	// maxWaiting bounds what waits for one conversation's hole.
	maxWaiting = 4096
	holeTries  = 10
)

// LaneOptions are what a lane needs beside the hub.
type LaneOptions struct {
	Hub   *Hub
	Store repo.Store
	Log   *slog.Logger
	Calls *Calls
	// Render makes the new_message event of a stored message, for holes.
	Render func(*repo.Message) message.Delivery
	// SessionGone tells a conversation that a session which it subscribed is
	// gone.
	SessionGone func(conversationID string, session message.SessionRef)
	Failures    *supervision.Failures
	// Unknown counts messages of a type that a lane does not know.
	Unknown *atomic.Int64
}

// Lane is the relay actor of some of the node's conversations. What it knows
// of a conversation's order is kept in the hub, so that it survives a restart.
type Lane struct {
	o LaneOptions
	// filling holds, per conversation with a hole, what waits for it.
	filling map[string][]any
}

// NewLane makes a lane's actor.
func NewLane(o LaneOptions) *Lane { return &Lane{o: o, filling: map[string][]any{}} }

// holeFilled brings the messages of a hole, ascending, or why they could not
// be read.
type holeFilled struct {
	conversationID string
	messages       []repo.Message
	through        int64
	err            error
}

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
	case *actor.Restarting, *actor.Stopping, *actor.Stopped:
	default:
		l.o.Unknown.Add(1)
		l.o.Log.Warn("unknown message", "kind", "relay")
	}
}

// inOrder does m now, or after the conversation's hole is filled.
func (l *Lane) inOrder(ctx actor.Context, conversationID string, m any) {
	if waiting, ok := l.filling[conversationID]; ok {
		if len(waiting) >= maxWaiting {
			l.answerOnly(conversationID, m)
			return
		}
		l.filling[conversationID] = append(waiting, m)
		return
	}
	l.do(ctx, m)
}

// answerOnly answers what m answers and publishes nothing, because too much
// waits already. Those who listen lose their connection, not a message: they
// come back and catch up from the store.
func (l *Lane) answerOnly(conversationID string, m any) {
	l.o.Log.Error("too much waits for a hole: closing the listeners", "conversation", conversationID)
	h := l.o.Hub
	h.CloseRoom(conversationID, wire.CloseInternal)
	switch m := m.(type) {
	case *message.GateOpened:
		l.onGateOpened(m)
	case *message.Relayed:
		for i := range m.Deliver {
			h.ReplyAll(m.Deliver[i].Acks)
			l.complete(m.Deliver[i].Acks, 0)
		}
		for i := range m.Join {
			r := message.Reply{Origin: m.Join[i].Origin, Err: wire.Errorf(wire.CodeOverloaded, "too much waits for this conversation")}
			h.Reply(&r)
			l.o.SessionGone(conversationID, m.Join[i].Origin.Session)
		}
		h.ReplyAll(m.Replies)
		l.complete(m.Replies, 0)
	}
}

func (l *Lane) do(ctx actor.Context, m any) {
	l.o.Hub.batch.Begin()
	defer l.o.Hub.batch.End()
	switch m := m.(type) {
	case *message.Relayed:
		l.onRelayed(ctx, m)
	case *message.GateOpened:
		l.onGateOpened(m)
	}
}

func (l *Lane) onRelayed(ctx actor.Context, m *message.Relayed) {
	h := l.o.Hub
	for _, s := range m.Leave {
		h.Unsubscribe(m.ConversationID, s)
	}
	if len(m.EvictUsers) > 0 {
		for _, s := range h.Evict(m.ConversationID, m.EvictUsers) {
			l.o.SessionGone(m.ConversationID, s)
		}
	}
	for i := range m.Deliver {
		d := &m.Deliver[i]
		delivered, hole := h.Deliver(m.ConversationID, d)
		if hole > 0 {
			rest := *m
			rest.Leave, rest.EvictUsers, rest.Deliver = nil, nil, m.Deliver[i:]
			l.fill(ctx, m.ConversationID, hole, d.Seq-1, &rest)
			return
		}
		l.complete(d.Acks, delivered)
	}
	if last := h.Behind(m.ConversationID, m.LastSeq); last > 0 {
		rest := *m
		rest.Leave, rest.EvictUsers, rest.Deliver = nil, nil, nil
		l.fill(ctx, m.ConversationID, last, m.LastSeq, &rest)
		return
	}
	for i := range m.Join {
		if !h.Subscribe(m.ConversationID, m.LastSeq, &m.Join[i]) {
			l.o.SessionGone(m.ConversationID, m.Join[i].Origin.Session)
		}
	}
	h.ReplyAll(m.Replies)
	l.complete(m.Replies, 0)
}

// complete answers the calls among the replies; sessions were answered
// before the event.
func (l *Lane) complete(replies []message.Reply, delivered int) {
	for i := range replies {
		if r := &replies[i]; !r.Origin.Call.IsZero() && r.Origin.Call.Node == l.o.Hub.node {
			posted := r.Posted
			posted.Delivered += delivered
			l.o.Calls.Complete(r.Origin.Call.ID, Outcome{Posted: posted, Err: r.Err})
		}
	}
}

func (l *Lane) onGateOpened(m *message.GateOpened) {
	if l.o.Hub.OpenGate(m) {
		l.o.SessionGone(m.ConversationID, m.Reply.Origin.Session)
	}
}

// fill fetches the messages first..last beside the actor; first goes on when
// they are there.
func (l *Lane) fill(ctx actor.Context, conversationID string, first, last int64, then *message.Relayed) {
	l.filling[conversationID] = []any{then}
	l.o.Log.Info("filling a hole from the store", "conversation", conversationID, "first", first, "last", last)
	self, root := ctx.Self(), ctx.ActorSystem().Root
	go func() {
		filled := &holeFilled{conversationID: conversationID, through: last}
		defer func() {
			if reason := recover(); reason != nil {
				l.o.Log.Error("fetching a hole panicked", "conversation", conversationID, "panic", reason)
				filled.err = repo.ErrUnavailable
			}
			root.Send(self, filled)
		}()
		filled.messages, filled.err = l.fetch(conversationID, first, last)
	}()
}

// fetch reads first..last, page by page, trying again while the store is
// away.
func (l *Lane) fetch(conversationID string, first, last int64) ([]repo.Message, error) {
	var all []repo.Message
	var err error
	for try := 0; try < holeTries && first <= last; {
		ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
		var page []repo.Message
		page, _, err = l.o.Store.Messages(ctx, repo.MessageQuery{
			ConversationID: conversationID, AfterSeq: first - 1, BeforeSeq: last + 1, FromOldest: true, Limit: holePage,
		})
		cancel()
		if err != nil {
			try++
			time.Sleep(supervision.Backoff(try))
			continue
		}
		if len(page) == 0 {
			return all, nil
		}
		all = append(all, page...)
		first = page[len(page)-1].Seq + 1
	}
	return all, err
}

func (l *Lane) onHoleFilled(ctx actor.Context, m *holeFilled) {
	waiting := l.filling[m.conversationID]
	delete(l.filling, m.conversationID)
	h := l.o.Hub
	for i := range m.messages {
		d := l.o.Render(&m.messages[i])
		h.DeliverFilled(m.conversationID, &d)
	}
	if m.err != nil {
		// The order cannot be kept for those who listen now: they lose their
		// connection and catch up from the store when they come back.
		l.o.Log.Error("a hole could not be filled: closing the listeners", "conversation", m.conversationID, "err", m.err)
		h.CloseRoom(m.conversationID, wire.CloseInternal)
	}
	h.PassedOn(m.conversationID, m.through)
	for i, w := range waiting {
		l.do(ctx, w)
		if _, again := l.filling[m.conversationID]; again {
			l.filling[m.conversationID] = append(l.filling[m.conversationID], waiting[i+1:]...)
			return
		}
	}
}
