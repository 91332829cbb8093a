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
	"time"

	"github.com/alecthomas/kong"

	"github.com/corrillo/corrillo/bench/client"
	"github.com/corrillo/corrillo/bench/scenario"
	"github.com/corrillo/corrillo/bench/server"
)

type commands struct {
	ExactlyOnce exactlyOnceCmd `cmd:"" help:"Senders without a pause; every ack, delivery and row is checked."`
	Kill        killCmd        `cmd:"" help:"The same while the server is killed with SIGKILL again and again."`
	Memory      memoryCmd      `cmd:"" help:"Idle connections, identified and joined; the slope of the server's RSS."`
}

// target is the server under load.
type target struct {
	URL      string   `help:"A server that runs, such as http://127.0.0.1:3001."`
	PID      int      `help:"Its process id, for CPU and memory." name:"pid"`
	Database string   `help:"mysql://... or an SQLite file: where its rows are, or where the own server is to keep them."`
	Binary   string   `help:"The corrillo binary to run; built when empty."`
	Args     []string `help:"More arguments for its serve command, such as --args=--store-lanes=4." sep:"none"`
}

// crowd is who talks.
type crowd struct {
	Dialect     string        `default:"plain" enum:"plain,socketio" help:"plain (/ws) or socketio."`
	Connections int           `default:"1000" help:"Clients."`
	RoomSize    int           `default:"10" help:"Clients in a room."`
	Senders     int           `default:"100" help:"Clients that send."`
	InFlight    int           `default:"1" help:"Messages of a sender that wait for their ack."`
	Duration    time.Duration `default:"30s" help:"How long they send."`
	Content     int           `default:"32" help:"Length of a message's text."`
	Patience    time.Duration `default:"1m" help:"How long to wait for what does not come."`
	JSON        bool          `help:"Print JSON, not a table."`
}

func (c *crowd) config(addr string) scenario.Config {
	return scenario.Config{
		Addr: addr, Dialect: client.Dialect(c.Dialect), Connections: c.Connections, RoomSize: c.RoomSize,
		Senders: c.Senders, InFlight: c.InFlight, Duration: c.Duration, Content: c.Content, Patience: c.Patience,
	}
}

type exactlyOnceCmd struct {
	target
	crowd
}

type killCmd struct {
	target
	crowd
	Kills int `default:"10" help:"How often."`
}

type memoryCmd struct {
	target
	Dialect string        `default:"plain" enum:"plain,socketio" help:"plain (/ws) or socketio."`
	From    int           `default:"1000" help:"Connections at the first reading."`
	To      int           `default:"10000" help:"Connections at the last reading."`
	Steps   int           `default:"4" help:"Readings."`
	Rest    time.Duration `default:"10s" help:"Quiet before a reading."`
	JSON    bool          `help:"Print JSON, not a table."`
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

// Run runs the scenario.
func (c *exactlyOnceCmd) Run(ctx context.Context) error {
	return c.with(ctx, func(addr string, t scenario.Target, _ *server.Server) error {
		r, err := scenario.ExactlyOnce(ctx, c.config(addr), t)
		if err != nil {
			return err
		}
		return errors.Join(show(&r, c.JSON), verdict(&r))
	})
}

// Run runs the scenario.
func (c *killCmd) Run(ctx context.Context) error {
	if c.URL != "" {
		return errors.New("kill runs a server of its own: leave --url out")
	}
	return c.with(ctx, func(addr string, _ scenario.Target, s *server.Server) error {
		r, err := scenario.KillRounds(ctx, c.config(addr), s, c.Kills)
		if err != nil {
			return err
		}
		return errors.Join(show(&r, c.JSON), verdict(&r))
	})
}

// Run runs the scenario.
func (c *memoryCmd) Run(ctx context.Context) error {
	return c.with(ctx, func(addr string, t scenario.Target, _ *server.Server) error {
		r, err := scenario.Memory(ctx, scenario.MemoryConfig{
			Addr: addr, PID: t.PID, Dialect: client.Dialect(c.Dialect), From: c.From, To: c.To, Steps: c.Steps, Rest: c.Rest,
		})
		if err != nil {
			return err
		}
		return show(&r, c.JSON)
	})
}

func verdict(r *scenario.Report) error {
	if r.OK() {
		return nil
	}
	return errBroken
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
func (t *target) with(ctx context.Context, run func(addr string, t scenario.Target, s *server.Server) error) (err error) {
	if t.URL != "" {
		u, err := url.Parse(t.URL)
		if err != nil || u.Host == "" {
			return fmt.Errorf("--url %q: want http://host:port", t.URL)
		}
		return run(u.Host, scenario.Target{PID: t.PID, Database: t.Database}, nil)
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
	return run(s.Addr(), scenario.Target{PID: s.PID(), Database: s.Database()}, s)
}
