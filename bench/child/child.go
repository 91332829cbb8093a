package child

import (
	"os/exec"

	"github.com/corrillo/corrillo/repo/repotest"
)

// Process is one that runs, or has run.
type Process struct {
	Cmd    *exec.Cmd
	Exited chan struct{} // closed at its end
	Err    error         // of Cmd.Wait; read it after Exited
}

// Start runs cmd so that it dies with this process.
func Start(cmd *exec.Cmd) (*Process, error) {
	dieWithUs(cmd)
	p := &Process{Cmd: cmd, Exited: make(chan struct{})}
	err := repotest.StartOnThread(cmd, func(err error) {
		p.Err = err
		close(p.Exited)
	})
	return p, err
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
