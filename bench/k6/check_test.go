package k6_test

import (
	"context"
	"errors"
	"flag"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/corrillo/corrillo/bench/server"
)

var k6 = flag.String("k6", "", "command that runs k6, from the root of the project; without it no script is run")

const (
	root          = "../.."
	jwtSecret     = "a secret of at least 32 bytes, for tests"
	webhookSecret = "s3cret"
	signingSecret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
	thresholds    = 99 // k6's exit code when one is crossed
)

// The modules that scripts are made of are plain ES modules.
func TestLib(t *testing.T) {
	node, err := exec.LookPath("node")
	if err != nil {
		t.Skip("no Node here")
	}
	files, err := filepath.Glob("lib/*.test.js")
	if err != nil || len(files) == 0 {
		t.Fatalf("no tests: %v", err)
	}
	out, err := exec.CommandContext(t.Context(), node, append([]string{"--test"}, files...)...).CombinedOutput() //nolint:gosec // our own files
	if err != nil {
		t.Errorf("%v\n%s", err, out)
	}
}

// run runs a script of k6 and returns its exit code.
func run(ctx context.Context, t *testing.T, script string, env ...string) int {
	t.Helper()
	args := append(strings.Fields(*k6), "run", "--quiet", "--no-usage-report")
	for _, e := range env {
		args = append(args, "-e", e)
	}
	cmd := exec.CommandContext(ctx, args[0], append(args[1:], "bench/k6/"+script)...) //nolint:gosec // our own scripts
	cmd.Dir = root
	out, err := cmd.CombinedOutput()
	t.Logf("%s %s\n%s", script, strings.Join(env, " "), out)
	var exit *exec.ExitError
	if errors.As(err, &exit) {
		return exit.ExitCode()
	}
	if err != nil {
		t.Fatal(err)
	}
	return 0
}

func start(t *testing.T, binary string, args ...string) *server.Server {
	t.Helper()
	s, err := server.Start(t.Context(), server.Options{
		Binary: binary, Dir: t.TempDir(),
		Args: append([]string{"--limits=off", "--log-level=warn", "--drain-period=1s"}, args...),
		Env:  []string{"WEBHOOK_SECRET=" + webhookSecret, "CORRILLO_WEBHOOK_SIGNING_SECRETS=" + signingSecret},
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Stop(); err != nil {
			t.Error(err)
		}
		if faults := s.Faults(); faults != "" {
			t.Errorf("the server's output tells of a fault:\n%s", faults)
		}
	})
	return s
}

var dialects = []string{"plain", "socketio"}

// brief is each script for a few seconds.
var brief = []struct {
	name, script string
	env          []string
}{
	{"connections", "connections.js", []string{"CONNECTIONS=200", "STEPS=2", "HOLD=1s", "BEAT=1s"}},
	{"chat closed loop", "chat.js", []string{"CONNECTIONS=100", "DURATION=2s", "IN_FLIGHT=4"}},
	{"chat paced", "chat.js", []string{"CONNECTIONS=100", "DURATION=2s", "RATE=100", "SENDERS=2"}},
	{"fanout", "fanout.js", []string{"CONNECTIONS=200", "DURATION=2s", "RATE=20"}},
	{"soak", "soak.js", []string{"CONNECTIONS=40", "DURATION=5s", "EVERY=500ms", "RECONNECT=1s", "BEAT=1s"}},
	{"spike", "spike.js", []string{"BASE=20", "SPIKE=100", "HOLD=1s", "CALM=1s"}},
	{"webhook", "webhook.js", []string{"CONNECTIONS=40", "DURATION=2s", "REPEAT=0.5", "WEBHOOK_SECRET=" + webhookSecret}},
	{"webhook signed", "webhook.js", []string{"CONNECTIONS=40", "DURATION=2s", "REPEAT=0.5", "SIGNING_SECRET=" + signingSecret}},
}

// faults break a promise each; every one must fail a run.
var faults = []struct {
	name  string
	fault fault
}{
	{"an ack is lost", fault{[]string{`{"ack":`, "43"}, `"status":"sent"`, 5, 0}},
	{"the event message_ack is lost", fault{[]string{`{"event":"message_ack"`, `42["message_ack"`}, "", 5, 0}},
	{"an ack comes twice", fault{[]string{`{"event":"message_ack"`, `42["message_ack"`}, "", 5, 2}},
	{"a delivery is lost", fault{[]string{`{"event":"new_message"`, `42["new_message"`}, "", 50, 0}},
	{"a delivery comes twice", fault{[]string{`{"event":"new_message"`, `42["new_message"`}, "", 50, 2}},
}

func TestScripts(t *testing.T) {
	if *k6 == "" {
		t.Skip("make k6-check runs the scripts")
	}
	binary, err := server.Build(t.Context(), t.TempDir(), false)
	if err != nil {
		t.Fatal(err)
	}
	trust := start(t, binary)
	for _, dialect := range dialects {
		base := []string{"URL=" + trust.URL(), "DIALECT=" + dialect}
		for _, b := range brief {
			t.Run(b.name+"/"+dialect, func(t *testing.T) {
				if code := run(t.Context(), t, b.script, append(base, b.env...)...); code != 0 {
					t.Errorf("exit code %d", code)
				}
			})
		}
		for _, f := range faults {
			t.Run(f.name+"/"+dialect, func(t *testing.T) { broken(t, trust, dialect, f.fault) })
		}
		t.Run("two machines/"+dialect, func(t *testing.T) { twoMachines(t, dialect, base) })
	}
	jwt := start(t, binary, "--auth-mode=jwt", "--auth-jwt-secret="+jwtSecret)
	for _, dialect := range dialects {
		t.Run("tokens/"+dialect, func(t *testing.T) { tokens(t, "URL="+jwt.URL(), "DIALECT="+dialect) })
	}
}

// broken runs a chat through a proxy that makes the fault.
func broken(t *testing.T, s *server.Server, dialect string, f fault) {
	p := startProxy(t, s.Addr(), f)
	code := run(t.Context(), t, "chat.js", "URL=http://"+p.addr, "DIALECT="+dialect, "CONNECTIONS=100", "DURATION=3s", "ACK_TIMEOUT=2s")
	if !p.made() {
		t.Fatal("the fault was not made")
	}
	if code != thresholds {
		t.Errorf("exit code %d, want %d: the run did not see the fault", code, thresholds)
	}
}

// twoMachines load one room from two processes.
func twoMachines(t *testing.T, dialect string, base []string) {
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	var wg sync.WaitGroup
	for _, instance := range []string{"a", "b"} {
		wg.Go(func() {
			env := append([]string{"INSTANCE=" + instance, "RUN=two-" + dialect, "SHARE=rooms", "CONNECTIONS=50", "DURATION=3s", "RATE=10"}, base...)
			if code := run(ctx, t, "fanout.js", env...); code != 0 {
				t.Errorf("machine %s: exit code %d", instance, code)
			}
		})
	}
	wg.Wait()
}

// tokens are minted in k6, and needed.
func tokens(t *testing.T, base ...string) {
	env := append([]string{"CONNECTIONS=20", "DURATION=1s"}, base...)
	if code := run(t.Context(), t, "chat.js", append(env, "TOKEN_SECRET="+jwtSecret)...); code != 0 {
		t.Errorf("with a good secret: exit code %d", code)
	}
	if code := run(t.Context(), t, "chat.js", append(env, "TOKEN_SECRET=not the server's secret, but as long")...); code != thresholds {
		t.Errorf("with a wrong secret: exit code %d, want %d", code, thresholds)
	}
}
