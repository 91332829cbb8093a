// Package child runs a server as a process that does not outlive this one.
package child

import (
	"os/exec"
	"runtime"
)

// Process is one that runs, or has run.
type Process struct {
	Cmd    *exec.Cmd
	Exited chan struct{} // closed at its end
	Err    error         // of Cmd.Wait; read it after Exited
}

// Start runs cmd so that it dies with this process. The kernel sends that
// signal when the thread that started it ends, so one thread is kept for it.
func Start(cmd *exec.Cmd) (*Process, error) {
	dieWithUs(cmd)
	p := &Process{Cmd: cmd, Exited: make(chan struct{})}
	started := make(chan error, 1)
	go func() {
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		err := cmd.Start()
		started <- err
		if err == nil {
			p.Err = cmd.Wait()
			close(p.Exited)
		}
	}()
	return p, <-started
}

// HasExited reports that it has ended.
func (p *Process) HasExited() bool {
	select {
	case <-p.Exited:
		return true
	default:
		return false
	}
}
