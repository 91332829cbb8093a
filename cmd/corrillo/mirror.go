package main

import (
	"fmt"
	"io"
	"log/slog"

	"github.com/corrillo/corrillo/repo"
	"github.com/corrillo/corrillo/repo/mysql"
)

// mirrorOf gives what a store that was migrated found out about its mirror,
// nil when it has none.
func mirrorOf(store repo.Store) *mysql.MirrorReport {
	if s, ok := store.(*mysql.Store); ok {
		return s.Mirror()
	}
	return nil
}

// printMirror shows what goes where and what to beware of.
func printMirror(w io.Writer, store repo.Store) error {
	r := mirrorOf(store)
	if r == nil {
		return nil
	}
	if _, err := fmt.Fprintf(w, "%s mirrors messages (field: column)\n", r.Table); err != nil {
		return err
	}
	for _, c := range r.Columns {
		if _, err := fmt.Fprintf(w, "  %s\n", c); err != nil {
			return err
		}
	}
	for _, text := range r.Warnings {
		if _, err := fmt.Fprintf(w, "  warning: %s\n", text); err != nil {
			return err
		}
	}
	return nil
}

// logMirror says the same in the log.
func logMirror(log *slog.Logger, store repo.Store) {
	r := mirrorOf(store)
	if r == nil {
		return
	}
	log.Info("mirror", "table", r.Table, "columns", r.Columns)
	for _, text := range r.Warnings {
		log.Warn("mirror: "+text, "table", r.Table)
	}
}
