package faults

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"syscall"
	"testing"
	"time"

	"github.com/corrillo/corrillo/bench/server"
	"github.com/corrillo/corrillo/repo/repotest"
)

// Arena is what a Nemesis may strike.
type Arena struct {
	Server *server.Server
	// Database is nil with SQLite. What fails there fails TB.
	Database *repotest.Server
	TB       testing.TB
}

// Nemesis is one kind of fault.
type Nemesis struct {
	Name string
	// Database: it strikes MariaDB, so there must be one.
	Database bool
	// Strike does the fault, holds it where a fault has a length, and heals it.
	Strike func(ctx context.Context, a *Arena, hold time.Duration) error
}

// Nemeses are all kinds, the mildest first.
var Nemeses = []Nemesis{
	{Name: "calm", Strike: func(ctx context.Context, _ *Arena, hold time.Duration) error { return wait(ctx, hold) }},
	{Name: "stop-server", Strike: stopServer},
	{Name: "stop-database", Database: true, Strike: stopDatabase},
	{Name: "kill-server", Strike: killServer},
	{Name: "kill-database", Database: true, Strike: killDatabase},
	{Name: "kill-both", Database: true, Strike: killBoth},
	{Name: "kill-server-while-database-stands", Database: true, Strike: killWhileStanding},
}

// Mixed is the name that stands for all nemeses in turns.
const Mixed = "mixed"

func stopServer(ctx context.Context, a *Arena, hold time.Duration) error {
	pid := a.Server.PID()
	if err := syscall.Kill(pid, syscall.SIGSTOP); err != nil {
		return fmt.Errorf("stop the server: %w", err)
	}
	return errors.Join(wait(ctx, hold), syscall.Kill(pid, syscall.SIGCONT))
}

func stopDatabase(ctx context.Context, a *Arena, hold time.Duration) error {
	a.Database.Signal(a.TB, syscall.SIGSTOP)
	defer a.Database.Signal(a.TB, syscall.SIGCONT)
	return wait(ctx, hold)
}

func killServer(ctx context.Context, a *Arena, _ time.Duration) error {
	if err := a.Server.Kill(); err != nil {
		return err
	}
	return a.Server.Restart(ctx)
}

func killDatabase(ctx context.Context, a *Arena, hold time.Duration) error {
	a.Database.Kill(a.TB)
	defer a.Database.Restart(a.TB)
	return wait(ctx, hold)
}

// killBoth kills one right after the other, which one first being a matter of
// chance, as in a power cut.
func killBoth(ctx context.Context, a *Arena, hold time.Duration) error {
	serverFirst := hold%2 == 0
	if serverFirst {
		if err := a.Server.Kill(); err != nil {
			return err
		}
	}
	a.Database.Kill(a.TB)
	if !serverFirst {
		if err := a.Server.Kill(); err != nil {
			return err
		}
	}
	a.Database.Restart(a.TB)
	return a.Server.Restart(ctx)
}

// killWhileStanding leaves the database with what the killed server had begun,
// which it goes on with beside the next server.
func killWhileStanding(ctx context.Context, a *Arena, hold time.Duration) error {
	a.Database.Signal(a.TB, syscall.SIGSTOP)
	err := errors.Join(wait(ctx, hold), a.Server.Kill())
	a.Database.Signal(a.TB, syscall.SIGCONT)
	if err != nil {
		return err
	}
	return a.Server.Restart(ctx)
}

func wait(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return fmt.Errorf("interrupted: %w", ctx.Err())
	}
}

// Step is one strike of a schedule.
type Step struct {
	Nemesis string        `json:"nemesis"`
	After   time.Duration `json:"after"` // of undisturbed talk
	Hold    time.Duration `json:"hold"`
}

// Schedule makes the steps of a run from a seed alone. Mixed takes turns among
// all that there may be, calm left out.
func Schedule(seed uint64, name string, rounds int, database bool) ([]Step, error) {
	var kinds []Nemesis
	for _, n := range Nemeses {
		if (n.Name == name || name == Mixed && n.Name != "calm") && (database || !n.Database) {
			kinds = append(kinds, n)
		}
	}
	if len(kinds) == 0 {
		return nil, fmt.Errorf("there is no nemesis %q for this store: %v", name, Names(database))
	}
	chance := rand.New(rand.NewPCG(seed, uint64(len(name))))
	steps := make([]Step, 0, rounds)
	for i := range rounds {
		if i%len(kinds) == 0 {
			chance.Shuffle(len(kinds), func(i, j int) { kinds[i], kinds[j] = kinds[j], kinds[i] })
		}
		steps = append(steps, Step{
			Nemesis: kinds[i%len(kinds)].Name,
			After:   time.Duration(chance.Int64N(int64(300 * time.Millisecond))),
			Hold:    time.Duration(chance.Int64N(int64(700 * time.Millisecond))),
		})
	}
	return steps, nil
}

// Names are those of all nemeses that a store may meet, Mixed the last.
func Names(database bool) (names []string) {
	for _, n := range Nemeses {
		if database || !n.Database {
			names = append(names, n.Name)
		}
	}
	return append(names, Mixed)
}

func find(name string) *Nemesis {
	return &Nemeses[slices.IndexFunc(Nemeses, func(n Nemesis) bool { return n.Name == name })]
}
