package repotest

import (
	"os/exec"
	"runtime"
	"syscall"
)

// terminate asks a process to end in order.
const terminate = syscall.SIGTERM

// run starts a process that dies with this one.
func run(cmd *exec.Cmd) (*process, error) {
	dieWithUs(cmd)
	p := &process{cmd: cmd, exited: make(chan struct{})}
	err := StartOnThread(cmd, func(error) { close(p.exited) }) // it is killed more often than not
	return p, err
}

// StartOnThread starts cmd on a thread that is kept until the process has
// ended and does nothing else. The kernel sends SysProcAttr.Pdeathsig when the
// thread that started the process ends: on one of Go's own it may come at any
// time. A process that has started is waited for, and ended is called once,
// from another goroutine, with what cmd.Wait returned.
func StartOnThread(cmd *exec.Cmd, ended func(error)) error {
	started := make(chan error, 1)
	go func() {
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		err := cmd.Start()
		started <- err
		if err == nil {
			ended(cmd.Wait())
		}
	}()
	return <-started
}
