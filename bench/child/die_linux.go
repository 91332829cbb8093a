package child

import (
	"os/exec"
	"syscall"
)

// dieWithUs has the kernel kill the process when this one ends.
func dieWithUs(cmd *exec.Cmd) {
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
}
