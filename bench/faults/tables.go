package faults

import (
	"context"

	"github.com/corrillo/corrillo/bench/judge"
	"github.com/corrillo/corrillo/bench/rows"
)

// addTables reads the database into the trial.
func (f *Fleet) addTables(ctx context.Context, t *judge.Trial, database string) error {
	stored, err := rows.Read(ctx, database, prefix)
	if err != nil {
		return err
	}
	for _, row := range stored {
		table := &t.Tables[f.roomOf(row.ConversationID, 0)]
		table.Rows = append(table.Rows, judge.Row{Key: keyOf(row.TempID), Seq: row.Seq, ID: judge.Fingerprint([]byte(row.ID))})
	}
	marks, err := rows.Marks(ctx, database, prefix)
	if err != nil {
		return err
	}
	if err := f.addContents(ctx, t, database); err != nil {
		return err
	}
	for i := range t.Tables {
		t.Tables[i].Marks = map[string]int64{}
	}
	for _, m := range marks {
		t.Tables[f.roomOf(m.ConversationID, 0)].Marks[m.UserID] = m.Seq
	}
	return nil
}

// addContents reads what the messages say now.
func (f *Fleet) addContents(ctx context.Context, t *judge.Trial, database string) error {
	stored, err := rows.Contents(ctx, database, prefix)
	if err != nil {
		return err
	}
	for i := range stored {
		c := &stored[i]
		table := &t.Tables[f.roomOf(c.ConversationID, 0)]
		table.States = append(table.States, judge.State{ID: judge.Fingerprint([]byte(c.ID)), Rev: uint32(c.Rev), //nolint:gosec // far fewer than 2^32
			Version: f.versionOf(keyOf(c.TempID), c.Content, c.Deleted)})
	}
	revs, err := rows.LastRevs(ctx, database, prefix)
	if err != nil {
		return err
	}
	for i, room := range f.rooms {
		t.Tables[i].LastRev = uint32(revs[room]) //nolint:gosec // likewise
	}
	return nil
}
