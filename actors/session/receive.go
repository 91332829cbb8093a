package session

import (
	"context"
	"strconv"
	"time"

	"github.com/asynkron/protoactor-go/actor"

	"github.com/corrillo/corrillo/actors/locator"
	"github.com/corrillo/corrillo/actors/message"
	"github.com/corrillo/corrillo/actors/supervision"
	"github.com/corrillo/corrillo/wire"
)

// receiver is the actor behind a Session, so that nobody else can call its
// Receive.
type receiver struct{ *Session }

// Receive implements actor.Actor.
func (r receiver) Receive(ctx actor.Context) {
	msg := ctx.Message()
	defer supervision.Guard(r.o.Log, r.o.Failures, "session", strconv.FormatUint(r.sub.ID(), 36), msg)
	switch m := msg.(type) {
	case *actor.Started:
	case begin:
		r.onBegin()
	case command:
		r.queued.Add(-1)
		r.onCommand(m)
	case located:
		r.onLocated(m)
	case resumed:
		r.onResumed(m)
	case detached:
		r.onDetached(ctx, m)
	case dueTick:
		r.onDue(ctx)
	case expiredTick:
		ctx.Stop(ctx.Self())
	case *actor.Stopping:
		r.onStopping()
	case *actor.Restarting, *actor.Stopped:
	default:
		r.o.Unknown.Add(1)
		r.o.Log.Warn("unknown message", "kind", "session")
	}
}

func (s *Session) onBegin() {
	if s.identity != nil {
		id := *s.identity
		s.identity = nil
		if e := s.become(id); e != nil {
			s.o.Hub.Emit(s.sub, wire.EventError, wire.AppendError(nil, e, "", ""))
			s.o.Hub.Close(s.sub, wire.CloseRateLimited)
			return
		}
	}
	s.plan()
}

// plan asks for the next Due.
func (s *Session) plan() {
	var next time.Time
	sooner := func(t time.Time) {
		if next.IsZero() || t.Before(next) {
			next = t
		}
	}
	if s.identity == nil && s.o.IdentifyWithin > 0 {
		sooner(s.since.time().Add(s.o.IdentifyWithin))
	}
	if s.early != nil {
		sooner(s.early.end)
	}
	if s.identity != nil && !s.identity.Expires.IsZero() {
		if s.expired == 0 {
			sooner(s.identity.Expires)
		} else {
			sooner(s.expired.time().Add(s.o.TokenGrace))
		}
	}
	s.sub.SetDeadline(next)
}

func (s *Session) onDue(actor.Context) {
	now := time.Now()
	if s.early != nil && !now.Before(s.early.end) {
		for _, c := range s.takeEarly() {
			s.refuse(c.origin, tempID(c.cmd), notIdentified())
		}
	}
	switch {
	case s.identity == nil && s.o.IdentifyWithin > 0 && now.Sub(s.since.time()) >= s.o.IdentifyWithin:
		s.o.Hub.Emit(s.sub, wire.EventError, wire.AppendError(nil, notIdentified(), "", ""))
		s.o.Hub.Finish(s.sub, wire.CloseNotIdentified)
		return
	case s.identity != nil && !s.identity.Expires.IsZero() && !now.Before(s.identity.Expires):
		if s.expired == 0 {
			s.expired = momentOf(now)
			s.o.Hub.Emit(s.sub, wire.EventError, wire.AppendError(nil, tokenExpired(), "", ""))
		} else if now.Sub(s.expired.time()) >= s.o.TokenGrace {
			s.o.Hub.Finish(s.sub, wire.CloseUnauthorized)
			return
		}
	}
	s.plan()
}

func notIdentified() *wire.Error {
	return wire.Errorf(wire.CodeNotIdentified, "send identify first")
}

func tokenExpired() *wire.Error {
	return wire.Errorf(wire.CodeTokenExpired, "the token has expired: identify with a new one")
}

