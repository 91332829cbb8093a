package message

import "github.com/corrillo/corrillo/wire"

// SessionRef names a session of a node. The zero value names none.
type SessionRef struct {
	Node string // the process start's id
	ID   uint64 // unique on that node
}

// IsZero reports whether the reference names no session.
func (r SessionRef) IsZero() bool { return r.ID == 0 }

// CallRef names a call of a node's Injector that waits for an answer. The
// zero value names none.
type CallRef struct {
	Node string
	ID   uint64
}

// IsZero reports whether the reference names no call.
func (r CallRef) IsZero() bool { return r.ID == 0 }

// Origin says who asks and where the answer goes: a session (a client's
// command) or a call (the back end's). A back end's command is never refused
// for want of membership.
type Origin struct {
	Session SessionRef
	Call    CallRef

	UserID   string
	Username string
	// PeerID is the other person when the client addressed a direct
	// conversation by receiverId; the conversation's id is derived from the
	// two, so it is proven. Empty when the client gave the id itself.
	PeerID string
	// Claimed: the user's token names this conversation in its
	// `conversations` claim.
	Claimed bool

	// Serial numbers the commands of a session, from 1 on.
	Serial uint64
	// Attachment is the number, by the hub's count, of the session's connection
	// that the command came over. The ack goes to that connection only: on a later
	// one the same ack id may stand for another event. 0: any connection.
	Attachment uint64

	// Event is the name the client used, for `error` events.
	Event string
	// Ack is the client's ack id when WantsAck is set.
	Ack      uint64
	WantsAck bool
	// Received is when the client's event was read, in Unix nanoseconds by
	// the clock of the session's node; 0: not known.
	Received int64
}

// FromBackEnd reports whether the command comes from the webhook.
func (o *Origin) FromBackEnd() bool { return !o.Call.IsZero() }

// Reply answers one Origin. It goes through the relay lane of the
// conversation that sends it, so it stays in order with the conversation's
// events.
type Reply struct {
	Origin Origin
	// Err, when set, is the refusal; the session's dialect of failure
	// (message_ack failed, {status:"error"}, `error` event) is made from it.
	Err    *wire.Error
	TempID string // of a refused or acked message
	// Data is the reply's JSON for a session; ignored when Err is set.
	Data []byte
	// Event, when set, is also emitted to the session with Data
	// (message_ack).
	Event string
	// Posted is the answer to a call.
	Posted wire.Posted
}

// OriginOf returns the Origin of a command, nil when cmd is no command.
func OriginOf(cmd any) *Origin {
	switch m := cmd.(type) {
	case *PostMessage:
		return &m.Origin
	case *Join:
		return &m.Origin
	case *Leave:
		return &m.Origin
	case *SetTyping:
		return &m.Origin
	case *MarkRead:
		return &m.Origin
	case *EditMessage:
		return &m.Origin
	case *DeleteMessage:
		return &m.Origin
	case *GetHistory:
		return &m.Origin
	case *GetMembers:
		return &m.Origin
	case *PassEvent:
		return &m.Origin
	case *ChangeMembership:
		return &m.Origin
	case *EmitToUser:
		return &m.Origin
	case *RevokeUser:
		return &m.Origin
	}
	return nil
}
