package importer

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
)

// checkpoint is how far an import is: everything up to After is saved. It is
// kept in a file that goes away when the import is finished.
type checkpoint struct {
	path string

	Name          string `json:"name"` // from where and to where
	What          string `json:"what"` // which rows and columns
	After         *key   `json:"after"`
	Last          string `json:"last"` // a message that is stored when the rest is
	Undated       bool   `json:"undated"`
	Conversations int64  `json:"conversations"`
	Report        Report `json:"report"`
}

// resume takes an earlier run up, if there is one and its messages are there.
func (im *Importer) resume(ctx context.Context) error {
	if im.o.DryRun || im.o.State == "" {
		return nil
	}
	text, err := os.ReadFile(im.o.State)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	var old checkpoint
	if err == nil {
		err = json.Unmarshal(text, &old)
	}
	switch {
	case err != nil:
		im.o.Note(fmt.Sprintf("%s cannot be read (%v): beginning anew, what is there is passed over", im.o.State, err))
		return nil
	case old.Name != im.place.Name || old.What != im.place.What || old.After == nil:
		im.o.Note(im.o.State + " is of another import: beginning anew, what is there is passed over")
		return nil
	}
	found, err := im.o.Store.FindMessages(ctx, []string{old.Last})
	if err != nil {
		return fmt.Errorf("look where the last run ended: %w", err)
	}
	if _, ok := found[old.Last]; !ok {
		im.o.Note("the store does not have what the last run saved: beginning anew")
		return nil
	}
	old.path = im.o.State
	im.place, im.report = old, old.Report
	im.report.Resumed = true
	im.o.Note(fmt.Sprintf("going on where the last run ended, after %d rows", im.report.Read))
	return nil
}

// reached notes that everything up to k is saved. A run that has saved no
// message yet has nothing to be taken up by.
func (im *Importer) reached(k key, last string) error {
	im.place.After = &k
	if last != "" {
		im.place.Last = last
	}
	if im.o.DryRun || im.o.State == "" || im.place.Last == "" {
		return nil
	}
	place := im.place
	place.Report, place.Conversations = im.report, place.Conversations+im.writer.made
	return place.write()
}

// write replaces the file at once: a crash leaves the old or the new one. It
// may be lost in a power cut, and then costs time alone.
func (c *checkpoint) write() error {
	text, err := json.Marshal(c)
	if err != nil {
		return err
	}
	temp := c.path + ".new"
	if err := os.WriteFile(temp, text, 0o600); err != nil {
		return fmt.Errorf("note how far the import is: %w", err)
	}
	if err := os.Rename(temp, c.path); err != nil {
		return fmt.Errorf("note how far the import is: %w", err)
	}
	return nil
}

func (c *checkpoint) remove() error {
	if c.path == "" {
		return nil
	}
	if err := os.Remove(filepath.Clean(c.path)); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("remove the note of how far the import is: %w", err)
	}
	return nil
}
