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
	// Needs is what must exist for it.
	Needs Needs
	// Alone: it is not part of Mixed.
	Alone bool
	// Slow: a strike takes a minute, so a long run has few of them.
	Slow bool
	// Strike makes the fault, keeps it up for hold where it can last, and heals it.
	Strike func(ctx context.Context, a *Arena, hold time.Duration) error
}

// Nemeses are all kinds of faults.
var Nemeses = slices.Concat(processes, networks(), refusals, failovers, disks, nodes)

// processes are the faults that signals to processes make, the mildest first.
var processes = []Nemesis{
	{Name: "calm", Alone: true, Strike: func(ctx context.Context, _ *Arena, hold time.Duration) error { return wait(ctx, hold) }},
	{Name: "stop-server", Needs: OneServer, Strike: stopServer},
	{Name: "stop-database", Needs: MariaDB, Strike: stopDatabase},
	{Name: "kill-server", Needs: OneServer, Strike: killServer},
	{Name: "kill-database", Needs: MariaDB, Strike: killDatabase},
	{Name: "kill-both", Needs: MariaDB | OneServer, Strike: killBoth},
	{Name: "database-away", Needs: MariaDB, Alone: true, Slow: true, Strike: databaseAway},
	{Name: "kill-server-while-database-stands", Needs: MariaDB | OneServer, Strike: killWhileStanding},
}

// Mixed is the name that stands for all nemeses, in turns, except those with Alone.
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

// killBoth kills server and database, one right after the other in random order, as a
// power cut would.
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

// killWhileStanding kills the server while the database stands still. The database then
// goes on with what that server had begun, beside the next one.
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
	After   time.Duration `json:"after"` // how long clients talk undisturbed before it
	Hold    time.Duration `json:"hold"`
}

// Schedule makes the steps of a run, which follow from its arguments alone. name is the
// name of a nemesis, or of several, separated by commas, which take turns; or Mixed.
func Schedule(seed uint64, name string, rounds int, rig Rig) ([]Step, error) {
	var kinds []Nemesis
	for _, one := range strings.Split(name, ",") {
		before := len(kinds)
		for _, n := range Nemeses {
			if (n.Name == one || one == Mixed && !n.Alone) && n.meets(rig) {
				kinds = append(kinds, n)
			}
		}
		if len(kinds) == before {
			return nil, fmt.Errorf("there is no nemesis %q for this rig: %v", one, Names(rig))
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

// Rig is what a run strikes: a server or a cluster, with its store.
type Rig string

// The rigs: one server with either store, or several behind HAProxy with one
// MariaDB.
const (
	RigSQLite  Rig = "sqlite"
	RigMariaDB Rig = "mariadb"
	RigCluster Rig = "cluster"
)

// meets reports whether the nemesis can strike a rig.
func (n *Nemesis) meets(rig Rig) bool {
	switch rig {
	case RigSQLite:
		return n.Needs&(MariaDB|Nodes) == 0
	case RigMariaDB:
		return n.Needs&Nodes == 0
	default:
		return n.Needs&(OneServer|DatabaseLink|Replica|SmallDisk) == 0
	}
}

// Names returns the names of the nemeses that can strike a rig, and Mixed as the last.
func Names(rig Rig) (names []string) {
	for i := range Nemeses {
		if n := &Nemeses[i]; n.meets(rig) {
			names = append(names, n.Name)
		}
	}
	return append(names, Mixed)
}

func find(name string) *Nemesis {
	return &Nemeses[slices.IndexFunc(Nemeses, func(n Nemesis) bool { return n.Name == name })]
}
