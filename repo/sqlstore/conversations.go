package sqlstore

import (
	"context"
	"database/sql"
	"encoding/base64"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/corrillo/corrillo/repo"
)

// Conversations implements repo.Store. A limit of 0 or less means 50. The
// cursor is where the last page ended, by activity and id: a conversation
// that moves to the top in between is not seen again and hides no other.
func (s *Store) Conversations(ctx context.Context, userID, cursor string, limit int) ([]repo.ConversationSummary, string, error) {
	if limit <= 0 {
		limit = defaultLimit
	}
	text, args := s.texts.conversations, []any{userID}
	if cursor != "" {
		at, id, err := parseCursor(cursor)
		if err != nil {
			return nil, "", err
		}
		text, args = s.texts.nextPage, append(args, at, at, id)
	}
	if !validID(userID) {
		return nil, "", nil
	}
	var page []repo.ConversationSummary
	err := s.query(ctx, "list conversations", func() { page = page[:0] }, text, append(args, limit+1), func(rows *sql.Rows) error {
		var (
			c    repo.ConversationSummary
			peer sql.NullString
			at   timeValue
		)
		err := rows.Scan(&c.ConversationID, &peer, &c.LastSeq, &c.ReadSeq, &at)
		c.PeerID, c.LastActivityAt = peer.String, at.Time
		page = append(page, c)
		return err
	})
	if err != nil {
		return nil, "", err
	}
	page, more := cut(page, limit)
	if err := s.addLastMessages(ctx, page); err != nil {
		return nil, "", err
	}
	next := ""
	if more {
		last := page[len(page)-1]
		next = makeCursor(last.LastActivityAt, last.ConversationID)
	}
	return page, next, nil
}

// addLastMessages reads the last message of each conversation, all at once.
func (s *Store) addLastMessages(ctx context.Context, page []repo.ConversationSummary) error {
	at := make(map[string]int, len(page))
	var keys []any
	for i := range page {
		if page[i].LastSeq > 0 {
			at[page[i].ConversationID] = i
			keys = append(keys, page[i].ConversationID, page[i].LastSeq)
		}
	}
	for part := range chunks(keys, 2*s.d.MaxKeys) {
		messages, err := s.messages(ctx, "read last messages", s.texts.of(kindBySeq, len(part)/2), part...)
		if err != nil {
			return err
		}
		for i := range messages {
			page[at[messages[i].ConversationID]].LastMessage = &messages[i]
		}
	}
	return nil
}

func makeCursor(at time.Time, id string) string {
	return base64.RawURLEncoding.EncodeToString(strconv.AppendInt(nil, at.UnixMilli(), 36)) + "." +
		base64.RawURLEncoding.EncodeToString([]byte(id))
}

func parseCursor(cursor string) (at, id string, err error) {
	bad := fmt.Errorf("list conversations: %w", repo.ErrInvalidCursor)
	head, tail, ok := strings.Cut(cursor, ".")
	if !ok {
		return "", "", bad
	}
	rawAt, err := base64.RawURLEncoding.DecodeString(head)
	if err != nil {
		return "", "", bad
	}
	rawID, err := base64.RawURLEncoding.DecodeString(tail)
	if err != nil || !validID(string(rawID)) {
		return "", "", bad
	}
	ms, err := strconv.ParseInt(string(rawAt), 36, 64)
	if t := time.UnixMilli(ms).UTC(); err != nil || t.Year() < 1000 || t.Year() > 9999 {
		return "", "", bad
	}
	return stamp(time.UnixMilli(ms)), string(rawID), nil
}
