package importer

import (
	"context"
	"errors"
	"hash/maphash"

	"github.com/corrillo/corrillo/repo"
)

// batch is what one transaction takes of the app's table.
type batch struct {
	keys  []key
	rows  []row
	refus []Refusal
}

// messages imports the table of messages.
func (im *Importer) messages(ctx context.Context, total int64) error {
	if err := im.dated(ctx, total); err != nil {
		return err
	}
	return im.refuseUndated(ctx)
}

// dated imports the rows in their order. One goroutine reads and decodes
// ahead, this one saves.
func (im *Importer) dated(ctx context.Context, total int64) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	im.o.Progress(Progress{Phase: "messages", Done: im.report.Read, Total: total})
	batches := make(chan batch, 1)
	failed := make(chan error, 1)
	go func() {
		defer close(batches)
		failed <- im.readAll(ctx, im.place.After, func(b batch) error {
			select {
			case batches <- b:
				return nil
			case <-ctx.Done():
				return ctx.Err()
			}
		})
	}()
	var err error
	for b := range batches {
		if err == nil {
			if err = im.take(ctx, &b, total); err != nil {
				cancel() // and take the rest until it is closed
			}
		}
	}
	if readErr := <-failed; err == nil {
		err = readErr
	}
	return err
}

func (im *Importer) readAll(ctx context.Context, after *key, yield func(batch) error) error {
	for {
		keys, err := im.src.window(ctx, after)
		if err != nil {
			return err
		}
		for rest := keys; len(rest) > 0; {
			n := min(im.o.Batch, len(rest))
			err := im.src.read(ctx, rest[:n], func(keys []key, records []record) error {
				b, err := im.decode(ctx, keys, records)
				if err != nil {
					return err
				}
				return yield(b)
			})
			if err != nil {
				return err
			}
			rest = rest[n:]
		}
		if len(keys) < windowKeys {
			return nil
		}
		after = &keys[len(keys)-1]
	}
}

func (im *Importer) decode(ctx context.Context, keys []key, records []record) (batch, error) {
	b := batch{keys: keys, rows: make([]row, 0, len(records))}
	names, err := im.names.of(ctx, records, &im.reader)
	if err != nil {
		return b, err
	}
	for i := range records {
		rec := &records[i]
		r, err := im.reader.read(rec, names[im.reader.text(rec, "senderId")])
		if err != nil {
			b.refus = append(b.refus, Refusal{Table: im.src.m.table.name, ID: rec.key.ID, Reason: err.Error()})
			continue
		}
		b.rows = append(b.rows, r)
	}
	return b, nil
}

// take saves a batch and notes that it is saved.
func (im *Importer) take(ctx context.Context, b *batch, total int64) error {
	im.report.Read += int64(len(b.rows) + len(b.refus))
	for _, r := range b.refus {
		im.refuse(r.Table, r.ID, r.Reason)
	}
	there, err := im.there(ctx, b)
	if err != nil {
		return err
	}
	last := ""
	if im.o.DryRun {
		im.pretend(b, there)
	} else if last, err = im.save(ctx, b, there); err != nil {
		return err
	}
	if err := im.reached(b.keys[len(b.keys)-1], last); err != nil {
		return err
	}
	im.o.Progress(Progress{Phase: "messages", Done: im.report.Read, Total: total})
	return nil
}

// there gives the batch's messages that are stored already. A store without
// tables yet, which only a dry run meets, has none.
func (im *Importer) there(ctx context.Context, b *batch) (map[string]repo.Message, error) {
	if im.o.Store == nil || len(b.rows) == 0 {
		return nil, nil
	}
	ids := make([]string, len(b.rows))
	for i := range b.rows {
		ids[i] = b.rows[i].m.ID
	}
	found, err := im.o.Store.FindMessages(ctx, ids)
	if err != nil && im.o.DryRun && !errors.Is(err, repo.ErrUnavailable) && ctx.Err() == nil {
		im.o.Note("the store has no tables yet: nothing is there already")
		im.o.Store = nil
		return nil, nil
	}
	return found, err
}

// pretend counts what save would do.
func (im *Importer) pretend(b *batch, there map[string]repo.Message) {
	for i := range b.rows {
		r := &b.rows[i]
		im.seen[maphash.String(im.seed, r.m.ConversationID)]++
		switch old, ok := there[r.m.ID]; {
		case !ok:
			im.report.Imported++
		case !same(&old, r):
			im.refuse(im.src.m.table.name, r.key.ID, reasonTaken)
		default:
			im.report.Already++
			if _, some := catchUp(&old, r); some {
				im.report.Changed++
			}
		}
	}
}

// refuseUndated names the rows that have no place in the order.
func (im *Importer) refuseUndated(ctx context.Context) error {
	if im.place.Undated {
		return nil
	}
	for after := ""; ; {
		ids, err := im.src.undated(ctx, after)
		if err != nil {
			return err
		}
		for _, id := range ids {
			im.report.Read++
			im.refuse(im.src.m.table.name, id, "createdAt: is NULL")
		}
		if len(ids) < windowKeys {
			im.place.Undated = true
			if im.place.After != nil {
				return im.reached(*im.place.After, "")
			}
			return nil
		}
		after = ids[len(ids)-1]
	}
}
