package rows

import (
	"context"
	"errors"
	"fmt"
)

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
	db, err := open(where, true)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	found, err := db.QueryContext(ctx, marks, prefix+"%")
	if err != nil {
		return nil, fmt.Errorf("read the participant table: %w", err)
	}
	defer func() { err = errors.Join(err, found.Close()) }()
	for found.Next() {
		var m Mark
		if err := found.Scan(&m.ConversationID, &m.UserID, &m.Seq); err != nil {
			return nil, fmt.Errorf("read the participant table: %w", err)
		}
		all = append(all, m)
	}
	return all, found.Err()
}
