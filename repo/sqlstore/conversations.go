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
	whole, err := s.addLastMessages(ctx, page)
	if err != nil {
		return nil, "", err
	}
	if whole < len(page) {
		page, more = page[:whole], true
	}
	next := ""
	if more {
		last := page[len(page)-1]
		next = makeCursor(last.LastActivityAt, last.ConversationID)
	}
	return page, next, nil
}

// addLastMessages reads the last message of each conversation, all at once. It
// returns how many conversations of the page have theirs: the others' were too
// many bytes.
func (s *Store) addLastMessages(ctx context.Context, page []repo.ConversationSummary) (whole int, err error) {
	at := make(map[string]int, len(page))
	var keys []any
	for i := range page {
		if page[i].LastSeq > 0 {
			at[page[i].ConversationID] = i
			keys = append(keys, page[i].ConversationID, page[i].LastSeq)
		}
	}
	bytes, cut := 0, false
	read := func(keys []any) error {
		messages, full, err := s.messages(ctx, "read last messages", s.texts.of(kindBySeq, len(keys)/2), keys...)
		for i := range messages {
			page[at[messages[i].ConversationID]].LastMessage = &messages[i]
			bytes += messages[i].Size()
		}
		cut = cut || full || bytes > repo.PageBytes
		return err
	}
	for part := range chunks(keys, 2*s.d.MaxKeys) {
		if cut {
			break
		}
		if err := read(part); err != nil {
			return 0, err
		}
	}
	if !cut {
		return len(page), nil
	}
	if page[0].LastSeq > 0 && page[0].LastMessage == nil { // they come in any order
		return 1, read(keys[:2])
	}
	for whole < len(page) && (page[whole].LastSeq == 0 || page[whole].LastMessage != nil) {
		whole++
	}
	return whole, nil
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
