package rows

import "context"

// Mark is a user's stored read mark in a conversation.
type Mark struct {
	ConversationID string
	UserID         string
	Seq            int64
}

const marks = `SELECT conversationId, userId, lastReadSeq FROM corrillo_participant WHERE conversationId LIKE ?`

// Marks returns the read marks of every conversation whose id begins with
// prefix, in no order. Prefix and where are as with Read.
func Marks(ctx context.Context, where, prefix string) (all []Mark, err error) {
	err = each(ctx, where, "participant", marks, prefix, func(scan func(...any) error) error {
		var m Mark
		err := scan(&m.ConversationID, &m.UserID, &m.Seq)
		all = append(all, m)
		return err
	})
	return all, err
}
