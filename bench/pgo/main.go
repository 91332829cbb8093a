// Command pgo makes cmd/corrillo/default.pgo, by which the Go compiler decides
// what to inline and which calls to make directly: CPU profiles of the server,
// on MariaDB, under the works that are measured, in both dialects, merged.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"time"

	"github.com/alecthomas/kong"

	"github.com/corrillo/corrillo/bench/client"
	"github.com/corrillo/corrillo/bench/run/works"
	"github.com/corrillo/corrillo/bench/scenario"
	"github.com/corrillo/corrillo/bench/server"
	"github.com/corrillo/corrillo/repo/repotest"
)

type command struct {
	Out     string   `default:"cmd/corrillo/default.pgo" help:"The profile to write."`
	Works   []string `default:"rooms-1,rooms-4,fanout-1000,connect" help:"Under which works."`
	Seconds int      `default:"10" help:"How long each profile takes."`
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	line := kong.Parse(&command{}, kong.Name("pgo"), kong.Description("Makes the profile that the server is compiled by."),
		kong.BindTo(ctx, (*context.Context)(nil)))
	err := line.Run()
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "pgo:", err)
		os.Exit(1)
	}
}

// Run measures and merges.
func (c *command) Run(ctx context.Context) (err error) {
	list, err := works.Find(works.All(), c.Works)
	if err != nil {
		return err
	}
	dir, err := os.MkdirTemp("", "corrillo-pgo-")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	binary, err := server.Build(ctx, dir, false)
	if err != nil {
		return err
	}
	mariadb, err := repotest.OpenMariaDB()
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, mariadb.Close()) }()
	merge := []string{"tool", "pprof", "-proto", "-output=" + c.Out}
	for i := range list {
		for _, dialect := range []client.Dialect{client.Plain, client.SocketIO} {
			w := &list[i]
			profile := filepath.Join(dir, w.Name+"-"+string(dialect))
			fmt.Printf("%s, %s\n", w.Name, dialect)
			database, err := mariadb.CreateDatabase()
			if err != nil {
				return err
			}
			err = c.profile(ctx, w, dialect, server.Options{Binary: binary, Dir: dir, DatabaseURL: database}, profile)
			if err := errors.Join(err, mariadb.DropDatabase(database)); err != nil {
				return fmt.Errorf("%s, %s: %w", w.Name, dialect, err)
			}
			merge = append(merge, profile)
		}
	}
	out, err := exec.CommandContext(ctx, "go", merge...).CombinedOutput()
	if err != nil {
		return fmt.Errorf("go tool pprof: %w\n%s", err, out)
	}
	return nil
}

// profile does a work again and again while the server's CPU profile is taken.
func (c *command) profile(ctx context.Context, w *works.Work, dialect client.Dialect, o server.Options, file string) (err error) {
	port, err := repotest.FreePort()
	if err != nil {
		return err
	}
	admin := fmt.Sprintf("127.0.0.1:%d", port)
	o.Args = []string{"--limits=off", "--log-level=error", "--drain-period=1s", "--admin-addr=" + admin}
	s, err := server.Start(ctx, o)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, s.Stop()) }()
	load := w.Full
	load.Dialect, load.Duration, load.Rest = dialect, time.Duration(c.Seconds)*time.Second, -1
	taken := make(chan error, 1)
	go func() {
		taken <- download(ctx, fmt.Sprintf("http://%s/debug/pprof/profile?seconds=%d", admin, c.Seconds), file)
	}()
	for {
		r, err := scenario.Named()[w.Scenario](ctx, load, s)
		if err == nil && !r.OK() {
			err = fmt.Errorf("a rule was broken: %s", r.Failure)
		}
		if err != nil {
			return errors.Join(err, ctx.Err())
		}
		select {
		case err := <-taken:
			return err
		default:
		}
	}
}

func download(ctx context.Context, url, file string) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return err
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return err
	}
	body, err := io.ReadAll(resp.Body)
	if err := errors.Join(err, resp.Body.Close()); err != nil {
		return err
	}
	if resp.StatusCode != http.StatusOK {
		return fmt.Errorf("GET %s: %s: %.300s", url, resp.Status, body)
	}
	return os.WriteFile(file, body, 0o600)
}
