package sqlstore

import (
	"context"
	"database/sql"

	"github.com/corrillo/corrillo/repo"
)

// Members implements repo.Store. A limit of 0 or less means 50. The primary
// key of the table is (conversationId, userId): a page is a range of it, read
// in its order.
func (s *Store) Members(ctx context.Context, conversationID, afterUserID string, limit int) ([]repo.Participant, bool, error) {
	if !validID(conversationID) || afterUserID != "" && !validID(afterUserID) {
		return nil, false, nil
	}
	if limit <= 0 {
		limit = defaultLimit
	}
	var page []repo.Participant
	args := []any{conversationID, afterUserID, limit + 1}
	err := s.query(ctx, "list members", func() { page = page[:0] }, s.texts.members, args, func(rows *sql.Rows) error {
		p, err := scanParticipant(rows)
		page = append(page, p)
		return err
	})
	if err != nil {
		return nil, false, err
	}
	page, more := cut(page, limit)
	return page, more, nil
}

// scanParticipant reads the columns of texts.participants and texts.members.
func scanParticipant(rows *sql.Rows) (repo.Participant, error) {
	var (
		p       repo.Participant
		peer    sql.NullString
		removed timeValue
	)
	err := rows.Scan(&p.ConversationID, &p.UserID, &peer, &p.Role, &p.LastReadSeq, &removed)
	p.PeerID, p.RemovedAt = peer.String, removed.Time
	return p, err
}
