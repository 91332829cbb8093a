package child

import (
	"os/exec"
	"syscall"
)

// dieWithUs has the kernel kill the process when this one ends. It is in a group
// of its own: what Ctrl-C sends to this one is for this one alone.
func dieWithUs(cmd *exec.Cmd) {
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL, Setpgid: true}
}
