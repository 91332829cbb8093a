package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/corrillo/corrillo/config"
	"github.com/corrillo/corrillo/repo"
	"github.com/corrillo/corrillo/repo/mysql"
)

// askingTakes bounds the question: a database that hangs must not keep
// anybody from a check of the settings, or from serving.
const askingTakes = 5 * time.Second

// weaknessesOf asks the store which of its own settings break the promise that an
// acked message is stored. SQLite's are ours, so it has none.
func weaknessesOf(ctx context.Context, store repo.Store) ([]string, error) {
	s, ok := store.(*mysql.Store)
	if !ok {
		return nil, nil
	}
	ctx, cancel := context.WithTimeout(ctx, askingTakes)
	defer cancel()
	return s.Weaknesses(ctx)
}

// warnOfWeaknesses asks the database that the settings name and prints a warning
// for each weakness, or that it could not be asked: a check may run where there
// is no database. One that refuses this process is an error.
func warnOfWeaknesses(ctx context.Context, p *program, s *config.Settings) error {
	if s.Store.URL == "" {
		return nil
	}
	warn := func(text string) { _, _ = fmt.Fprintf(p.err, "corrillo: warning: %s\n", text) }
	store, name, err := openStore(ctx, s, p.dir)
	if err != nil {
		warn(err.Error())
		return nil
	}
	defer func() { _ = store.Close() }() // nothing was written
	weaknesses, err := weaknessesOf(ctx, store)
	if errors.Is(err, repo.ErrRefused) {
		return asRefused(name, err)
	}
	if err != nil {
		warn(fmt.Sprintf("%s was not asked for its settings: %v", name, err))
	}
	for _, w := range weaknesses {
		warn(name + ": " + w)
	}
	return nil
}

// logWeaknesses says the same in the log of a server that starts.
func logWeaknesses(ctx context.Context, log *slog.Logger, store repo.Store) {
	weaknesses, err := weaknessesOf(ctx, store)
	if err != nil {
		log.Warn("the store was not asked for its settings", "error", err)
	}
	for _, w := range weaknesses {
		log.Warn("the store breaks a promise: " + w)
	}
}
