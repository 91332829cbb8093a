package rows

import "context"

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
	err = each(ctx, where, "message", contents, prefix, func(scan func(...any) error) error {
		var c Content
		err := scan(&c.ConversationID, &c.ID, &c.SenderID, &c.TempID, &c.Rev, &c.Content, &c.Deleted)
		all = append(all, c)
		return err
	})
	return all, err
}

const lastRevs = `SELECT id, lastRev FROM corrillo_conversation WHERE id LIKE ?`

// LastRevs returns how far each conversation whose id begins with prefix has
// counted its edits and deletions, by its id. Prefix and where are as with Read.
func LastRevs(ctx context.Context, where, prefix string) (all map[string]int64, err error) {
	all = map[string]int64{}
	err = each(ctx, where, "conversation", lastRevs, prefix, func(scan func(...any) error) error {
		var id string
		var rev int64
		err := scan(&id, &rev)
		all[id] = rev
		return err
	})
	return all, err
}
