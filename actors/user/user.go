package user

import (
	"log/slog"
	"sync/atomic"
	"time"

	"github.com/asynkron/protoactor-go/actor"

	"github.com/corrillo/corrillo/actors/locator"
	"github.com/corrillo/corrillo/actors/message"
	"github.com/corrillo/corrillo/actors/relay"
	"github.com/corrillo/corrillo/actors/small"
	"github.com/corrillo/corrillo/actors/supervision"
	"github.com/corrillo/corrillo/wire"
)

// Options are what all user actors of a node share. All parts must be set.
type Options struct {
	Hub       *relay.Hub
	Locator   *locator.Locator
	Relay     *relay.Spread
	Directory *Directory
	Log       *slog.Logger
	Failures  *supervision.Failures
	Unknown   *atomic.Int64
	// PerUser bounds the sessions with a connection that a user has on all nodes
	// together; on one node the hub does. 0: no bound.
	PerUser int
	// Elsewhere sends a message to another node; nil when there is none.
	Elsewhere func(node string, m any)
	// Moved reports whether a user's actor here was asked to hand off.
	Moved func(userID string) bool
	// Others names the other nodes.
	Others func() []string
	// Grace is how long the last session may be gone before the user is
	// offline.
	Grace time.Duration
}

// User is the actor of one user.
type User struct {
	id string
	o  *Options

	sessions small.Map[message.SessionRef, device]
	// conversations counts the sessions that show this user's presence in a
	// conversation.
	conversations small.Map[string, int]
	attached      int
	online        bool
	untold        bool // that the user is online; nobody has been connected here yet
	lastSeen      time.Time
	generation    uint64 // of the grace timer
}

type device struct {
	attached   bool
	generation uint64
}

// New makes the actor of a user.
func New(id string, o *Options) *User {
	return &User{id: id, o: o}
}

// Receive implements actor.Actor.
func (u *User) Receive(ctx actor.Context) {
	msg := ctx.Message()
	defer supervision.Guard(u.o.Log, u.o.Failures, "user", u.id, msg)
	switch m := msg.(type) {
	case *actor.Started:
		u.onStarted()
		if u.o.Moved(u.id) { // the one that failed was about to go, behind what it had been told
			ctx.Send(ctx.Self(), locator.HandOff{})
		}
	case *message.SessionAttached:
		u.onAttached(m)
	case *message.SessionDetached:
		u.onDetached(m)
	case *message.SessionEnded:
		u.onEnded(m)
	case *message.Beat:
		u.lastSeen = m.At
	case *message.ConversationJoined:
		u.onJoined(m)
	case *message.ConversationLeft:
		u.onLeft(m)
	case *message.EmitToUser:
		u.onEmit(m)
	case *message.RevokeUser:
		u.onRevoke(m)
	case *message.GraceOver:
		u.onGraceOver(m)
	case *message.NodeLeft:
		u.onNodeLeft(m)
	case *message.UserSessions:
		u.onSessions(m)
	case locator.HandOff:
		u.onHandOff(ctx)
	case locator.Passivate:
		u.onPassivate(ctx)
	case *actor.Restarting, *actor.Stopping:
	case *actor.Stopped:
		u.o.Locator.Stopped(locator.User, u.id, ctx.Self())
	default:
		u.o.Unknown.Add(1)
		u.o.Log.Warn("unknown message", "kind", "user")
	}
}

// onStarted reads back what the node knows of the user: after a failure the
// sessions are still there, and what the others were told of the user. Whoever
// others were told of has failed, and asks the other nodes for their sessions.
func (u *User) onStarted() {
	for _, s := range u.o.Hub.Sessions(u.id) {
		ref := message.SessionRef{Node: u.o.Hub.Node(), ID: s.ID}
		u.sessions.Set(ref, device{attached: s.Attached, generation: s.Generation})
		if s.Attached {
			u.attached++
		}
		for _, id := range s.Conversations {
			n, _ := u.conversations.Get(id)
			u.conversations.Set(id, n+1)
		}
	}
	was, known := u.o.Directory.told(u.id)
	if known {
		for _, node := range u.o.Others() {
			u.o.Elsewhere(node, &message.WhoListens{UserID: u.id})
		}
	}
	switch {
	case u.attached > 0:
		u.setOnline(true)
	case known && was.Online:
		u.online, u.lastSeen = true, was.LastSeen
		u.startGrace()
	}
	u.leaveIfDone()
}

func (u *User) onAttached(m *message.SessionAttached) {
	d, _ := u.sessions.Get(m.Session)
	if m.Generation < d.generation {
		return
	}
	u.sessions.Set(m.Session, device{attached: true, generation: m.Generation})
	if d.attached {
		return
	}
	u.attach()
	u.bound(m.Session)
}

