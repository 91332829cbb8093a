package rules

import (
	"strconv"

	"github.com/corrillo/corrillo/repo"
	"github.com/corrillo/corrillo/wire"
)

// JoinReply is the reply to join_conversation. Missed is ascending by seq,
// Changed by rev.
type JoinReply struct {
	ConversationID string
	LastSeq        int64
	LastRev        int64
	ReadSeq        int64
	Missed         []repo.Message
	Changed        []repo.Message
	HasMore        bool // Missed or Changed left some out
}

// AppendJoinReply appends the reply of join_conversation as JSON. Unread is
// LastSeq - ReadSeq. A direct conversation's id is given as directId too.
func AppendJoinReply(dst []byte, r *JoinReply) []byte {
	dst = append(dst, `{"status":"ok"`...)
	dst = appendConversation(dst, r.ConversationID)
	dst = append(dst, `,"lastSeq":`...)
	dst = strconv.AppendInt(dst, r.LastSeq, 10)
	dst = append(dst, `,"lastRev":`...)
	dst = strconv.AppendInt(dst, r.LastRev, 10)
	dst = append(dst, `,"readSeq":`...)
	dst = strconv.AppendInt(dst, r.ReadSeq, 10)
	dst = append(dst, `,"unread":`...)
	dst = strconv.AppendInt(dst, max(0, r.LastSeq-r.ReadSeq), 10)
	dst = append(dst, `,"missed":`...)
	dst = appendMessages(dst, r.Missed)
	dst = append(dst, `,"changed":`...)
	dst = appendMessages(dst, r.Changed)
	dst = append(dst, `,"hasMore":`...)
	dst = wire.AppendBool(dst, r.HasMore)
	return append(dst, '}')
}

// AppendHistoryReply appends the reply of get_history as JSON: the page
// ascending by seq, and whether there is more in the direction it was asked.
func AppendHistoryReply(dst []byte, page []repo.Message, hasMore bool) []byte {
	dst = append(dst, `{"messages":`...)
	dst = appendMessages(dst, page)
	dst = append(dst, `,"hasMore":`...)
	dst = wire.AppendBool(dst, hasMore)
	return append(dst, '}')
}

// AppendStored appends a stored message as clients see it
// (wire.AppendMessage).
func AppendStored(dst []byte, m *repo.Message) []byte {
	w := wire.Message{
		ID: m.ID, ConversationID: m.ConversationID, ReceiverID: m.ReceiverID,
		Seq: m.Seq, Rev: m.Rev, SenderID: m.SenderID, SenderName: m.SenderName,
		Content: m.Content, Type: m.Type, Metadata: m.Metadata, ReplyTo: m.ReplyTo,
		Extra: m.Extra, TempID: m.TempID, CreatedAt: m.CreatedAt, EditedAt: m.EditedAt,
		DeletedAt: m.DeletedAt, DeletedBy: m.DeletedBy,
	}
	if !m.DeletedAt.IsZero() {
		// A tombstone shows nothing of what it was.
		w.Content, w.Metadata, w.ReplyTo, w.Extra = "", nil, nil, nil
	}
	return wire.AppendMessage(dst, &w)
}

func appendMessages(dst []byte, page []repo.Message) []byte {
	dst = append(dst, '[')
	for i := range page {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = AppendStored(dst, &page[i])
	}
	return append(dst, ']')
}

// appendConversation appends `,"conversationId":..` and, for a direct
// conversation, the same id as directId.
func appendConversation(dst []byte, id string) []byte {
	dst = append(dst, `,"conversationId":`...)
	dst = wire.AppendString(dst, id)
	if wire.IsDirect(id) {
		dst = append(dst, `,"directId":`...)
		dst = wire.AppendString(dst, id)
	}
	return dst
}
