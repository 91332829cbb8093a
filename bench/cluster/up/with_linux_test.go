package main

import (
	"os/exec"
	"strings"
	"testing"
)

// The context of who runs with a process ends with that process, however that
// comes about, and not before.
func TestEndWith(t *testing.T) {
	cmd := exec.Command("sleep", "600")
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	pid := cmd.Process.Pid
	other, leave, err := endWith(t.Context(), pid)
	if err != nil {
		t.Fatal(err)
	}
	leave() // while it runs
	ctx, leave, err := endWith(t.Context(), pid)
	if err != nil {
		t.Fatal(err)
	}
	defer leave()
	if other.Err() == nil || ctx.Err() != nil {
		t.Errorf("of the one that was left %v, of the other %v", other.Err(), ctx.Err())
	}
	if err := cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	<-ctx.Done()
	_ = cmd.Wait() // it was killed
	if _, _, err := endWith(t.Context(), pid); err == nil || !strings.Contains(err.Error(), "has ended") {
		t.Errorf("with nobody: %v", err)
	}
}
