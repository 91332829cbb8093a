package server

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/corrillo/corrillo/bench/child"
	"github.com/corrillo/corrillo/repo/repotest"
)

// Build compiles cmd/corrillo into dir and returns the binary's path. With
// race the binary has the race detector, which reports to its stderr. flags
// are more of `go build`'s.
func Build(ctx context.Context, dir string, race bool, flags ...string) (string, error) {
	binary := filepath.Join(dir, "corrillo")
	args := []string{"build", "-o", binary}
	if race {
		args = append(args, "-race")
	}
	args = append(append(args, flags...), "github.com/corrillo/corrillo/cmd/corrillo")
	out, err := exec.CommandContext(ctx, "go", args...).CombinedOutput() //nolint:gosec // our own arguments
	if err != nil {
		return "", fmt.Errorf("go build: %w\n%s", err, out)
	}
	return binary, nil
}

// Options say what is run.
type Options struct {
	Binary string
	// Dir is the working directory, where the SQLite file goes.
	Dir string
	// DatabaseURL is mysql://...; SQLite in Dir when empty.
	DatabaseURL string
	// Args come after `serve --dev` and the address.
	Args []string
	// Env is added to this process's environment, KEY=value.
	Env []string
}

// Server is one corrillo process after the other, all on one port. Its
// methods are for one goroutine at a time, but for Output.
type Server struct {
	o    Options
	port int
	run  *child.Process
	out  child.Output
}

// readyWithin bounds how long a start may take.
const readyWithin = 60 * time.Second

// Start runs the server on a free port of 127.0.0.1 and returns when it is
// ready.
func Start(ctx context.Context, o Options) (*Server, error) {
	// The process runs elsewhere, in o.Dir.
	binary, err := filepath.Abs(o.Binary)
	if err != nil {
		return nil, err
	}
	o.Binary = binary
	port, err := repotest.FreePort()
	if err != nil {
		return nil, err
	}
	s := &Server{o: o, port: port}
	return s, s.Restart(ctx)
}

// Addr is host:port of clients and webhook.
func (s *Server) Addr() string { return fmt.Sprintf("127.0.0.1:%d", s.port) }

// URL is Addr as an http URL.
func (s *Server) URL() string { return "http://" + s.Addr() }

// PID is the running process's id.
func (s *Server) PID() int { return s.run.Cmd.Process.Pid }

// Database says where the messages are, as rows.Read wants it.
func (s *Server) Database() string {
	if s.o.DatabaseURL != "" {
		return s.o.DatabaseURL
	}
	return filepath.Join(s.o.Dir, "corrillo.db")
}

// Output is the last of what the processes wrote to stdout and stderr.
func (s *Server) Output() string { return s.out.String() }

// Faults is what no healthy run writes; see child.Output. Empty: none.
func (s *Server) Faults() string { return s.out.Faults() }

// Restart starts a process, when none runs, and returns when it is ready.
func (s *Server) Restart(ctx context.Context) error {
	args := append([]string{"serve", "--dev", "--host=127.0.0.1", fmt.Sprintf("--port=%d", s.port), "--admin-addr=off"}, s.o.Args...)
	cmd := exec.Command(s.o.Binary, args...) //nolint:gosec // our own binary
	cmd.Dir, cmd.Stdout, cmd.Stderr = s.o.Dir, &s.out, &s.out
	cmd.Env = slices.DeleteFunc(os.Environ(), func(kv string) bool {
		name, _, _ := strings.Cut(kv, "=")
		return name == "DATABASE_URL" || name == "PORT"
	})
	if s.o.DatabaseURL != "" {
		cmd.Env = append(cmd.Env, "DATABASE_URL="+s.o.DatabaseURL)
	}
	cmd.Env = append(cmd.Env, s.o.Env...)
	p, err := child.Start(cmd)
	if err != nil {
		return fmt.Errorf("start corrillo: %w", err)
	}
	s.run = p
	ctx, cancel := context.WithTimeout(ctx, readyWithin)
	defer cancel()
	if err := s.ready(ctx); err != nil {
		return errors.Join(err, s.Kill())
	}
	return nil
}

// ready asks /readyz until it says yes; there is nothing to be notified by.
func (s *Server) ready(ctx context.Context) error {
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for {
		if s.asksReady(ctx) {
			return nil
		}
		select {
		case <-s.run.Exited:
			return fmt.Errorf("corrillo ended by itself: %w\n%s", s.run.Err, s.Output())
		case <-ctx.Done():
			return fmt.Errorf("corrillo is not ready: %w\n%s", ctx.Err(), s.Output())
		case <-tick.C:
		}
	}
}

func (s *Server) asksReady(ctx context.Context) bool {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, s.URL()+"/readyz", nil)
	if err != nil {
		return false
	}
	req.Close = true
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return false
	}
	_, err = io.Copy(io.Discard, io.LimitReader(resp.Body, 1<<16))
	return errors.Join(err, resp.Body.Close()) == nil && resp.StatusCode == http.StatusOK
}

// Kill ends the process like a power cut would (SIGKILL).
func (s *Server) Kill() error { return s.end(syscall.SIGKILL) }

// Stop asks the process to end in order (SIGTERM), waits, and returns an
// error when its exit code is not 0.
func (s *Server) Stop() error {
	p := s.run
	if err := s.end(syscall.SIGTERM); err != nil {
		return err
	}
	if p != nil && p.Err != nil {
		return fmt.Errorf("corrillo ended with %w\n%s", p.Err, s.Output())
	}
	return nil
}

func (s *Server) end(signal syscall.Signal) error {
	p := s.run
	if p == nil {
		return nil
	}
	s.run = nil
	if err := p.Cmd.Process.Signal(signal); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return err
	}
	<-p.Exited
	return nil
}
