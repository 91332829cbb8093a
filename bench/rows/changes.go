package rows

import (
	"context"
	"errors"
	"fmt"
)

// Content is what a message says now, and how it came to that.
type Content struct {
	ConversationID string
	ID             string
	SenderID       string
	TempID         string // empty: NULL
	Rev            int64  // 0: it was not changed
	Content        string
	Deleted        bool
}

const contents = `SELECT conversationId, id, senderId, COALESCE(tempId, ''), rev, content, deletedAt IS NOT NULL
	FROM corrillo_message WHERE conversationId LIKE ?`

// Contents returns what every message says whose conversation's id begins with
// prefix, in no order. Prefix and where are as with Read.
func Contents(ctx context.Context, where, prefix string) (all []Content, err error) {
	db, err := open(where, true)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	found, err := db.QueryContext(ctx, contents, prefix+"%")
	if err != nil {
		return nil, fmt.Errorf("read the message table: %w", err)
	}
	defer func() { err = errors.Join(err, found.Close()) }()
	for found.Next() {
		var c Content
		if err := found.Scan(&c.ConversationID, &c.ID, &c.SenderID, &c.TempID, &c.Rev, &c.Content, &c.Deleted); err != nil {
			return nil, fmt.Errorf("read the message table: %w", err)
		}
		all = append(all, c)
	}
	return all, found.Err()
}

const lastRevs = `SELECT id, lastRev FROM corrillo_conversation WHERE id LIKE ?`

// LastRevs returns how far each conversation whose id begins with prefix has
// counted its edits and deletions, by its id. Prefix and where are as with Read.
func LastRevs(ctx context.Context, where, prefix string) (all map[string]int64, err error) {
	db, err := open(where, true)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	found, err := db.QueryContext(ctx, lastRevs, prefix+"%")
	if err != nil {
		return nil, fmt.Errorf("read the conversation table: %w", err)
	}
	defer func() { err = errors.Join(err, found.Close()) }()
	all = map[string]int64{}
	for found.Next() {
		var id string
		var rev int64
		if err := found.Scan(&id, &rev); err != nil {
			return nil, fmt.Errorf("read the conversation table: %w", err)
		}
		all[id] = rev
	}
	return all, found.Err()
}
