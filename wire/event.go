package wire

import (
	"encoding/json"
	"strconv"
	"time"
)

// Event names that the server sends (beside EventTyping and passthrough).
const (
	EventMessageAck     = "message_ack"
	EventNewMessage     = "new_message"
	EventHeartbeatAck   = "heartbeat_ack"
	EventMessageRead    = "message_read"
	EventPresence       = "presence"
	EventMessageUpdated = "message_updated"
	EventMessageDeleted = "message_deleted"
	EventNotification   = "notification"
	EventSessionRevoked = "session_revoked"
	EventError          = "error"
)

// Message is a stored message as clients see it: the payload of new_message,
// message_updated and of history pages. ConversationID is always the id under
// which it is stored; for a direct message it goes out as directId beside
// receiverId, and no conversationId is sent.
type Message struct {
	ID             string
	ConversationID string
	ReceiverID     string // set for a direct message; else only passed along
	Seq            int64
	Rev            int64 // 0: never edited or deleted
	SenderID       string
	SenderName     string
	Content        string
	Type           string
	Metadata       json.RawMessage // nil: absent
	ReplyTo        json.RawMessage // nil: absent
	Extra          []byte          // see SendMessage.Extra
	TempID         string
	CreatedAt      time.Time
	EditedAt       time.Time // zero: never edited
	DeletedAt      time.Time // zero: not deleted
	DeletedBy      string
}

// AppendMessage appends m as a JSON object. A deleted message is a tombstone:
// its content is empty, metadata and extra fields are gone.
func AppendMessage(dst []byte, m *Message) []byte {
	dst = append(dst, `{"id":`...)
	dst = AppendString(dst, m.ID)
	dst = appendAddress(dst, m.ConversationID, m.ReceiverID)
	dst = append(dst, `,"seq":`...)
	dst = strconv.AppendInt(dst, m.Seq, 10)
	if m.Rev > 0 {
		dst = append(dst, `,"rev":`...)
		dst = strconv.AppendInt(dst, m.Rev, 10)
	}
	dst = append(dst, `,"senderId":`...)
	dst = AppendString(dst, m.SenderID)
	dst = append(dst, `,"senderName":`...)
	dst = AppendString(dst, m.SenderName)
	dst = append(dst, `,"content":`...)
	dst = AppendString(dst, m.Content)
	dst = append(dst, `,"type":`...)
	dst = AppendString(dst, m.Type)
	if m.Metadata != nil {
		dst = append(dst, `,"metadata":`...)
		dst = append(dst, m.Metadata...)
	}
	if m.ReplyTo != nil {
		dst = append(dst, `,"replyTo":`...)
		dst = append(dst, m.ReplyTo...)
	}
	if m.TempID != "" {
		dst = append(dst, `,"tempId":`...)
		dst = AppendTempID(dst, m.TempID)
	}
	dst = append(dst, `,"createdAt":`...)
	dst = AppendTime(dst, m.CreatedAt)
	if !m.EditedAt.IsZero() {
		dst = append(dst, `,"editedAt":`...)
		dst = AppendTime(dst, m.EditedAt)
	}
	if !m.DeletedAt.IsZero() {
		dst = append(dst, `,"deletedAt":`...)
		dst = AppendTime(dst, m.DeletedAt)
		dst = append(dst, `,"deletedBy":`...)
		dst = AppendString(dst, m.DeletedBy)
	}
	if len(m.Extra) > 0 {
		dst = append(dst, ',')
		dst = append(dst, m.Extra...)
	}
	return append(dst, '}')
}

// appendAddress appends `,"conversationId":..` or, for a direct conversation,
// `,"receiverId":..,"directId":..`; a receiverId that came along with a
// conversation is passed on.
func appendAddress(dst []byte, conversationID, receiverID string) []byte {
	direct := IsDirect(conversationID)
	if !direct {
		dst = append(dst, `,"conversationId":`...)
		dst = AppendString(dst, conversationID)
	}
	if receiverID != "" {
		dst = append(dst, `,"receiverId":`...)
		dst = AppendString(dst, receiverID)
	}
	if direct {
		dst = append(dst, `,"directId":`...)
		dst = AppendString(dst, conversationID)
	}
	return dst
}

// AppendAck appends the `message_ack` object of a saved message.
func AppendAck(dst []byte, tempID, messageID, conversationID string, seq int64, createdAt time.Time) []byte {
	dst = append(dst, `{"tempId":`...)
	if tempID == "" {
		dst = append(dst, `null`...)
	} else {
		dst = AppendTempID(dst, tempID)
	}
	dst = append(dst, `,"messageId":`...)
	dst = AppendString(dst, messageID)
	dst = appendAddress(dst, conversationID, "")
	dst = append(dst, `,"seq":`...)
	dst = strconv.AppendInt(dst, seq, 10)
	dst = append(dst, `,"createdAt":`...)
	dst = AppendTime(dst, createdAt)
	return append(dst, `,"status":"sent"}`...)
}

