package user

import (
	"time"

	"github.com/asynkron/protoactor-go/actor"

	"github.com/corrillo/corrillo/actors/message"
	"github.com/corrillo/corrillo/wire"
)

// onNodeLeft ends the user's sessions on a node that is gone.
func (u *User) onNodeLeft(m *message.NodeLeft) {
	now := time.Now()
	gone := map[message.SessionRef]device{}
	for ref, d := range u.sessions.All() {
		if ref.Node == m.Node {
			gone[ref] = d
		}
	}
	for ref, d := range gone {
		u.end(ref, &d, now)
	}
	u.leaveIfDone()
}

// onSessions takes in which sessions a node has, after the user has moved here from
// another node or an earlier actor has failed. Sessions that are known already, and the
// conversations that they have joined, count once. If none is connected, the grace time
// begins anew.
func (u *User) onSessions(m *message.UserSessions) {
	for i := range m.Sessions {
		s := &m.Sessions[i]
		ref := message.SessionRef{Node: m.Node, ID: s.ID}
		d, there := u.sessions.Get(ref)
		was, news := d.attached, !there || d.generation < s.Generation
		if news {
			d.attached, d.generation = s.Attached, s.Generation
		}
		d.show(s.Conversations)
		u.sessions.Set(ref, d)
		switch {
		case news && s.Attached && !was:
			u.attach()
		case news && !s.Attached && was:
			u.gone(time.Now())
		}
	}
	if u.attached == 0 && !u.online && u.sessions.Len() > 0 {
		u.online, u.untold, u.lastSeen = true, true, time.Now()
		u.startGrace()
	}
	u.leaveIfDone()
}

// bound ends a session of the user when there are too many on all nodes together: one
// that waits for a recovery, otherwise the one that has just come. Those that were asked
// to end before do not count.
func (u *User) bound(newest message.SessionRef) {
	if u.o.PerUser <= 0 || u.o.Elsewhere == nil || u.sessions.Len() <= u.o.PerUser {
		return
	}
	count, end, reason := 0, newest, wire.CloseRateLimited
	for ref, d := range u.sessions.All() {
		if d.ending {
			continue
		}
		if count++; !d.attached {
			end, reason = ref, wire.CloseReplaced
		}
	}
	if count <= u.o.PerUser {
		return
	}
	d, _ := u.sessions.Get(end)
	d.ending = true
	u.sessions.Set(end, d)
	u.o.Elsewhere(end.Node, &message.EndSession{Session: end, Reason: reason})
}

// onHandOff stops the actor: the user belongs to another node now, which is told of the
// sessions by the nodes that have them. If the user has lost the last connection less
// than the grace time ago, offline is not told here: at the new owner the grace time
// begins anew if a session waits to be recovered, and conversations ask about every user
// who has moved.
func (u *User) onHandOff(ctx actor.Context) {
	if u.online && u.attached == 0 {
		u.o.Directory.left(u.id, u.lastSeen)
	}
	u.o.Directory.forget(u.id)
	ctx.Stop(ctx.Self())
}
