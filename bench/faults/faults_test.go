package faults

import (
	"cmp"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/corrillo/corrillo/bench/server"
	"github.com/corrillo/corrillo/repo/repotest"
)

// The flags make the cut of `make test` into the long run of `make faults`;
// see bench.mk.
var (
	store   = flag.String("store", "", "sqlite or mariadb, for the rig of one server; both when empty")
	rig     = flag.String("rig", "one", "one: a server; cluster: several, behind HAProxy; all")
	reader  = flag.String("reader", "", "epoll or portable; the cut takes turns when empty")
	seed    = flag.Uint64("seed", 1, "what the schedule and the clients' chances come from")
	rounds  = flag.Int("rounds", 0, "strikes of each nemesis; 0: the cut")
	nemesis = flag.String("nemesis", "", "one alone, or several with commas between; all when empty")
	results = flag.String("json", "", "file that the outcomes go to")
	records = flag.String("records", "", "folder for files with all that happened in runs that broke a rule")
)

func TestMain(m *testing.M) { repotest.Main(m) }

// trial is one run to be made.
type trial struct {
	nemesis string
	reader  string
	rig     Rig
	rounds  int
	o       Options
}

// cut is what fits between other tests: each store and each reader meets what
// kills and what stops, MariaDB also what is quick of the rest.
func cut() []trial {
	o := Options{Rooms: 2, Members: 5, Senders: 2}
	return []trial{
		{nemesis: "kill-server,stop-server,cut-clients", reader: "auto", rig: RigSQLite, rounds: 3, o: o},
		{nemesis: "kill-server,kill-both,stop-database,reset-clients,late-database,cut-database,read-only-database,deadlock-rows",
			reader: "portable", rig: RigMariaDB, rounds: 8, o: o},
	}
}

// rigs are those that the flags name.
func rigs() (all []Rig) {
	for _, one := range []Rig{RigSQLite, RigMariaDB} {
		if *rig != "cluster" && (*store == "" || *store == string(one)) {
			all = append(all, one)
		}
	}
	if *rig != "one" {
		all = append(all, RigCluster)
	}
	return all
}

// full is every nemesis that the flags name, on every rig and with the reader
// that they name.
func full() (all []trial) {
	for _, one := range rigs() {
		names := Names(one)
		if *nemesis != "" {
			names = slices.DeleteFunc(strings.Split(*nemesis, ","), func(name string) bool { return !slices.Contains(names, name) })
		}
		for _, name := range names {
			c := trial{nemesis: name, reader: cmp.Or(*reader, "auto"), rig: one, rounds: *rounds}
			if name != Mixed && find(name).Slow {
				c.rounds = min(c.rounds, 3)
			}
			all = append(all, c)
		}
	}
	return all
}

// TestFaults strikes the built server and its database, and holds what the
// clients were told against what is stored.
func TestFaults(t *testing.T) {
	trials := cut()
	if *rounds > 0 {
		trials = full()
	}
	if len(trials) == 0 {
		t.Fatalf("no such nemesis, store or rig: %q, %q, %q; there are %v, and with a cluster %v", *nemesis, *store, *rig, Names(RigMariaDB), Names(RigCluster))
	}
	binary, err := server.Build(t.Context(), t.TempDir(), server.RaceDetector)
	if err != nil {
		t.Fatal(err)
	}
	database := sync.OnceValue(func() *repotest.Server { return repotest.StartMariaDB(t) }) // one for all: it takes a while to make
	var outcomes []Outcome
	for _, c := range trials {
		outcomes = append(outcomes, c.run(t, binary, database))
		if *results != "" { // after each: the next one may be interrupted
			if err := Write(*results, outcomes); err != nil {
				t.Fatal(err)
			}
		}
	}
	if err := Print(os.Stdout, outcomes); err != nil {
		t.Error(err)
	}
}

func (c *trial) run(t *testing.T, binary string, database func() *repotest.Server) (out Outcome) {
	t.Helper()
	steps, err := Schedule(*seed, c.nemesis, c.rounds, c.rig)
	if err != nil {
		t.Fatal(err)
	}
	so := server.Options{Binary: binary, Args: append([]string{"--log-level=warn", "--reader=" + c.reader}, ServerArgs...)}
	a, err := Stage(t, so, steps, c.rig, database)
	if err != nil {
		t.Fatal(err)
	}
	c.o.Seed = *seed
	out, err = Run(t.Context(), a, c.o, steps)
	if err != nil {
		t.Fatal(err)
	}
	if err := a.Stop(); err != nil {
		t.Error(err)
	}
	if faults := a.Faults(); faults != "" {
		t.Errorf("the server's output tells of a fault:\n%s", faults)
	}
	out.Nemesis, out.Reader, out.Store = c.nemesis, c.reader, string(c.rig)
	defer func() { out.Trial = nil }() // it is large
	if strings.Contains(c.nemesis, ",") {
		out.Nemesis = Mixed
	}
	if !out.OK() {
		if *records != "" {
			file := filepath.Join(*records, fmt.Sprintf("%s-%s-%d.txt", out.Nemesis, out.Store, *seed))
			if err := WriteRecords(file, out.Trial); err != nil {
				t.Error(err)
			}
		}
		t.Errorf("%s on %s, seed %d: %s %v\nthe server's output:\n%s", c.nemesis, out.Store, *seed, out.Failure, out.Verdict.Examples, a.Output())
	}
	return out
}
