//go:build !linux

package repotest

import "os/exec"

// dieWithUs does nothing where there is no such signal: Main and the test's
// cleanup end the server.
func dieWithUs(*exec.Cmd) {}
