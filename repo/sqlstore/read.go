package sqlstore

import (
	"context"
	"database/sql"
	"errors"
	"math"
	"slices"

	"github.com/corrillo/corrillo/repo"
)

// defaultLimit is the length of a page whose query names none.
const defaultLimit = 50

// errEnough ends a query before its last row.
var errEnough = errors.New("enough was read")

// query runs a SELECT on one connection of the reader and hands its rows to
// each, which ends it with errEnough; it is run again when the connection was
// lost. reset is called before each try.
func (s *Store) query(ctx context.Context, what string, reset func(), text string, args []any, each func(rows *sql.Rows) error) error {
	return s.again(ctx, what, func() error {
		reset()
		conn, err := s.acquire(ctx, s.reader)
		if err != nil {
			return err
		}
		defer func() {
			// What is wrong with the connection has been reported by its use.
			_ = conn.Close()
		}()
		return readRows(ctx, conn, text, args, each)
	})
}

// readRows runs a SELECT once and hands its rows to each.
func readRows(ctx context.Context, conn *sql.Conn, text string, args []any, each func(rows *sql.Rows) error) error {
	rows, err := conn.QueryContext(ctx, text, args...)
	if err != nil {
		return err
	}
	for rows.Next() {
		switch err := each(rows); {
		case errors.Is(err, errEnough):
			return closeAfter(rows, nil)
		case err != nil:
			return closeAfter(rows, err)
		}
	}
	return closeAfter(rows, nil)
}

// collector takes up the messages of a page. full: it ended at repo.PageBytes.
type collector struct {
	page  []repo.Message
	full  bool
	bytes int
}

func (c *collector) reset() { *c = collector{page: c.page[:0]} }

func (c *collector) add(rows *sql.Rows) error {
	var m repo.Message
	if err := scanMessage(rows, &m); err != nil {
		return err
	}
	if c.bytes += m.Size(); c.bytes > repo.PageBytes && len(c.page) > 0 {
		c.full = true
		return errEnough
	}
	c.page = append(c.page, m)
	return nil
}

// messages runs a SELECT of messageColumns. full reports that it ended at
// repo.PageBytes.
func (s *Store) messages(ctx context.Context, what, text string, args ...any) (page []repo.Message, full bool, err error) {
	c := collector{}
	err = s.query(ctx, what, c.reset, text, args, c.add)
	if c.full {
		s.pagesCut.Add(1)
	}
	return c.page, c.full, err
}

// Messages implements repo.Store. A Limit of 0 or less means 50.
func (s *Store) Messages(ctx context.Context, q repo.MessageQuery) ([]repo.Message, bool, error) {
	if !validID(q.ConversationID) {
		return nil, false, nil
	}
	if q.BeforeSeq <= 0 {
		q.BeforeSeq = math.MaxInt64
	}
	if q.Limit <= 0 {
		q.Limit = defaultLimit
	}
	page, full, ok := s.replicaPage(ctx, q)
	if !ok {
		var err error
		text, args := s.pageText(&q)
		if page, full, err = s.messages(ctx, "read messages", text, args...); err != nil {
			return nil, false, err
		}
	}
	page, more := cut(page, q.Limit)
	if !q.FromOldest {
		slices.Reverse(page)
	}
	return page, more || full, nil
}

// pageText gives the SELECT of a page and of the message behind it.
func (s *Store) pageText(q *repo.MessageQuery) (text string, args []any) {
	text = s.texts.pageBackward
	if q.FromOldest {
		text = s.texts.pageForward
	}
	return text, []any{q.ConversationID, q.AfterSeq, q.BeforeSeq, q.Limit + 1}
}

// Changes implements repo.Store. A limit of 0 or less means 50.
func (s *Store) Changes(ctx context.Context, conversationID string, afterRev, throughRev int64, limit int) ([]repo.Message, bool, error) {
	if !validID(conversationID) {
		return nil, false, nil
	}
	if limit <= 0 {
		limit = defaultLimit
	}
	page, full, err := s.messages(ctx, "read changes", s.texts.changes, conversationID, afterRev, throughRev, limit+1)
	if err != nil {
		return nil, false, err
	}
	page, more := cut(page, limit)
	return page, more || full, nil
}

// cut takes away what was read to see whether there is more.
func cut[T any](page []T, limit int) ([]T, bool) {
	if len(page) > limit {
		return page[:limit], true
	}
	return page, false
}

// FindMessage implements repo.Store.
func (s *Store) FindMessage(ctx context.Context, id string) (repo.Message, error) {
	if !validID(id) {
		return repo.Message{}, repo.ErrNotFound
	}
	page, _, err := s.messages(ctx, "find message", s.texts.findMessage, id)
	if err != nil {
		return repo.Message{}, err
	}
	if len(page) == 0 {
		return repo.Message{}, repo.ErrNotFound
	}
	return page[0], nil
}

// SharedUsers implements repo.Store.
func (s *Store) SharedUsers(ctx context.Context, userID string, userIDs []string) ([]string, error) {
	var shared []string
	if !validID(userID) {
		return nil, nil
	}
	for part := range chunks(validIDs(userIDs), s.d.MaxKeys) {
		kept := len(shared)
		args := append([]any{userID}, part...)
		err := s.query(ctx, "find shared users", func() { shared = shared[:kept] }, s.texts.of(kindSharedUsers, len(part)), args,
			func(rows *sql.Rows) error {
				var id string
				err := rows.Scan(&id)
				shared = append(shared, id)
				return err
			})
		if err != nil {
			return nil, err
		}
	}
	return shared, nil
}

// validIDs keeps what can be in the tables, each once.
func validIDs(ids []string) []any {
	out := make([]any, 0, len(ids))
	seen := make(map[string]bool, len(ids))
	for _, id := range ids {
		if validID(id) && !seen[id] {
			seen[id] = true
			out = append(out, id)
		}
	}
	return out
}
