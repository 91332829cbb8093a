// Command run measures servers beside each other: each work is done by one
// server after the other, and then by all of them again, so that whatever else
// the machine does meanwhile hits all alike. Every server is started fresh for
// every run. All reports go into a JSON file after each run; called again, it
// goes on where it was.
package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"
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
	Runs     int           `default:"5" help:"Rounds: how often each server does each work."`
	Short    bool          `help:"One brief round that shows that everything works; its figures say nothing."`
	Duration time.Duration `help:"How long crowds send, where a work has a time."`
	JSON     string        `name:"json" default:"docs/bench/results.json" help:"Where the results go; what is in there is not measured again."`
	Redo     bool          `help:"Forget what the file has of these servers and works, and measure it again."`
	Corrillo string        `help:"The corrillo binary to measure; built when absent."`
	Plan     bool          `help:"Say what would be measured, and how long that takes; measure nothing."`

	out io.Writer // where progress goes
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	line := kong.Parse(&command{out: os.Stdout}, kong.Name("run"),
		kong.Description("Measures Corrillo and others beside each other, and says whether each kept the rules of delivery."),
		kong.Vars{"servers": english.OxfordWordSeries(peers.Names(), "and") + ".", "works": english.OxfordWordSeries(works.Names(), "and") + "."},
		kong.BindTo(ctx, (*context.Context)(nil)))
	err := line.Run()
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "run:", err)
		os.Exit(1)
	}
}

// Run plans and measures.
func (c *command) Run(ctx context.Context) error {
	kinds, err := peers.Find(c.Servers)
	if err != nil {
		return err
	}
	list, err := works.Find(c.Works)
	if err != nil {
		return err
	}
	if c.Short {
		c.Runs = 1
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
	return m.all(ctx, plan, peers.Options{Corrillo: c.Corrillo, Say: m.say})
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
