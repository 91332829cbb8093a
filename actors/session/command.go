package session

import (
	"crypto/sha256"
	"slices"
	"time"

	"github.com/google/uuid"

	"github.com/corrillo/corrillo/actors/locator"
	"github.com/corrillo/corrillo/actors/message"
	"github.com/corrillo/corrillo/repo"
	"github.com/corrillo/corrillo/wire"
)

// onCommand runs one command, or keeps it for after identify.
func (s *Session) onCommand(c command) {
	s.last = max(s.last, c.origin.Serial)
	if id, ok := c.cmd.(wire.Identify); ok {
		s.onIdentify(c.origin, id)
		return
	}
	if s.identity == nil {
		if _, beat := c.cmd.(wire.Heartbeat); !beat {
			s.keep(c)
			return
		}
	}
	s.run(c)
}

// keep holds a command back until identify: the stock client flushes what it
// buffered offline before its connect handlers run.
func (s *Session) keep(c command) {
	if s.early == nil {
		s.early = &early{end: time.Now().Add(s.o.EarlyWait)}
	}
	e := s.early
	if n := len(e.commands); n >= s.o.EarlyEvents || n > 0 && e.bytes+c.size > s.o.EarlyBytes {
		s.refuse(c.origin, tempID(c.cmd), notIdentified())
		return
	}
	e.commands = append(e.commands, c)
	e.bytes += c.size
	s.plan()
}

// takeEarly returns what was kept, and keeps it no longer.
func (s *Session) takeEarly() []command {
	e := s.early
	if e == nil {
		return nil
	}
	s.early = nil
	return e.commands
}

func (s *Session) onIdentify(o message.Origin, m wire.Identify) {
	id, e := s.identify(m)
	if e == nil {
		e = s.become(id)
	}
	if e != nil {
		s.refuse(o, "", e)
		return
	}
	s.o.Observe(o.Event, "")
	data := append([]byte(`{"status":"ok","userId":`), wire.AppendString(nil, s.identity.UserID)...)
	data = append(data, `,"sessionId":`...)
	data = wire.AppendString(data, s.o.Hub.SID(s.sub))
	data = append(data, `,"serverTime":`...)
	data = wire.AppendTime(data, time.Now())
	s.o.Hub.Answer(s.sub, o, append(data, '}'))
	for _, c := range s.takeEarly() {
		s.run(c)
	}
	s.plan()
}

func (s *Session) run(c command) {
	o := c.origin
	if s.identity != nil {
		o.UserID, o.Username = s.identity.UserID, s.identity.Username
	}
	switch m := c.cmd.(type) {
	case wire.Heartbeat:
		s.onHeartbeat(o)
	case wire.SendMessage:
		s.onSend(o, m)
	case wire.Typing:
		s.onTyping(o, m)
	case wire.JoinConversation:
		s.onJoin(o, m)
	case wire.LeaveConversation:
		s.toConversation(o, m.Address, "", func(o message.Origin) any { return &message.Leave{Origin: o} })
	case wire.GetHistory:
		s.toConversation(o, m.Address, "", func(o message.Origin) any {
			return &message.GetHistory{Origin: o, BeforeSeq: m.BeforeSeq, AfterSeq: m.AfterSeq, Limit: m.Limit}
		})
	case wire.GetMembers:
		s.toConversation(o, m.Address, "", func(o message.Origin) any {
			return &message.GetMembers{Origin: o, Limit: m.Limit, Cursor: m.Cursor}
		})
	case wire.Passthrough:
		s.toConversation(o, m.Address, "", func(o message.Origin) any {
			return &message.PassEvent{Origin: o, Event: m.Event, Data: appendPassthrough(nil, o.UserID, m.Fields)}
		})
	case wire.MarkRead:
		s.onMark(o, m)
	case wire.EditMessage:
		s.toMessage(o, m.Address, m.MessageID, func(o message.Origin) any {
			return &message.EditMessage{Origin: o, MessageID: m.MessageID, Content: m.Content, At: time.Now()}
		})
	case wire.DeleteMessage:
		s.toMessage(o, m.Address, m.MessageID, func(o message.Origin) any {
			return &message.DeleteMessage{Origin: o, MessageID: m.MessageID, At: time.Now()}
		})
	case wire.GetConversations:
		s.onGetConversations(o, m)
	case wire.GetPresence:
		s.onGetPresence(o, m)
	default:
		s.o.Unknown.Add(1)
		s.refuse(o, "", wire.Errorf(wire.CodeInvalidPayload, "this server does not know the event"))
	}
}

func (s *Session) onHeartbeat(o message.Origin) {
	now := time.Now()
	s.o.Observe(o.Event, "")
	data := append(wire.AppendTime([]byte(`{"serverTime":`), now), '}')
	s.o.Hub.Answer(s.sub, o, slices.Clone(data))
	s.o.Hub.Emit(s.sub, wire.EventHeartbeatAck, data)
	if s.identity != nil {
		_ = s.o.Locator.Tell(locator.User, s.identity.UserID, &message.Beat{At: now}) // else the next one says it
	}
}

