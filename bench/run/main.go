// Command run measures servers beside each other: each work is done by one
// server after the other, and then by all of them again, so that whatever else
// the machine does meanwhile hits all alike. Every server is started fresh for
// every run. All reports go into a JSON file after each run; called again, it
// goes on where it was.
package main

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"slices"
	"time"

	"github.com/alecthomas/kong"
	"github.com/dustin/go-humanize/english"

	"github.com/corrillo/corrillo/bench/peers"
	"github.com/corrillo/corrillo/bench/run/results"
	"github.com/corrillo/corrillo/bench/run/works"
)

type command struct {
	Servers  []string      `help:"Which servers; all when absent. ${servers}"`
	Works    []string      `help:"Which works; all when absent. ${works}"`
	Cluster  bool          `help:"What a cluster costs: nodes beside one server. Servers are then ${clusters}; works ${clustered}."`
	Older    string        `help:"With --cluster: another corrillo binary, measured as the server named older."`
	Runs     int           `help:"Rounds: how often each server does each work (5; with --cluster 3)."`
	Short    bool          `help:"One brief round that shows that everything works; its figures say nothing."`
	Duration time.Duration `help:"How long crowds send, where a work has a time."`
	JSON     string        `name:"json" help:"Where the results go (docs/bench/results.json; with --cluster docs/bench/cluster.json); what is in there is not measured again."`
	Redo     bool          `help:"Forget what the file has of these servers and works, and measure it again."`
	Corrillo string        `help:"The corrillo binary to measure; built when absent."`
	Plan     bool          `help:"Say what would be measured, and how long that takes; measure nothing."`

	out io.Writer // where progress goes
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	line := kong.Parse(&command{out: os.Stdout}, kong.Name("run"),
		kong.Description("Measures Corrillo and others beside each other, and says whether each kept the rules of delivery."),
		kong.Vars{
			"servers": series(peers.Names(peers.Kinds())) + ".", "works": series(works.Names(works.All())) + ".",
			"clusters": series(peers.Names(peers.Clusters())), "clustered": series(works.Names(works.Clustered())),
		},
		kong.BindTo(ctx, (*context.Context)(nil)))
	err := line.Run()
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "run:", err)
		os.Exit(1)
	}
}

func series(names []string) string { return english.OxfordWordSeries(names, "and") }

// choose finds what is to be measured, and fills in what was left open.
func (c *command) choose() ([]peers.Kind, []works.Work, error) {
	allKinds, allWorks, runs, file := peers.Kinds(), works.All(), 5, "docs/bench/results.json"
	if c.Cluster {
		allKinds, allWorks, runs, file = peers.Clusters(), works.Clustered(), 3, "docs/bench/cluster.json"
		if c.Older == "" {
			allKinds = slices.DeleteFunc(allKinds, func(k peers.Kind) bool { return k.Name == peers.Older })
		}
	}
	c.Runs, c.JSON = cmp.Or(c.Runs, runs), cmp.Or(c.JSON, file)
	if c.Short {
		c.Runs = 1
	}
	kinds, err := peers.Find(allKinds, c.Servers)
	if err != nil {
		return nil, nil, err
	}
	list, err := works.Find(allWorks, c.Works)
	return kinds, list, err
}

// Run plans and measures.
func (c *command) Run(ctx context.Context) error {
	kinds, list, err := c.choose()
	if err != nil {
		return err
	}
	set, err := c.open(kinds, list)
	if err != nil {
		return err
	}
	m := &measuring{set: set, path: c.JSON, short: c.Short, duration: c.Duration, out: c.out}
	plan := planned(set, kinds, list, c.Runs)
	m.say("%s, about %s; results go to %s", english.Plural(len(plan), "run", ""), roughly(takes(plan, c.Short)), c.JSON)
	if c.Plan {
		for _, t := range plan {
			m.say("  %s %d %s", t.work.Name, t.round, t.kind.Name)
		}
		return nil
	}
	return m.all(ctx, plan, peers.Options{Corrillo: c.Corrillo, Older: c.Older, Say: m.say})
}

// open reads the file and refuses to mix what does not belong together.
func (c *command) open(kinds []peers.Kind, list []works.Work) (*results.Set, error) {
	set, err := results.Load(c.JSON)
	if err != nil {
		return nil, err
	}
	if c.Redo {
		set.Drop(func(r results.Run) bool {
			for _, k := range kinds {
				for i := range list {
					if r.Server == k.Name && r.Work == list[i].Name {
						return true
					}
				}
			}
			return false
		})
	}
	here := results.ThisMachine()
	switch {
	case len(set.Runs) == 0:
		set.Machine, set.Short = here, c.Short
	case set.Machine != here:
		return nil, fmt.Errorf("%s was measured on another machine: move it away, or measure all of it again with --redo", c.JSON)
	case set.Short != c.Short:
		return nil, fmt.Errorf("%s has full or short runs, and these are the other kind: name another file with --json", filepath.Base(c.JSON))
	}
	return set, nil
}
