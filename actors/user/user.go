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

// Options are what all user actors of a node share. All fields but PerUser and
// Elsewhere must be set.
type Options struct {
	Hub       *relay.Hub
	Locator   *locator.Locator
	Relay     *relay.Spread
	Directory *Directory
	Log       *slog.Logger
	Failures  *supervision.Failures
	Unknown   *atomic.Int64
	// PerUser bounds the connected sessions that a user has on all nodes together.
	// 0: no bound. The hub bounds those on one node.
	PerUser int
	// Elsewhere sends a message to another node; nil when there is none.
	Elsewhere func(node string, m any)
	// Moved reports whether this node's actor of a user was asked to hand off.
	Moved func(userID string) bool
	// Others returns the ids of the other nodes.
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
	left     []string // conversations that only ended sessions had joined: offline is told there, too
	attached int      // sessions with a connection
	online   bool
	untold   bool // online is not told yet, since no session has been connected so far
	lastSeen time.Time

	generation uint64 // of the grace timer
}

// device is one session.
type device struct {
	attached   bool
	ending     bool // it was asked to end, since the user had too many
	generation uint64
	joined     small.Map[string, struct{}] // the conversations that it has joined
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

// onStarted reads back what this node knows of the user: its sessions are in the hub,
// and the presence that was told is in the directory. If there is any, an earlier actor
// has failed, and the other nodes are asked for their sessions.
func (u *User) onStarted() {
	for _, s := range u.o.Hub.Sessions(u.id) {
		d := device{attached: s.Attached, generation: s.Generation}
		d.show(s.Conversations)
		u.sessions.Set(message.SessionRef{Node: u.o.Hub.Node(), ID: s.ID}, d)
		if s.Attached {
			u.attached++
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
	was := d.attached
	d.attached, d.generation = true, m.Generation
	u.sessions.Set(m.Session, d)
	if was {
		return
	}
	u.attach()
	u.bound(m.Session)
}

// attach counts one connection more.
func (u *User) attach() {
	u.attached++
	u.generation++ // a grace timer under way no longer counts
	u.left = nil
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
	was := d.attached
	d.attached, d.generation = false, m.Generation
	u.sessions.Set(m.Session, d)
	if was {
		u.gone(m.At)
	}
}

func (u *User) onEnded(m *message.SessionEnded) {
	if d, known := u.sessions.Get(m.Session); known {
		u.end(m.Session, &d, m.At)
	}
	u.leaveIfDone()
}

// end forgets a session that is gone for good. The conversations that it had joined
// are kept until offline, if it comes to that, has been told there.
func (u *User) end(ref message.SessionRef, d *device, at time.Time) {
	u.sessions.Delete(ref)
	if d.attached {
		u.gone(at)
	}
	for id := range d.joined.All() {
		u.leave(id)
	}
}

// leaveIfDone asks for passivation when the user has no session and is offline.
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
	u.left = nil
	u.leaveIfDone()
}

// setOnline tells the change to the directory and to every conversation that the
// user's sessions have joined.
func (u *User) setOnline(online bool) {
	u.online, u.untold = online, false
	if u.lastSeen.IsZero() {
		u.lastSeen = time.Now()
	}
	u.o.Directory.set(u.id, u.status())
	told := map[string]struct{}{}
	tell := func(id string) {
		if _, again := told[id]; !again {
			told[id] = struct{}{}
			u.tellPresence(id)
		}
	}
	for _, d := range u.sessions.All() {
		for id := range d.joined.All() {
			tell(id)
		}
	}
	for _, id := range u.left {
		tell(id)
	}
}

func (u *User) status() wire.PresenceStatus {
	return wire.PresenceStatus{Online: u.online, LastSeen: u.lastSeen}
}

func (u *User) tellPresence(conversationID string) {
	u.o.Locator.TellActive(locator.Conversation, conversationID,
		&message.PresenceChanged{UserID: u.id, Status: u.status()})
}

func (u *User) onJoined(m *message.ConversationJoined) {
	d, known := u.sessions.Get(m.Session)
	if !known {
		return // it has ended
	}
	before := u.shownIn(m.ConversationID)
	d.joined.Set(m.ConversationID, struct{}{})
	u.sessions.Set(m.Session, d)
	if !before && u.online {
		u.tellPresence(m.ConversationID)
	}
}

func (u *User) onLeft(m *message.ConversationLeft) {
	d, known := u.sessions.Get(m.Session)
	if !known {
		return
	}
	d.joined.Delete(m.ConversationID)
	u.sessions.Set(m.Session, d)
	u.leave(m.ConversationID)
}

// leave notes that a session has left a conversation, or has ended. While the grace
// time runs, the conversation is kept in u.left, to be told should it run out.
func (u *User) leave(conversationID string) {
	if u.online && u.attached == 0 && !u.shownIn(conversationID) {
		u.left = append(u.left, conversationID)
	}
}

// shownIn reports whether any session of the user has joined a conversation.
func (u *User) shownIn(conversationID string) bool {
	for _, d := range u.sessions.All() {
		if _, shown := d.joined.Get(conversationID); shown {
			return true
		}
	}
	return false
}

// show adds conversations to those that the session has joined.
func (d *device) show(conversations []string) {
	for _, id := range conversations {
		d.joined.Set(id, struct{}{})
	}
}

func (u *User) onEmit(m *message.EmitToUser) {
	u.o.Relay.Relay(&message.Relayed{Deliver: []message.Delivery{{
		Event: m.Event, Data: m.Data, Users: []string{u.id},
		Acks: []message.Reply{{Origin: m.Origin}},
	}}}, nil)
}

// onRevoke ends the user's sessions on every node, including those that this actor has
// not heard of yet.
func (u *User) onRevoke(m *message.RevokeUser) {
	closed := u.o.Hub.Revoke(u.id, message.Revoked)
	for _, node := range u.o.Others() {
		u.o.Elsewhere(node, &message.EndUser{UserID: u.id, Reason: message.Revoked})
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
