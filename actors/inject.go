package actors

import (
	"context"
	"time"

	"github.com/google/uuid"

	"github.com/corrillo/corrillo/actors/locator"
	"github.com/corrillo/corrillo/actors/message"
	"github.com/corrillo/corrillo/actors/session"
	"github.com/corrillo/corrillo/repo"
	"github.com/corrillo/corrillo/wire"
)

// PostMessage implements wire.Injector.
func (s *System) PostMessage(ctx context.Context, m wire.InjectedMessage) (wire.Posted, error) {
	if m.ID == "" {
		id, err := uuid.NewV7()
		if err != nil {
			return wire.Posted{}, wire.AsError(err)
		}
		m.ID = id.String()
	}
	if m.CreatedAt.IsZero() {
		m.CreatedAt = time.Now()
	}
	if m.SenderName == "" {
		m.SenderName = m.SenderID
	}
	conversationID := m.Resolve(m.SenderID)
	origin := message.Origin{UserID: m.SenderID, Username: m.SenderName, Event: wire.EventSendMessage}
	if m.ConversationID == "" {
		origin.PeerID = m.ReceiverID
	}
	return s.call(ctx, conversationID, origin, func(o message.Origin) any {
		return &message.PostMessage{Origin: o, Message: repo.Message{
			ID: m.ID, SenderID: m.SenderID, SenderName: m.SenderName, ReceiverID: m.ReceiverID,
			TempID: m.TempID, Content: m.Content, Type: m.Type, Metadata: m.Metadata, ReplyTo: m.ReplyTo,
			Extra: m.Extra, Hash: session.Hash(&m.SendMessage), CreatedAt: m.CreatedAt.UTC().Truncate(time.Millisecond),
			Mirrored: m.Mirrored,
		}}
	})
}

// call sends a conversation a command of the back end, which make makes, and waits
// for the outcome.
func (s *System) call(ctx context.Context, conversationID string, o message.Origin, make func(message.Origin) any) (wire.Posted, error) {
	if s.draining.Load() {
		return wire.Posted{}, goingDown()
	}
	return s.calls.Do(ctx, func(ref message.CallRef) error {
		o.Call = ref
		return s.locator.Tell(locator.Conversation, conversationID, make(o))
	})
}

// UpdateMessage implements wire.Injector.
func (s *System) UpdateMessage(ctx context.Context, messageID, content string) (wire.Posted, error) {
	return s.change(ctx, messageID, func(o message.Origin) any {
		return &message.EditMessage{Origin: o, MessageID: messageID, Content: content, At: time.Now()}
	})
}

// DeleteMessage implements wire.Injector.
func (s *System) DeleteMessage(ctx context.Context, messageID string) (wire.Posted, error) {
	return s.change(ctx, messageID, func(o message.Origin) any {
		return &message.DeleteMessage{Origin: o, MessageID: messageID, At: time.Now()}
	})
}

func (s *System) change(ctx context.Context, messageID string, make func(message.Origin) any) (wire.Posted, error) {
	found, err := s.o.Store.FindMessage(ctx, messageID)
	if err != nil {
		return wire.Posted{}, message.ClientError(err)
	}
	return s.call(ctx, found.ConversationID, message.Origin{}, make)
}

// Emit implements wire.Injector.
func (s *System) Emit(ctx context.Context, e wire.Emission) (int, error) {
	if e.ConversationID != "" {
		posted, err := s.call(ctx, e.ConversationID, message.Origin{}, func(o message.Origin) any {
			return &message.PassEvent{Origin: o, Event: e.Event, Data: e.Data}
		})
		return posted.Delivered, err
	}
	delivered := 0
	for _, id := range e.UserIDs {
		n, err := s.callUser(ctx, id, func(o message.Origin) any {
			return &message.EmitToUser{Origin: o, Event: e.Event, Data: e.Data}
		})
		if err != nil {
			return delivered, err
		}
		delivered += n
	}
	return delivered, nil
}

// callUser sends the actor of a user a command of the back end, and waits for the
// outcome. Without an actor a lone server has nothing to do. In a cluster the actor
// is started: another node may have a session of the user that the user's owner has
// not heard of yet.
func (s *System) callUser(ctx context.Context, userID string, make func(message.Origin) any) (int, error) {
	if s.draining.Load() {
		return 0, goingDown()
	}
	there := true
	posted, err := s.calls.Do(ctx, func(ref message.CallRef) error {
		m := make(message.Origin{UserID: userID, Call: ref})
		if s.cluster != nil {
			return s.locator.Tell(locator.User, userID, m)
		}
		if there = s.locator.TellActive(locator.User, userID, m); !there {
			return errNotThere
		}
		return nil
	})
	if !there {
		return 0, nil
	}
	return posted.Delivered, err
}

// goingDown is the refusal when no actor may be left to answer.
func goingDown() *wire.Error { return wire.Errorf(wire.CodeDraining, "the server is going down") }

var errNotThere = wire.Errorf(wire.CodeNotFound, "the user is not here")

// ChangeMembership implements wire.Injector.
func (s *System) ChangeMembership(ctx context.Context, c wire.MembershipChange) error {
	_, err := s.call(ctx, c.ConversationID, message.Origin{}, func(o message.Origin) any {
		return &message.ChangeMembership{Origin: o, Add: c.Add, Remove: c.Remove, At: time.Now().UTC()}
	})
	return err
}

// Revoke implements wire.Injector. In a cluster it returns when every node has ended
// the sessions that the user had before. This node tells all of them itself, since
// the node that owns the user may die before its own messages have arrived.
func (s *System) Revoke(ctx context.Context, userID string) (int, error) {
	closed, err := s.callUser(ctx, userID, func(o message.Origin) any { return &message.RevokeUser{Origin: o} })
	if err != nil || s.cluster == nil {
		return closed, err
	}
	s.hub.Revoke(userID, message.Revoked)
	if err := s.tellAll(ctx, &message.EndUser{UserID: userID, Reason: message.Revoked}); err != nil {
		return closed, wire.Errorf(wire.CodeUnavailable, "not all nodes have ended the user's connections yet: ask again")
	}
	return closed, nil
}

// Presence implements wire.Injector.
func (s *System) Presence(ctx context.Context, userIDs []string) (map[string]wire.PresenceStatus, error) {
	known, err := session.Presence(ctx, s.o.Store, s.known, userIDs)
	if err != nil {
		return nil, message.ClientError(err)
	}
	return known, nil
}
