package user

import (
	"time"

	"github.com/asynkron/protoactor-go/actor"

	"github.com/corrillo/corrillo/actors/message"
	"github.com/corrillo/corrillo/wire"
)

// onNodeLeft takes the connections of a node that is gone for lost.
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

// onSessions takes up the sessions of a node, after the user has moved here from
// another one or has failed: those that are known already count once, and so does
// what each has joined. Where nobody is connected the grace time begins anew.
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

// bound ends sessions of the user when there are too many on all nodes together:
// one that waits for a recovery, else the one that has just come. Those that have
// been asked to end do not count any more.
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

// onHandOff ends this life of the user: it goes on on another node, which hears
// of the sessions from the nodes where they are. Who is gone for less than the
// grace time may be about to come back, and nobody is told anything of it: the
// grace time begins anew where a session waits for that, and the conversations ask
// about everybody who has moved.
func (u *User) onHandOff(ctx actor.Context) {
	if u.online && u.attached == 0 {
		u.o.Directory.left(u.id, u.lastSeen)
	}
	u.o.Directory.forget(u.id)
	ctx.Stop(ctx.Self())
}