// onTyping answers at once when the node has better things to do: others are
// told too little then, and what they were told expires.
func (s *Session) onTyping(o message.Origin, m wire.Typing) {
	if s.o.Load.Sheds(message.WorkTyping) {
		s.o.Load.Shed(message.WorkTyping)
		s.o.Observe(o.Event, "")
		s.o.Hub.Answer(s.sub, o, []byte(`{"status":"ok"}`))
		return
	}
	s.toConversation(o, m.Address, "", func(o message.Origin) any {
		return &message.SetTyping{Origin: o, IsTyping: m.IsTyping}
	})
}

// onJoin asks the conversation to take the session in. One that it has joined
// already it may always join again: that reads what was missed.
func (s *Session) onJoin(o message.Origin, m wire.JoinConversation) {
	full := s.o.JoinedMax > 0 && s.o.Hub.Joined(s.sub) >= s.o.JoinedMax
	shed := s.o.Load.Sheds(message.WorkJoin)
	if (full || shed) && !s.o.Hub.Listens(s.sub, m.Resolve(o.UserID)) {
		if full {
			s.refuse(o, "", wire.Errorf(wire.CodeRateLimited, "this session has joined %d conversations already", s.o.JoinedMax))
			return
		}
		s.o.Load.Shed(message.WorkJoin)
		s.refuse(o, "", wire.Errorf(wire.CodeOverloaded, "the server is too busy for more listeners; try again"))
		return
	}
	s.toConversation(o, m.Address, "", func(o message.Origin) any {
		return &message.Join{Origin: o, AfterSeq: m.AfterSeq, AfterRev: m.AfterRev}
	})
}

func (s *Session) onSend(o message.Origin, m wire.SendMessage) {
	if m.SenderID != "" && m.SenderID != o.UserID {
		s.refuse(o, m.TempID, wire.Errorf(wire.CodeForbidden, "senderId is not who this session is identified as"))
		return
	}
	if s.o.Draining.Load() {
		s.refuse(o, m.TempID, wire.Errorf(wire.CodeDraining, "the server is going down: send again after reconnecting"))
		return
	}
	id, err := uuid.NewV7()
	if err != nil {
		s.refuse(o, m.TempID, wire.AsError(err))
		return
	}
	s.toConversation(o, m.Address, m.TempID, func(o message.Origin) any {
		return &message.PostMessage{Origin: o, Message: repo.Message{
			ID: id.String(), SenderID: o.UserID, SenderName: o.Username, ReceiverID: m.ReceiverID,
			TempID: m.TempID, Content: m.Content, Type: m.Type, Metadata: m.Metadata, ReplyTo: m.ReplyTo, Extra: m.Extra,
			Hash: Hash(&m), CreatedAt: time.Now().UTC().Truncate(time.Millisecond),
		}}
	})
}

// Hash identifies a message's original content: what a repeat of its tempId
// is compared with.
func Hash(m *wire.SendMessage) [32]byte {
	h := sha256.New()
	for _, part := range [][]byte{[]byte(m.Content), []byte(m.Type), m.Metadata, m.ReplyTo, m.Extra} {
		var n [4]byte
		n[0], n[1], n[2], n[3] = byte(len(part)>>24), byte(len(part)>>16), byte(len(part)>>8), byte(len(part))
		h.Write(n[:])
		h.Write(part)
	}
	return [32]byte(h.Sum(nil))
}

// toConversation sends a command to the conversation that it names. tempID is
// for a refusal of send_message.
func (s *Session) toConversation(o message.Origin, a wire.Address, tempID string, make func(message.Origin) any) {
	id := a.Resolve(o.UserID)
	if a.ConversationID == "" {
		o.PeerID = a.ReceiverID
	}
	s.send(o, id, tempID, make)
}

func (s *Session) send(o message.Origin, conversationID, tempID string, make func(message.Origin) any) {
	o.Claimed = slices.Contains(s.identity.Conversations, conversationID)
	if s.sub.Begin() > s.o.InFlight {
		s.sub.Cancel()
		s.refuse(o, tempID, wire.Errorf(wire.CodeOverloaded, "too many commands of this session are under way"))
		return
	}
	if err := s.o.Locator.Tell(locator.Conversation, conversationID, make(o)); err != nil {
		s.sub.Cancel()
		s.refuse(o, tempID, wire.Errorf(wire.CodeOverloaded, "too much waits for this conversation"))
		return
	}
	s.o.Observe(o.Event, "")
}

func (s *Session) refuse(o message.Origin, tempID string, e *wire.Error) {
	s.o.Observe(o.Event, e.Code)
	s.o.Hub.Refuse(s.sub, o, tempID, e)
}

// tempID returns the tempId of a command that has one.
func tempID(cmd wire.Command) string {
	if m, ok := cmd.(wire.SendMessage); ok {
		return m.TempID
	}
	return ""
}

// appendPassthrough appends the client's object with senderId set.
func appendPassthrough(dst []byte, senderID string, fields []byte) []byte {
	dst = append(dst, `{"senderId":`...)
	dst = wire.AppendString(dst, senderID)
	if len(fields) > 0 {
		dst = append(append(dst, ','), fields...)
	}
	return append(dst, '}')
}
