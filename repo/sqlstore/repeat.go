package sqlstore

import (
	"context"
	"errors"
	"fmt"

	"github.com/corrillo/corrillo/repo"
)

// errUnknownDuplicate: the database names a duplicate and none is found.
var errUnknownDuplicate = errors.New("a unique key is taken and no row has it")

// findRepeats looks up which pending messages are in the table already, by
// tempId or by id, and settles them with what is stored. It returns how many.
func (b *batch) findRepeats(ctx context.Context, live []*work) (int, error) {
	var temps, ids []any
	for _, w := range live {
		for i := range w.items {
			it := &w.items[i]
			if !it.pending() {
				continue
			}
			ids = append(ids, it.m.ID)
			if it.m.TempID != "" {
				temps = append(temps, w.id(), it.m.SenderID, it.m.TempID)
			}
		}
	}
	rows, err := b.s.lookUp(ctx, kindByTemp, temps, 3)
	if err == nil {
		var byID []repo.Message
		byID, err = b.s.lookUp(ctx, kindByID, ids, 1)
		rows = append(rows, byID...)
	}
	if err != nil {
		return 0, fmt.Errorf("find repeats: %w", err)
	}
	byKey := make(map[messageKey]*repo.Message, 2*len(rows))
	for i := range rows {
		r := &rows[i]
		byKey[idKey(r.ID)] = r
		if r.TempID != "" {
			byKey[messageKey{r.ConversationID, r.SenderID, r.TempID}] = r
		}
	}
	found := 0
	for _, w := range live {
		found += w.settleFound(byKey)
	}
	return found, nil
}

// settleFound answers the pending messages whose key is among rows. The
// tempId counts first: it is what the sender repeats by.
func (w *work) settleFound(rows map[messageKey]*repo.Message) int {
	n := 0
	for i := range w.items {
		it := &w.items[i]
		if !it.pending() {
			continue
		}
		var r *repo.Message
		if it.m.TempID != "" {
			r = rows[w.tempKey(it.m)]
		}
		if r == nil {
			r = rows[idKey(it.m.ID)]
		}
		if r == nil {
			continue
		}
		it.found = r
		it.settle(compare(it.m, w.id(), r))
		n++
	}
	return n
}

// lookUp reads messages by keys of width columns each, outside of any
// transaction, from the pool that writes: it must see what was committed.
func (s *Store) lookUp(ctx context.Context, k kind, keys []any, width int) ([]repo.Message, error) {
	var out []repo.Message
	if len(keys) == 0 {
		return nil, nil
	}
	conn, err := s.acquire(ctx, s.writer)
	if err != nil {
		return nil, err
	}
	defer func() {
		// What is wrong with the connection has been reported by its use.
		_ = conn.Close()
	}()
	for part := range chunks(keys, width*s.d.MaxKeys) {
		rows, err := conn.QueryContext(ctx, s.texts.of(k, len(part)/width), part...)
		if err != nil {
			return nil, err
		}
		if out, err = appendMessages(out, rows); err != nil {
			return nil, err
		}
	}
	return out, nil
}
