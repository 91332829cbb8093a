package repotest

import (
	"os/exec"
	"runtime"
	"syscall"
)

// terminate asks a process to end in order.
const terminate = syscall.SIGTERM

// run starts a process that dies with this one. The kernel sends that signal
// when the thread that started the process ends, so one thread is kept for it
// and does nothing else.
func run(cmd *exec.Cmd) (*process, error) {
	dieWithUs(cmd)
	p := &process{cmd: cmd, exited: make(chan struct{})}
	started := make(chan error)
	go func() {
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		err := cmd.Start()
		started <- err
		if err == nil {
			_ = cmd.Wait() // it is killed more often than not
			close(p.exited)
		}
	}()
	return p, <-started
}
