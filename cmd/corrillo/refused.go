package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"

	"github.com/corrillo/corrillo/repo"
)

// exitDenied is the exit code of a process that the database does not let in
// (EX_CONFIG of sysexits.h): to start it again helps when somebody has changed
// something.
const exitDenied = 78

// asRefused adds to a refusal of the database which one it is and what is to be
// looked at, and gives it an exit code of its own. Other errors stay as they are.
func asRefused(store string, err error) error {
	if !errors.Is(err, repo.ErrRefused) {
		return err
	}
	return exitError{exitDenied, fmt.Errorf("%s: %w\ncheck store.url (DATABASE_URL) and the account there; this does not pass by itself, so it is not waited for", store, err)}
}

// sayRefused is what whoever asks for readiness hears of a refusal; strangers may
// ask.
func sayRefused(err error) string {
	if errors.Is(err, repo.ErrRefused) {
		return "store refuses this server"
	}
	return ""
}

// askedStore says in the log when the store of a server that runs does not answer
// any more, once, and when it does again.
type askedStore struct {
	log *slog.Logger

	mu   sync.Mutex
	said string
}

func (a *askedStore) ping(ctx context.Context, store repo.Store) error {
	err := store.Ping(ctx)
	a.mu.Lock()
	defer a.mu.Unlock()
	was := a.said
	switch {
	case err == nil:
		a.said = ""
	case errors.Is(err, repo.ErrRefused):
		a.said = "the store refuses this server: it is asked again, and somebody has to change something"
	default:
		a.said = "the store does not answer: it is asked again"
	}
	switch {
	case a.said == was:
	case err == nil:
		a.log.Info("the store answers again")
	default:
		a.log.Warn(a.said, "error", err)
	}
	return err
}
