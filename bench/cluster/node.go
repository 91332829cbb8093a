package cluster

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/corrillo/corrillo/bench/child"
)

// Node is one place in the cluster: one process after another at the same addresses.
// When a process ends by itself the next one is started, as a service manager does;
// when Kill or Stop has ended it, none is. The methods may be called from any
// goroutine.
type Node struct {
	name    string
	command []string // binary, arguments
	dir     string
	environ []string
	public  string // host:port
	admin   string
	peer    string // for the other nodes
	out     child.Output
	also    io.Writer // gets the output too

	keepers sync.WaitGroup
	mu      sync.Mutex
	run     *child.Process // nil: none is to run
	ends    []string       // how processes ended that nobody had told to, but for lost leases
	lost    int            // how many processes ended because their lease was lost
}

// restartAfter is the pause before a process that has ended is started again, like
// systemd's RestartSec.
const restartAfter = 200 * time.Millisecond

// ExitLost is the exit code of a node that has lost its lease.
const ExitLost = 75

// Name is the node's name in logs and messages.
func (n *Node) Name() string { return n.name }

// Addr is host:port for clients that do not go through HAProxy.
func (n *Node) Addr() string { return n.public }

// Admin is host:port of the admin port, for metrics and status.
func (n *Node) Admin() string { return n.admin }

// Peer is host:port for the other nodes.
func (n *Node) Peer() string { return n.peer }

// PID returns the id of the process that runs; 0 when none does.
func (n *Node) PID() int {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.run == nil {
		return 0
	}
	return n.run.Cmd.Process.Pid
}

// Output returns the end of what the processes wrote.
func (n *Node) Output() string { return n.out.String() }

// Lost returns how many processes have ended because their lease was lost.
func (n *Node) Lost() int {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.lost
}

// Faults describes what a healthy node never has: panics, data races, and processes
// that ended without being told to, except after a lost lease. Empty when there are
// none.
func (n *Node) Faults() string {
	n.mu.Lock()
	defer n.mu.Unlock()
	faults := slices.Clone(n.ends)
	if told := n.out.Faults(); told != "" {
		faults = append(faults, told)
	}
	return strings.Join(faults, "\n")
}

// Begin starts a process, when none runs, and returns at once.
func (n *Node) Begin() error {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.run != nil {
		return nil
	}
	return n.begin()
}

// begin starts a process; n.mu is held.
func (n *Node) begin() error {
	cmd := exec.Command(n.command[0], n.command[1:]...) //nolint:gosec // our own binary
	cmd.Dir, cmd.Env = n.dir, n.environ
	var out io.Writer = &n.out
	if n.also != nil {
		out = io.MultiWriter(&n.out, n.also)
	}
	cmd.Stdout, cmd.Stderr = out, out
	p, err := child.Start(cmd)
	if err != nil {
		return fmt.Errorf("start %s: %w", n.name, err)
	}
	n.run = p
	if n.also != nil {
		_, _ = fmt.Fprintf(n.also, "pid %d\n", p.Cmd.Process.Pid)
	}
	n.keepers.Go(func() { n.keep(p) })
	return nil
}

// keep starts the next process when this one has ended by itself.
func (n *Node) keep(p *child.Process) {
	<-p.Exited
	if !n.ended(p) {
		return
	}
	time.Sleep(restartAfter)
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.run == p {
		if err := n.begin(); err != nil {
			n.ends = append(n.ends, err.Error())
		}
	}
}

// ended notes how a process ended and reports whether nobody had asked for it.
func (n *Node) ended(p *child.Process) bool {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.run != p {
		return false
	}
	if p.Cmd.ProcessState.ExitCode() == ExitLost {
		n.lost++
	} else {
		n.ends = append(n.ends, fmt.Sprintf("%s ended by itself: %v", n.name, p.Err))
	}
	return true
}

// Start starts a process, when none runs, and returns when it is ready.
func (n *Node) Start(ctx context.Context) error {
	if err := n.Begin(); err != nil {
		return err
	}
	return n.Ready(ctx)
}

// readyWithin bounds how long a start may take.
const readyWithin = 60 * time.Second

// Ready polls the node until it takes clients. One that was stopped never does.
func (n *Node) Ready(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, readyWithin)
	defer cancel()
	if err := awaitReady(ctx, "http://"+n.public); err != nil {
		return fmt.Errorf("%s is not ready: %w\n%s", n.name, err, n.Output())
	}
	return nil
}

// Running reports whether the node was started and not stopped since. Its process
// need not be ready.
func (n *Node) Running() bool {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.run != nil
}

// Kill ends the process at once (SIGKILL), as a power cut would. No other is started.
func (n *Node) Kill() error {
	_, err := n.end(syscall.SIGKILL)
	return err
}

// Stop asks the process to end (SIGTERM) and waits until it has. No other is started.
// An exit code other than 0 is an error.
func (n *Node) Stop() error {
	p, err := n.end(syscall.SIGTERM)
	if err != nil || p == nil {
		return err
	}
	if p.Err != nil {
		return fmt.Errorf("%s ended with %w\n%s", n.name, p.Err, n.Output())
	}
	return nil
}

// Signal sends a signal that does not end the process.
func (n *Node) Signal(signal syscall.Signal) error {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.run == nil {
		return fmt.Errorf("%s is down", n.name)
	}
	if err := n.run.Cmd.Process.Signal(signal); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return fmt.Errorf("signal %s: %w", n.name, err)
	}
	return nil
}

// end makes the node stay down and waits until its process has ended.
func (n *Node) end(signal syscall.Signal) (*child.Process, error) {
	n.mu.Lock()
	p := n.run
	n.run = nil
	n.mu.Unlock()
	if p == nil || p.HasExited() { // nothing runs: stopped, or between two processes
		return nil, nil
	}
	if err := p.Cmd.Process.Signal(signal); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return nil, fmt.Errorf("end %s: %w", n.name, err)
	}
	<-p.Exited
	return p, nil
}

// close ends everything of the node.
func (n *Node) close() error {
	err := n.Kill()
	n.keepers.Wait()
	return err
}

// awaitReady asks /readyz until it answers 200.
func awaitReady(ctx context.Context, base string) error {
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for {
		err := asksReady(ctx, base)
		if err == nil {
			return nil
		}
		select {
		case <-ctx.Done():
			return errors.Join(ctx.Err(), err)
		case <-tick.C:
		}
	}
}

func asksReady(ctx context.Context, base string) error {
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, base+"/readyz", nil)
	if err != nil {
		return err
	}
	req.Close = true
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return err
	}
	body, err := io.ReadAll(io.LimitReader(resp.Body, 1<<10))
	if err = errors.Join(err, resp.Body.Close()); err == nil && resp.StatusCode != http.StatusOK {
		err = fmt.Errorf("%s: %s", resp.Status, strings.TrimSpace(string(body)))
	}
	return err
}

func hostPort(host string, port int) string { return net.JoinHostPort(host, strconv.Itoa(port)) }
