package peers

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/corrillo/corrillo/bench/child"
)

// process is a Server that another project wrote.
type process struct {
	run  *child.Process
	addr string
	dir  string
	drop func() error
}

const (
	// readyWithin bounds how long a start may take.
	readyWithin = 60 * time.Second
	// endWithin bounds how long an end in order may take; then it is killed.
	endWithin = 20 * time.Second
	// keptOutput is how much of the output is shown.
	keptOutput = 8 << 10
)

// spawn runs cmd, which serves addr, so that it dies with this process, and
// returns when a GET of path there is answered with 200. It takes drop over,
// also when it fails.
func spawn(ctx context.Context, cmd *exec.Cmd, dir, addr, path string, drop func() error) (Server, error) {
	p := &process{addr: addr, dir: dir, drop: drop}
	out, err := os.Create(p.log())
	if err != nil {
		return nil, errors.Join(err, drop())
	}
	cmd.Stdout, cmd.Stderr = out, out
	p.run, err = child.Start(cmd)
	if err = errors.Join(err, out.Close()); err != nil {
		return nil, errors.Join(err, drop())
	}
	ctx, cancel := context.WithTimeout(ctx, readyWithin)
	defer cancel()
	if err := p.ready(ctx, "http://"+addr+path); err != nil {
		return nil, errors.Join(fmt.Errorf("%w\n%s", err, p.Output()), p.end(syscall.SIGKILL), drop())
	}
	return p, nil
}

// ready asks until the answer is 200; there is nothing to be notified by.
func (p *process) ready(ctx context.Context, url string) error {
	once := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for {
		req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
		if err != nil {
			return err
		}
		if resp, err := once.Do(req); err == nil {
			if err := resp.Body.Close(); err != nil {
				return err
			}
			if resp.StatusCode == http.StatusOK {
				return nil
			}
		}
		select {
		case <-p.run.Exited:
			return errors.New("it ended by itself")
		case <-ctx.Done():
			return fmt.Errorf("it does not answer: %w", ctx.Err())
		case <-tick.C:
		}
	}
}

// Addr implements scenario.Target.
func (p *process) Addr() string { return p.addr }

// PID implements scenario.Target.
func (p *process) PID() int { return p.run.Cmd.Process.Pid }

// Database implements scenario.Target: it has no table of ours.
func (p *process) Database() string { return "" }

func (p *process) log() string { return filepath.Join(p.dir, "output") }

// Output implements Server.
func (p *process) Output() string {
	f, err := os.Open(p.log())
	if err != nil {
		return err.Error()
	}
	defer func() { _ = f.Close() }() // only read
	if info, err := f.Stat(); err == nil && info.Size() > keptOutput {
		_, _ = f.Seek(-keptOutput, io.SeekEnd) // or it is shown from the start
	}
	text, err := io.ReadAll(io.LimitReader(f, keptOutput))
	if err != nil {
		return err.Error()
	}
	return strings.TrimSpace(string(text))
}

// Stop implements Server.
func (p *process) Stop() error {
	return errors.Join(p.end(syscall.SIGTERM), p.drop(), os.RemoveAll(p.dir))
}

func (p *process) end(signal os.Signal) error {
	if err := p.run.Cmd.Process.Signal(signal); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return err
	}
	select {
	case <-p.run.Exited:
	case <-time.After(endWithin):
		if err := p.run.Cmd.Process.Kill(); err != nil && !errors.Is(err, os.ErrProcessDone) {
			return err
		}
		<-p.run.Exited
	}
	return nil
}
