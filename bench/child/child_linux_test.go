package child_test

import (
	"bufio"
	"io"
	"os"
	"os/exec"
	"runtime"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/corrillo/corrillo/bench/child"
)

// asParent makes the test binary start a process that never ends by itself,
// and wait for it.
const asParent = "TEST_CHILD_PARENT"

func TestMain(m *testing.M) {
	if os.Getenv(asParent) != "" {
		beParent()
		return
	}
	goleak.VerifyTestMain(m)
}

func beParent() {
	cmd := exec.Command("sh", "-c", "echo up; exec sleep 600")
	cmd.Stdout = os.Stdout
	// Threads that come and go take no process with them.
	for range 20 {
		go runtime.LockOSThread()
	}
	p, err := child.Start(cmd)
	if err != nil {
		os.Exit(1)
	}
	<-p.Exited
}

// The end of the output tells that nobody is left to write to it.
func TestStart_DiesWithItsParent(t *testing.T) {
	parent := exec.Command(os.Args[0]) //nolint:gosec // ourselves
	parent.Env = append(os.Environ(), asParent+"=1")
	read, write, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = read.Close() }()
	parent.Stdout = write
	if err := parent.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() {
		_ = parent.Process.Kill() // it may be gone
		_ = parent.Wait()         // it was killed
	}()
	_ = write.Close()
	if err := read.SetReadDeadline(time.Now().Add(time.Minute)); err != nil {
		t.Fatal(err)
	}
	output := bufio.NewReader(read)
	if line, err := output.ReadString('\n'); line != "up\n" {
		t.Fatalf("%q, %v", line, err)
	}
	if err := parent.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	if rest, err := io.ReadAll(output); err != nil {
		t.Errorf("it outlives its parent: %q, %v", rest, err)
	}
}

func TestStart_TellsOfItsEnd(t *testing.T) {
	p, err := child.Start(exec.Command("sh", "-c", "exit 3"))
	if err != nil {
		t.Fatal(err)
	}
	<-p.Exited
	if !p.HasExited() || p.Cmd.ProcessState.ExitCode() != 3 || p.Err == nil {
		t.Errorf("%v, %v", p.Cmd.ProcessState, p.Err)
	}
	if _, err := child.Start(exec.Command("/no/such/program")); err == nil {
		t.Error("started")
	}
}