// attach counts one connection more.
func (u *User) attach() {
	u.attached++
	u.generation++ // a grace timer under way no longer counts
	u.forgetLeft()
	u.lastSeen = time.Now()
	if !u.online || u.untold {
		u.setOnline(true)
	}
}

func (u *User) onDetached(m *message.SessionDetached) {
	d, known := u.sessions.Get(m.Session)
	if !known || m.Generation < d.generation {
		return
	}
	u.sessions.Set(m.Session, device{generation: m.Generation})
	if d.attached {
		u.gone(m.At)
	}
}

func (u *User) onEnded(m *message.SessionEnded) {
	if d, known := u.sessions.Get(m.Session); known {
		u.sessions.Delete(m.Session)
		if d.attached {
			u.gone(m.At)
		}
	}
	u.leaveIfDone()
}

// leaveIfDone asks for passivation when there is nobody to speak for.
func (u *User) leaveIfDone() {
	if u.done() {
		u.o.Locator.Passivate(locator.User, u.id)
	}
}

func (u *User) done() bool { return u.sessions.Len() == 0 && !u.online }

// gone counts one connection less and starts the grace time after the last.
func (u *User) gone(at time.Time) {
	u.attached--
	u.lastSeen = at
	if u.attached == 0 && u.online {
		u.startGrace()
	}
}

func (u *User) startGrace() {
	u.generation++
	over := &message.GraceOver{Generation: u.generation}
	time.AfterFunc(u.o.Grace, func() { u.o.Locator.TellOwn(locator.User, u.id, over) })
}

func (u *User) onGraceOver(m *message.GraceOver) {
	if m.Generation != u.generation || u.attached > 0 || !u.online {
		return
	}
	u.setOnline(false)
	u.forgetLeft()
	u.leaveIfDone()
}

// setOnline makes the change known to the directory and to every conversation
// in which the user has joined.
func (u *User) setOnline(online bool) {
	u.online, u.untold = online, false
	if u.lastSeen.IsZero() {
		u.lastSeen = time.Now()
	}
	u.o.Directory.set(u.id, u.status())
	for id := range u.conversations.All() {
		u.tellPresence(id)
	}
}

// forgetLeft drops the conversations that were kept only to be told that the
// user is offline.
func (u *User) forgetLeft() {
	u.conversations.DeleteFunc(func(_ string, n int) bool { return n == 0 })
}

func (u *User) status() wire.PresenceStatus {
	return wire.PresenceStatus{Online: u.online, LastSeen: u.lastSeen}
}

func (u *User) tellPresence(conversationID string) {
	u.o.Locator.TellActive(locator.Conversation, conversationID,
		&message.PresenceChanged{UserID: u.id, Status: u.status()})
}

func (u *User) onJoined(m *message.ConversationJoined) {
	n, _ := u.conversations.Get(m.ConversationID)
	u.conversations.Set(m.ConversationID, n+1)
	if n == 0 && u.online {
		u.tellPresence(m.ConversationID)
	}
}

// onLeft forgets the conversation, unless the user is about to be reported
// offline there.
func (u *User) onLeft(m *message.ConversationLeft) {
	n, _ := u.conversations.Get(m.ConversationID)
	if n--; n > 0 {
		u.conversations.Set(m.ConversationID, n)
		return
	}
	if u.online && u.attached == 0 {
		u.conversations.Set(m.ConversationID, 0)
		return
	}
	u.conversations.Delete(m.ConversationID)
}

func (u *User) onEmit(m *message.EmitToUser) {
	u.o.Relay.Relay(&message.Relayed{Deliver: []message.Delivery{{
		Event: m.Event, Data: m.Data, Users: []string{u.id},
		Acks: []message.Reply{{Origin: m.Origin}},
	}}}, nil)
}

// onRevoke ends the user's sessions on every node: also those that this actor
// has not heard of yet.
func (u *User) onRevoke(m *message.RevokeUser) {
	const reason = "revoked"
	closed := u.o.Hub.Revoke(u.id, reason)
	for _, node := range u.o.Others() {
		u.o.Elsewhere(node, &message.EndUser{UserID: u.id, Reason: reason})
	}
	for ref, d := range u.sessions.All() {
		if ref.Node != u.o.Hub.Node() && d.attached {
			closed++
		}
	}
	u.o.Relay.Relay(&message.Relayed{Replies: []message.Reply{{
		Origin: m.Origin, Posted: wire.Posted{Delivered: closed},
	}}}, nil)
}

func (u *User) onPassivate(ctx actor.Context) {
	if !u.done() {
		u.o.Locator.Resume(locator.User, u.id)
		return
	}
	u.o.Directory.forget(u.id)
	ctx.Stop(ctx.Self())
}