// AppendNack appends the `message_ack` object of a message that was not
// saved.
func AppendNack(dst []byte, tempID string, e *Error) []byte {
	dst = append(dst, `{"tempId":`...)
	if tempID == "" {
		dst = append(dst, `null`...)
	} else {
		dst = AppendTempID(dst, tempID)
	}
	dst = append(dst, `,"status":"failed","error":`...)
	dst = AppendError(dst, e, "", "")
	return append(dst, '}')
}

// AppendRefusal appends the reply of any other request that failed:
// {status: "error", error: {code, message, retryable}}.
func AppendRefusal(dst []byte, e *Error) []byte {
	dst = append(dst, `{"status":"error","error":`...)
	dst = AppendError(dst, e, "", "")
	return append(dst, '}')
}

// AppendTyping appends the payload of `typing`.
func AppendTyping(dst []byte, conversationID, receiverID, userID, username string, isTyping bool) []byte {
	dst = append(dst, `{"userId":`...)
	dst = AppendString(dst, userID)
	dst = append(dst, `,"username":`...)
	dst = AppendString(dst, username)
	dst = appendAddress(dst, conversationID, receiverID)
	dst = append(dst, `,"isTyping":`...)
	dst = AppendBool(dst, isTyping)
	return append(dst, '}')
}

// AppendMessageRead appends the payload of `message_read`. receiverID is the
// other person of a direct conversation as seen by the reader, empty
// otherwise.
func AppendMessageRead(dst []byte, conversationID, receiverID, userID, messageID string, seq int64, readAt time.Time) []byte {
	dst = append(dst, `{"userId":`...)
	dst = AppendString(dst, userID)
	dst = appendAddress(dst, conversationID, receiverID)
	dst = append(dst, `,"messageId":`...)
	dst = AppendString(dst, messageID)
	dst = append(dst, `,"seq":`...)
	dst = strconv.AppendInt(dst, seq, 10)
	dst = append(dst, `,"readAt":`...)
	dst = AppendTime(dst, readAt)
	return append(dst, '}')
}

// AppendMessageDeleted appends the payload of `message_deleted`.
func AppendMessageDeleted(dst []byte, conversationID, receiverID, messageID string, seq, rev int64, deletedBy string) []byte {
	dst = append(dst, `{"messageId":`...)
	dst = AppendString(dst, messageID)
	dst = appendAddress(dst, conversationID, receiverID)
	dst = append(dst, `,"seq":`...)
	dst = strconv.AppendInt(dst, seq, 10)
	dst = append(dst, `,"rev":`...)
	dst = strconv.AppendInt(dst, rev, 10)
	dst = append(dst, `,"deletedBy":`...)
	dst = AppendString(dst, deletedBy)
	return append(dst, '}')
}

// AppendPresence appends the payload of `presence`.
func AppendPresence(dst []byte, userID string, p PresenceStatus) []byte {
	dst = append(dst, `{"userId":`...)
	dst = AppendString(dst, userID)
	dst = append(dst, ',')
	dst = appendPresenceFields(dst, p)
	return append(dst, '}')
}

// AppendPresenceStatus appends {status, lastSeen}, the value of one user in
// get_presence's reply.
func AppendPresenceStatus(dst []byte, p PresenceStatus) []byte {
	dst = append(dst, '{')
	dst = appendPresenceFields(dst, p)
	return append(dst, '}')
}

// AppendMember appends {userId, role, readSeq, status, lastSeen}, one line of
// get_members' reply.
func AppendMember(dst []byte, userID, role string, readSeq int64, p PresenceStatus) []byte {
	dst = append(dst, `{"userId":`...)
	dst = AppendString(dst, userID)
	dst = append(dst, `,"role":`...)
	dst = AppendString(dst, role)
	dst = append(dst, `,"readSeq":`...)
	dst = strconv.AppendInt(dst, readSeq, 10)
	dst = append(dst, ',')
	dst = appendPresenceFields(dst, p)
	return append(dst, '}')
}

func appendPresenceFields(dst []byte, p PresenceStatus) []byte {
	dst = append(dst, `"status":`...)
	if p.Online {
		dst = append(dst, `"online"`...)
	} else {
		dst = append(dst, `"offline"`...)
	}
	dst = append(dst, `,"lastSeen":`...)
	if p.LastSeen.IsZero() {
		return append(dst, `null`...)
	}
	return AppendTime(dst, p.LastSeen)
}
