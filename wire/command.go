package wire

import "encoding/json"

// Event names that clients send.
const (
	EventIdentify          = "identify"
	EventJoinConversation  = "join_conversation"
	EventLeaveConversation = "leave_conversation"
	EventSendMessage       = "send_message"
	EventTyping            = "typing" // sent by clients and by the server
	EventMarkRead          = "mark_read"
	EventReadMessage       = "read_message" // another name of mark_read
	EventHeartbeat         = "heartbeat"
	EventEditMessage       = "edit_message"
	EventDeleteMessage     = "delete_message"
	EventGetHistory        = "get_history"
	EventGetConversations  = "get_conversations"
	EventGetMembers        = "get_members"
	EventGetPresence       = "get_presence"
)

// MaxIDLength bounds every id (user, conversation, message, tempId) in bytes:
// the width of the store's VARCHAR(191) columns.
const MaxIDLength = 191

// MaxHistoryLimit is the largest page that get_history, get_conversations and
// get_members return, and the largest `missed` page of a join.
const MaxHistoryLimit = 200

// Command is one decoded and validated request of a client. The set is
// closed: the types of this file.
type Command interface {
	// Name is the event name the client used.
	Name() string
}

// Address names a conversation, either by its id or by the other person of a
// direct message. When both are given the conversation wins and ReceiverID is
// only passed along.
type Address struct {
	ConversationID string
	ReceiverID     string
}

// Resolve returns the id under which the conversation is stored: the
// ConversationID, or else the DirectID of self and ReceiverID.
func (a Address) Resolve(self string) string {
	if a.ConversationID != "" {
		return a.ConversationID
	}
	if a.ReceiverID == "" {
		return ""
	}
	return DirectID(self, a.ReceiverID)
}

// Identify says who speaks on this session.
type Identify struct {
	UserID   string
	Username string // UserID when the client gave none
	Token    string // empty when the client gave none
}

// JoinConversation asks for the live events of a conversation. AfterSeq and
// AfterRev are -1 when the client gave none.
type JoinConversation struct {
	Address
	AfterSeq int64
	AfterRev int64
}

// LeaveConversation ends what JoinConversation began.
type LeaveConversation struct{ Address }

// SendMessage posts a message. Metadata, ReplyTo and Extra own their bytes.
type SendMessage struct {
	Address
	SenderID string // as claimed; never decides who speaks
	Content  string
	TempID   string // idempotency key, empty when the client gave none; a number is marked, see AppendTempID
	Type     string // "text" when the client gave none
	Metadata json.RawMessage
	ReplyTo  json.RawMessage
	// Extra holds the unknown top-level fields as the inside of a JSON
	// object, `"k":v,"k2":v2`, in the order given; nil when there are none.
	Extra []byte
}

// Typing says that the user types, or stopped.
type Typing struct {
	Address
	IsTyping bool
}

// MarkRead moves the user's read mark up to a message, named by id or, with a
// conversation, by Seq (0 when the id is given).
type MarkRead struct {
	Address
	Event     string // mark_read or read_message
	MessageID string
	Seq       int64
}

// Heartbeat renews presence.
type Heartbeat struct{}

// EditMessage replaces the content of a message of one's own.
type EditMessage struct {
	Address
	MessageID string
	Content   string
}

// DeleteMessage turns a message of one's own into a tombstone.
type DeleteMessage struct {
	Address
	MessageID string
}

// GetHistory asks for a page of messages, ascending by seq: the last Limit
// before BeforeSeq, or the first Limit after AfterSeq. The one not given is
// -1; with neither it is the newest page.
type GetHistory struct {
	Address
	BeforeSeq int64
	AfterSeq  int64
	Limit     int // 1..MaxHistoryLimit, 50 when the client gave none
}

// GetConversations asks for the user's conversations, newest activity first.
type GetConversations struct {
	Limit  int // 1..200, 50 when the client gave none
	Cursor string
}

// GetMembers asks who takes part in a conversation, ordered by user id.
type GetMembers struct {
	Address
	Limit  int    // 1..MaxHistoryLimit, 50 when the client gave none
	Cursor string // as an earlier page gave it; empty: from the first
}

// GetPresence asks who of UserIDs is online.
type GetPresence struct{ UserIDs []string }

// Passthrough is an event whose name the operator has listed: relayed to the
// others there with senderId set by the server, never stored.
type Passthrough struct {
	Address
	Event string
	// Fields is the inside of the client's JSON object without senderId.
	Fields []byte
}

// Name implements Command.
func (Identify) Name() string { return EventIdentify }

// Name implements Command.
func (JoinConversation) Name() string { return EventJoinConversation }

// Name implements Command.
func (LeaveConversation) Name() string { return EventLeaveConversation }

// Name implements Command.
func (SendMessage) Name() string { return EventSendMessage }

// Name implements Command.
func (Typing) Name() string { return EventTyping }

// Name implements Command.
func (m MarkRead) Name() string { return m.Event }

// Name implements Command.
func (Heartbeat) Name() string { return EventHeartbeat }

// Name implements Command.
func (EditMessage) Name() string { return EventEditMessage }

// Name implements Command.
func (DeleteMessage) Name() string { return EventDeleteMessage }

// Name implements Command.
func (GetHistory) Name() string { return EventGetHistory }

// Name implements Command.
func (GetConversations) Name() string { return EventGetConversations }

// Name implements Command.
func (GetMembers) Name() string { return EventGetMembers }

// Name implements Command.
func (GetPresence) Name() string { return EventGetPresence }

// Name implements Command.
func (p Passthrough) Name() string { return p.Event }
