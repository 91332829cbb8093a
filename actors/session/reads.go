package session

import (
	"context"
	"strconv"
	"time"

	"github.com/corrillo/corrillo/actors/message"
	"github.com/corrillo/corrillo/actors/rules"
	"github.com/corrillo/corrillo/actors/supervision"
	"github.com/corrillo/corrillo/repo"
	"github.com/corrillo/corrillo/wire"
)

// readTimeout bounds a read of the store that a client waits for.
const readTimeout = 5 * time.Second

// beside runs f, which reads the store, beside the actor, and refuses the
// command when too many reads are under way, or when f panics. f uses only what
// it was given.
func (s *Session) beside(o message.Origin, f func(ctx context.Context) *wire.Error) {
	if s.sub.Begin() > s.o.InFlight {
		s.sub.Cancel()
		s.refuse(o, "", wire.Errorf(wire.CodeOverloaded, "too many commands of this session are under way"))
		return
	}
	ok := s.o.Reads.Go(func() {
		defer s.sub.Cancel()
		defer func() {
			if reason := recover(); reason != nil {
				supervision.Report(s.o.Log, s.o.Failures, "session", strconv.FormatUint(s.sub.ID(), 36), o.Event, reason)
				s.refuse(o, "", wire.Errorf(wire.CodeInternal, "something went wrong on the server; try again"))
			}
		}()
		ctx, cancel := context.WithTimeout(context.Background(), readTimeout)
		defer cancel()
		if e := f(ctx); e != nil {
			s.refuse(o, "", e)
		}
	})
	if !ok {
		s.sub.Cancel()
		s.refuse(o, "", wire.Errorf(wire.CodeOverloaded, "too many reads are under way"))
	}
}

// onMark sends a read mark to its conversation; a bare message id is looked
// up first.
func (s *Session) onMark(o message.Origin, m wire.MarkRead) {
	s.toMessage(o, m.Address, m.MessageID, func(o message.Origin) any {
		return &message.MarkRead{Origin: o, MessageID: m.MessageID, Seq: m.Seq}
	})
}

// toMessage sends a command about a message to its conversation, which is
// found by the message's id when the client named none.
func (s *Session) toMessage(o message.Origin, a wire.Address, messageID string, make func(message.Origin) any) {
	if a.ConversationID != "" || a.ReceiverID != "" {
		s.toConversation(o, a, "", make)
		return
	}
	userID := o.UserID
	s.beside(o, func(ctx context.Context) *wire.Error {
		found, err := s.o.Store.FindMessage(ctx, messageID)
		if err != nil {
			return message.ClientError(err)
		}
		s.o.Root.Send(s.pid, located{origin: o, userID: userID, conversationID: found.ConversationID, make: make})
		return nil
	})
}

// located brings back a command whose conversation was looked up.
type located struct {
	origin         message.Origin
	userID         string
	conversationID string
	make           func(message.Origin) any
}

func (s *Session) onLocated(m located) {
	if s.identity == nil || s.identity.UserID != m.userID {
		s.refuse(m.origin, "", wire.Errorf(wire.CodeForbidden, "the session has another identity now"))
		return
	}
	s.send(m.origin, m.conversationID, "", m.make)
}

func (s *Session) onGetConversations(o message.Origin, m wire.GetConversations) {
	s.beside(o, func(ctx context.Context) *wire.Error {
		var data []byte
		for limit, whole := m.Limit, false; !whole; {
			page, next, err := s.o.Store.Conversations(ctx, o.UserID, m.Cursor, limit)
			if err != nil {
				return message.ClientError(err)
			}
			var n int
			data, n = appendConversations(nil, page, next)
			limit, whole = n, n == len(page) // the cursor is that of a whole page
		}
		s.o.Observe(o.Event, "")
		s.o.Hub.Answer(s.sub, o, data)
		return nil
	})
}

// appendConversations appends get_conversations' reply: {status, conversations:
// [...], cursor?}. It has the first n of the page: up to rules.ReplyBytes, one
// in any case.
func appendConversations(dst []byte, page []repo.ConversationSummary, next string) (reply []byte, n int) {
	dst = append(dst, `{"status":"ok","conversations":[`...)
	for i := range page {
		c := &page[i]
		before := len(dst)
		if i > 0 {
			dst = append(dst, ',')
		}
		if wire.IsDirect(c.ConversationID) {
			dst = append(dst, `{"receiverId":`...)
			dst = wire.AppendString(dst, c.PeerID)
			dst = append(dst, `,"directId":`...)
		} else {
			dst = append(dst, `{"conversationId":`...)
		}
		dst = wire.AppendString(dst, c.ConversationID)
		dst = append(dst, `,"lastMessage":`...)
		if c.LastMessage == nil {
			dst = append(dst, `null`...)
		} else {
			dst = rules.AppendStored(dst, c.LastMessage)
		}
		dst = append(dst, `,"lastSeq":`...)
		dst = strconv.AppendInt(dst, c.LastSeq, 10)
		dst = append(dst, `,"readSeq":`...)
		dst = strconv.AppendInt(dst, c.ReadSeq, 10)
		dst = append(dst, `,"unread":`...)
		dst = strconv.AppendInt(dst, max(c.LastSeq-c.ReadSeq, 0), 10)
		dst = append(dst, `,"lastActivityAt":`...)
		dst = wire.AppendTime(dst, c.LastActivityAt)
		dst = append(dst, '}')
		if i > 0 && len(dst) > rules.ReplyBytes {
			dst = dst[:before]
			break
		}
		n++
	}
	dst = append(dst, ']')
	if next != "" {
		dst = append(dst, `,"cursor":`...)
		dst = wire.AppendString(dst, next)
	}
	return append(dst, '}'), n
}

func (s *Session) onGetPresence(o message.Origin, m wire.GetPresence) {
	s.beside(o, func(ctx context.Context) *wire.Error {
		ids := m.UserIDs
		if !s.o.OpenPresence {
			var err error
			if ids, err = s.o.Store.SharedUsers(ctx, o.UserID, ids); err != nil {
				return message.ClientError(err)
			}
		}
		known, err := Presence(ctx, s.o.Store, s.o.Presence, ids)
		if err != nil {
			return message.ClientError(err)
		}
		data := []byte{'{'}
		for i, id := range ids {
			if i > 0 {
				data = append(data, ',')
			}
			data = wire.AppendString(data, id)
			data = append(data, ':')
			data = wire.AppendPresenceStatus(data, known[id])
		}
		s.o.Observe(o.Event, "")
		s.o.Hub.Answer(s.sub, o, append(data, '}'))
		return nil
	})
}

// Presence joins what is known of users now with the store's last-seen
// times of those who are away.
func Presence(ctx context.Context, store repo.Store, live func(context.Context, []string) (map[string]wire.PresenceStatus, error), ids []string) (map[string]wire.PresenceStatus, error) {
	known, err := live(ctx, ids)
	if err != nil {
		return nil, err
	}
	var away []string
	for _, id := range ids {
		if _, ok := known[id]; !ok {
			away = append(away, id)
		}
	}
	if len(away) == 0 {
		return known, nil
	}
	seen, err := store.LastSeen(ctx, away)
	if err != nil {
		return nil, err
	}
	for _, id := range away {
		known[id] = wire.PresenceStatus{LastSeen: seen[id]}
	}
	return known, nil
}
