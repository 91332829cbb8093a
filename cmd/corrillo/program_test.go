package main

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/corrillo/corrillo/repo/repotest"
)

// runAsProgram makes the test binary be corrillo: the tests below run it as
// the process it is, with the race detector in it.
const runAsProgram = "TEST_RUN_AS_CORRILLO"

// endsAtOnce is for the race detector: at the end of a process it waits for a
// second, for goroutines that are not there any more. Races are told as ever.
const endsAtOnce = "GORACE=atexit_sleep_ms=0"

func TestMain(m *testing.M) {
	if os.Getenv(runAsProgram) != "" {
		main()
		return
	}
	os.Exit(m.Run())
}

// patience bounds every wait for something that must happen.
const patience = 60 * time.Second

// process is a corrillo that runs beside the test.
type process struct {
	t      *testing.T
	cmd    *exec.Cmd
	output output
	done   chan struct{}
}

// output collects what a process prints and wakes those who wait for a text.
type output struct {
	mu   sync.Mutex
	cond *sync.Cond
	buf  bytes.Buffer
	end  bool
}

func (o *output) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.cond.Broadcast()
	return o.buf.Write(p)
}

func (o *output) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.buf.String()
}

// command prepares corrillo in dir; env replaces everything that would be
// taken for a setting.
func command(t *testing.T, dir string, env []string, args ...string) *exec.Cmd {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), self, args...)
	cmd.Dir = dir
	cmd.Env = append([]string{runAsProgram + "=1", endsAtOnce, "PATH=" + os.Getenv("PATH"), "HOME=" + dir, "TMPDIR=" + os.TempDir()}, env...)
	return cmd
}

// corrillo runs a command to its end.
func corrillo(t *testing.T, dir string, env []string, args ...string) (stdout, stderr string, code int) {
	t.Helper()
	cmd := command(t, dir, env, args...)
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	err := cmd.Run()
	if err != nil && cmd.ProcessState == nil {
		t.Fatal(err)
	}
	return out.String(), errs.String(), cmd.ProcessState.ExitCode()
}

// start runs a command beside the test, and kills it at its end.
func start(t *testing.T, dir string, env []string, args ...string) *process {
	t.Helper()
	return begin(t, command(t, dir, env, args...))
}

// begin is start for a command that is prepared.
func begin(t *testing.T, cmd *exec.Cmd) *process {
	t.Helper()
	p := &process{t: t, cmd: cmd, done: make(chan struct{})}
	p.output.cond = sync.NewCond(&p.output.mu)
	p.cmd.Stdout, p.cmd.Stderr = &p.output, &p.output
	if err := p.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go func() {
		_ = p.cmd.Wait() // the exit code is looked at where it counts
		p.output.mu.Lock()
		p.output.end = true
		p.output.cond.Broadcast()
		p.output.mu.Unlock()
		close(p.done)
	}()
	t.Cleanup(func() {
		_ = p.cmd.Process.Kill() // it may be gone
		<-p.done
		if t.Failed() {
			t.Logf("%s:\n%s", strings.Join(cmd.Args, " "), p.output.String())
		}
	})
	return p
}

// await waits until the process has printed each text.
func (p *process) await(texts ...string) {
	p.t.Helper()
	timer := time.AfterFunc(patience, p.output.cond.Broadcast)
	defer timer.Stop()
	limit := time.Now().Add(patience)
	p.output.mu.Lock()
	defer p.output.mu.Unlock()
	for _, text := range texts {
		for !strings.Contains(p.output.buf.String(), text) {
			if p.output.end || time.Now().After(limit) {
				p.t.Fatalf("it never printed %q", text)
			}
			p.output.cond.Wait()
		}
	}
}

// exit waits for the end and gives the exit code.
func (p *process) exit() int {
	p.t.Helper()
	select {
	case <-p.done:
	case <-time.After(patience):
		p.t.Fatal("it does not end")
	}
	return p.cmd.ProcessState.ExitCode()
}

func (p *process) signal(s os.Signal) {
	p.t.Helper()
	if err := p.cmd.Process.Signal(s); err != nil {
		p.t.Fatal(err)
	}
}

// server is a corrillo serve on ports of its own.
type testServer struct {
	*process
	url, admin string
}

// serve starts serve in dir; ready says whether to wait until it is.
func serve(t *testing.T, dir string, ready bool, env []string, args ...string) *testServer {
	t.Helper()
	return serveWithin(t, 0, dir, ready, env, args...)
}

// serveWithin is serve for a process that may open only so many files; 0: as
// many as this one.
func serveWithin(t *testing.T, files int, dir string, ready bool, env []string, args ...string) *testServer {
	t.Helper()
	port, admin := freePort(t), freePort(t)
	args = append([]string{"serve", "--host=127.0.0.1", fmt.Sprint("--port=", port), fmt.Sprint("--admin-addr=127.0.0.1:", admin)}, args...)
	cmd := command(t, dir, env, args...)
	if files > 0 {
		shell := exec.CommandContext(t.Context(), "sh", append([]string{"-c", fmt.Sprintf(`ulimit -n %d && exec "$0" "$@"`, files)}, cmd.Args...)...)
		shell.Dir, shell.Env = cmd.Dir, cmd.Env
		cmd = shell
	}
	s := &testServer{
		process: begin(t, cmd),
		url:     fmt.Sprint("http://127.0.0.1:", port),
		admin:   fmt.Sprint("http://127.0.0.1:", admin),
	}
	if ready {
		s.await(`"msg":"ready"`)
	}
	return s
}

func freePort(t *testing.T) int {
	t.Helper()
	port, err := repotest.FreePort()
	if err != nil {
		t.Fatal(err)
	}
	return port
}

// get asks by HTTP; code is 0 when nobody listens.
func get(t *testing.T, url string) (code int, body string) {
	t.Helper()
	res, err := http.Get(url) //nolint:gosec // our own server
	if err != nil {
		return 0, err.Error()
	}
	defer func() { _ = res.Body.Close() }()
	var b bytes.Buffer
	if _, err := b.ReadFrom(res.Body); err != nil {
		t.Fatal(err)
	}
	return res.StatusCode, strings.TrimSpace(b.String())
}

// hook posts to the webhook with the secret "hook".
func hook(t *testing.T, url, endpoint, body string) (code int, answer string) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, url+"/webhook/"+endpoint, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer hook")
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = res.Body.Close() }()
	text, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	return res.StatusCode, string(text)
}

// awaitReady polls /readyz: nobody tells when a store is back.
func (s *testServer) awaitReady(want int) string {
	s.t.Helper()
	for limit := time.Now().Add(patience); time.Now().Before(limit); time.Sleep(20 * time.Millisecond) {
		if code, body := get(s.t, s.url+"/readyz"); code == want {
			return body
		}
	}
	s.t.Fatalf("/readyz was never %d", want)
	return ""
}

// stop ends the server as a service manager does.
func (s *testServer) stop() {
	s.t.Helper()
	s.signal(syscall.SIGTERM)
	if code := s.exit(); code != 0 {
		s.t.Fatalf("exit code %d after SIGTERM", code)
	}
}

func write(t *testing.T, dir, name, text string) {
	t.Helper()
	if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}