func (s *Session) onDetached(ctx actor.Context, m detached) {
	if m.over || s.identity == nil {
		ctx.Stop(ctx.Self())
		return
	}
	s.announce(&message.SessionDetached{Session: s.sub.Ref(), Generation: m.generation, At: time.Now()})
}

func (s *Session) onResumed(m resumed) {
	if s.identity != nil {
		s.announce(&message.SessionAttached{Session: s.sub.Ref(), Generation: m.generation})
	}
	if m.identity != nil {
		if e := s.become(*m.identity); e != nil {
			s.o.Hub.Emit(s.sub, wire.EventError, wire.AppendError(nil, e, "", ""))
		}
	}
	if s.expired != 0 { // it may have been away when it was told
		s.o.Hub.Emit(s.sub, wire.EventError, wire.AppendError(nil, tokenExpired(), "", ""))
	}
}

// onStopping also runs when the actor has panicked. It closes the connection and tells
// the session's user and conversations that the session has ended.
func (s *Session) onStopping() {
	s.o.Hub.Close(s.sub, wire.CloseInternal)
	conversations, userID := s.o.Hub.End(s.sub)
	s.tellEnded(userID, conversations)
}

// tellEnded tells the session's user, and then its conversations, that it has ended. In
// this order the user's actor still knows the conversations as joined, and tells them
// when the user goes offline; a session that has left a conversation shows no more there.
func (s *Session) tellEnded(userID string, conversations []string) {
	if userID != "" {
		s.o.Locator.TellActive(locator.User, userID, &message.SessionEnded{Session: s.sub.Ref(), At: time.Now()})
	}
	s.tellGone(conversations)
}

func (s *Session) tellGone(conversations []string) {
	for _, id := range conversations {
		s.o.Locator.TellActive(locator.Conversation, id, &message.SessionClosed{Session: s.sub.Ref()})
	}
}

// announce tells the session's user that a connection has come or gone. The actor is
// started if it is not running, and the message is never refused, since it is sent once.
func (s *Session) announce(msg any) {
	s.o.Locator.Announce(locator.User, s.identity.UserID, msg)
}

// become takes an identity: the session is now one of that user's.
func (s *Session) become(id wire.Identity) *wire.Error {
	if s.identity != nil && s.identity.UserID != id.UserID {
		old := s.identity.UserID
		conversations := s.o.Hub.Unbind(s.sub, s.last)
		s.identity = nil
		s.tellEnded(old, conversations)
	}
	generation, e := s.o.Hub.Bind(s.sub, id.UserID)
	if e != nil {
		return e
	}
	first := s.identity == nil
	s.identity, s.expired = &id, 0
	if first {
		s.announce(&message.SessionAttached{Session: s.sub.Ref(), Generation: generation})
	}
	s.plan()
	return nil
}

// identify checks who the client says it is.
func (s *Session) identify(m wire.Identify) (wire.Identity, *wire.Error) {
	if s.o.Verifier == nil {
		return wire.Identity{UserID: m.UserID, Username: m.Username}, nil
	}
	if m.Token == "" {
		if s.identity == nil {
			return wire.Identity{}, wire.Errorf(wire.CodeUnauthorized, "identify needs a token")
		}
		if s.identity.UserID != m.UserID {
			return wire.Identity{}, wire.Errorf(wire.CodeForbidden, "the token names another user")
		}
		if s.expired != 0 {
			return wire.Identity{}, tokenExpired()
		}
		return *s.identity, nil
	}
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	id, err := s.o.Verifier.Verify(ctx, m.Token)
	if err != nil {
		return wire.Identity{}, wire.AsError(err)
	}
	if m.UserID != "" && m.UserID != id.UserID {
		return wire.Identity{}, wire.Errorf(wire.CodeForbidden, "the token names another user")
	}
	if id.Username == "" {
		id.Username = m.Username
	}
	return id, nil
}
