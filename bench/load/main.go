// Command load puts load on a Corrillo server and says whether it kept its
// promises. With --url it takes a server that runs already; without, it runs
// one of its own: --binary, or what `go build` makes of this tree.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/url"
	"os"
	"os/signal"
	"runtime/pprof"
	"time"

	"github.com/alecthomas/kong"

	"github.com/corrillo/corrillo/bench/client"
	"github.com/corrillo/corrillo/bench/scenario"
	"github.com/corrillo/corrillo/bench/server"
)

type commands struct {
	Rooms    scenarioCmd `cmd:"" aliases:"exactly-once" help:"Senders in rooms without a pause; every ack, delivery and row is checked."`
	Openloop scenarioCmd `cmd:"" help:"Messages at a fixed rate; times from when each should have been sent."`
	Fanout   scenarioCmd `cmd:"" help:"One room of all connections, with a few senders."`
	Memory   scenarioCmd `cmd:"" help:"Idle connections, identified and joined; the slope of the server's RSS."`
	Connect  scenarioCmd `cmd:"" help:"Connect and identify as fast as it goes."`
	Polling  scenarioCmd `cmd:"" help:"Rooms over HTTP long-polling."`
	Touched  scenarioCmd `cmd:"" help:"Many conversations, each touched once; the server's RSS."`
	History  scenarioCmd `cmd:"" help:"Pages of 50 at random places of a large table."`
	Kill     killCmd     `cmd:"" help:"Rooms while the server is killed with SIGKILL again and again."`
}

// target is the server under load.
type target struct {
	URL      string   `help:"A server that runs, such as http://127.0.0.1:3001."`
	PID      int      `help:"Its process id, for CPU and memory." name:"pid"`
	Database string   `help:"mysql://... or an SQLite file: where its rows are, or where the own server is to keep them."`
	Binary   string   `help:"The corrillo binary to run; built when empty."`
	Args     []string `help:"More arguments for its serve command, such as --args=--store-lanes=4." sep:"none"`
}

// crowd is who talks. What is 0 is the scenario's own choice.
type crowd struct {
	Dialect     string        `default:"plain" enum:"plain,socketio,polling,centrifugo" help:"plain (/ws), socketio, polling or centrifugo."`
	Connections int           `help:"Clients (1000; fewer where they are not the point)."`
	RoomSize    int           `help:"Clients in a room (10)."`
	Senders     int           `help:"Clients that send (100; 4 in one room)."`
	InFlight    int           `help:"Messages of a sender that wait for their ack (1)."`
	Rate        float64       `help:"Messages per second of openloop (300)."`
	At          []int         `help:"Connections, conversations or rows at each reading of memory, touched and history."`
	Join        bool          `help:"Touch by joining and leaving, not by a message."`
	Duration    time.Duration `help:"How long they send (30s)."`
	Rest        time.Duration `help:"Quiet before memory is read (10s); negative: no such reading."`
	Content     int           `help:"Length of a message's text (32)."`
	Dialing     int           `help:"Connections being made at once (64)."`
	Patience    time.Duration `help:"How long to wait for what does not come (1m)."`
	JSON        bool          `help:"Print JSON, not a table."`
	CPUProfile  string        `help:"Write a CPU profile of the load client to this file." name:"cpu-profile"`
}

func (c *crowd) config() scenario.Config {
	return scenario.Config{
		Dialect: client.Dialect(c.Dialect), Connections: c.Connections, RoomSize: c.RoomSize, Senders: c.Senders,
		InFlight: c.InFlight, Rate: c.Rate, At: c.At, Join: c.Join, Duration: c.Duration, Rest: c.Rest,
		Content: c.Content, Dialing: c.Dialing, Patience: c.Patience,
	}
}

type scenarioCmd struct {
	target
	crowd
}

type killCmd struct {
	target
	crowd
	Kills int `default:"10" help:"How often."`
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	line := kong.Parse(&commands{}, kong.Name("load"),
		kong.Description("Load on a Corrillo server, and whether it kept its promises."),
		kong.BindTo(ctx, (*context.Context)(nil)))
	err := line.Run()
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "load:", err)
		os.Exit(1)
	}
}

var errBroken = errors.New("a promise was broken")

// Run runs the scenario that the command is named after.
func (c *scenarioCmd) Run(ctx context.Context, line *kong.Context) error {
	run := scenario.Named()[line.Selected().Name]
	return c.with(ctx, func(t scenario.Target, _ *server.Server) error {
		return c.report(func() (scenario.Report, error) { return run(ctx, c.config(), t) })
	})
}

// Run runs the scenario.
func (c *killCmd) Run(ctx context.Context) error {
	if c.URL != "" {
		return errors.New("kill runs a server of its own: leave --url out")
	}
	return c.with(ctx, func(_ scenario.Target, s *server.Server) error {
		return c.report(func() (scenario.Report, error) { return scenario.KillRounds(ctx, c.config(), s, c.Kills) })
	})
}

// report runs and shows what came of it.
func (c *crowd) report(run func() (scenario.Report, error)) (err error) {
	if c.CPUProfile != "" {
		f, err := os.Create(c.CPUProfile)
		if err != nil {
			return err
		}
		defer func() { err = errors.Join(err, f.Close()) }()
		if err := pprof.StartCPUProfile(f); err != nil {
			return err
		}
		defer pprof.StopCPUProfile()
	}
	r, err := run()
	if err != nil {
		return err
	}
	err = show(&r, c.JSON)
	if !r.OK() {
		err = errors.Join(err, errBroken)
	}
	return err
}

func show(report interface{ Print(io.Writer) error }, asJSON bool) error {
	if !asJSON {
		return report.Print(os.Stdout)
	}
	e := json.NewEncoder(os.Stdout)
	e.SetIndent("", "  ")
	return e.Encode(report)
}

// with hands the server under load to run: the one that --url names, or one
// that lives as long as run.
func (t *target) with(ctx context.Context, run func(t scenario.Target, s *server.Server) error) (err error) {
	if t.URL != "" {
		u, err := url.Parse(t.URL)
		if err != nil || u.Host == "" {
			return fmt.Errorf("--url %q: want http://host:port", t.URL)
		}
		return run(scenario.Remote{Address: u.Host, Process: t.PID, Messages: t.Database}, nil)
	}
	dir, err := os.MkdirTemp("", "corrillo-load-")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	binary := t.Binary
	if binary == "" {
		if binary, err = server.Build(ctx, dir, false); err != nil {
			return err
		}
	}
	s, err := server.Start(ctx, server.Options{
		Binary: binary, Dir: dir, DatabaseURL: t.Database,
		Args: append([]string{"--limits=off", "--log-level=warn"}, t.Args...),
	})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, s.Stop()) }()
	return run(s, s)
}
