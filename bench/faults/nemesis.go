package faults

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"syscall"
	"time"
)

// Nemesis is one kind of fault.
type Nemesis struct {
	Name string
	// Needs are what must be there to be struck.
	Needs Needs
	// Alone: Mixed leaves it out.
	Alone bool
	// Slow: a strike takes a minute, so a long run makes few.
	Slow bool
	// Strike does the fault, holds it where a fault has a length, and heals it.
	Strike func(ctx context.Context, a *Arena, hold time.Duration) error
}

// Nemeses are all kinds.
var Nemeses = slices.Concat(processes, networks(), refusals, failovers, disks)

// processes are the nemeses that signals make, the mildest first.
var processes = []Nemesis{
	{Name: "calm", Alone: true, Strike: func(ctx context.Context, _ *Arena, hold time.Duration) error { return wait(ctx, hold) }},
	{Name: "stop-server", Strike: stopServer},
	{Name: "stop-database", Needs: MariaDB, Strike: stopDatabase},
	{Name: "kill-server", Strike: killServer},
	{Name: "kill-database", Needs: MariaDB, Strike: killDatabase},
	{Name: "kill-both", Needs: MariaDB, Strike: killBoth},
	{Name: "database-away", Needs: MariaDB, Alone: true, Slow: true, Strike: databaseAway},
	{Name: "kill-server-while-database-stands", Needs: MariaDB, Strike: killWhileStanding},
}

// Mixed is the name that stands for all nemeses in turns, but for those that
// are for themselves.
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

// databaseAway is killDatabase for a minute.
func databaseAway(ctx context.Context, a *Arena, _ time.Duration) error {
	return killDatabase(ctx, a, time.Minute)
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

// Schedule makes the steps of a run from a seed alone. name is a nemesis's, or
// those of several with commas between, which take turns, or Mixed.
func Schedule(seed uint64, name string, rounds int, mariaDB bool) ([]Step, error) {
	var kinds []Nemesis
	for _, one := range strings.Split(name, ",") {
		before := len(kinds)
		for _, n := range Nemeses {
			if (n.Name == one || one == Mixed && !n.Alone) && n.meets(mariaDB) {
				kinds = append(kinds, n)
			}
		}
		if len(kinds) == before {
			return nil, fmt.Errorf("there is no nemesis %q for this store: %v", one, Names(mariaDB))
		}
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

// meets reports whether a store may meet it.
func (n *Nemesis) meets(mariaDB bool) bool { return mariaDB || n.Needs&MariaDB == 0 }

// Names are those of all nemeses that a store may meet, Mixed the last.
func Names(mariaDB bool) (names []string) {
	for i := range Nemeses {
		if n := &Nemeses[i]; n.meets(mariaDB) {
			names = append(names, n.Name)
		}
	}
	return append(names, Mixed)
}

func find(name string) *Nemesis {
	return &Nemeses[slices.IndexFunc(Nemeses, func(n Nemesis) bool { return n.Name == name })]
}
