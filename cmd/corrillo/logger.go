package main

import (
	"fmt"
	"io"
	"log/slog"
	"os"

	"golang.org/x/term"

	"github.com/corrillo/corrillo/config"
)

// newLogger makes the log that everything writes to, and reports whether it
// is text for a person.
func newLogger(w io.Writer, s *config.Log) (log *slog.Logger, text bool, err error) {
	var level slog.Level
	if err := level.UnmarshalText([]byte(s.Level)); err != nil {
		return nil, false, fmt.Errorf("log.level: %w", err)
	}
	text = s.Format == "text" || s.Format == "auto" && isTerminal(w)
	o := &slog.HandlerOptions{Level: level}
	if text {
		return slog.New(slog.NewTextHandler(w, o)), true, nil
	}
	return slog.New(slog.NewJSONHandler(w, o)), false, nil
}

func isTerminal(w io.Writer) bool {
	f, ok := w.(*os.File)
	return ok && term.IsTerminal(int(f.Fd()))
}
