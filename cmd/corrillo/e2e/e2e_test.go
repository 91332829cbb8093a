// Package e2e runs unmodified socket.io-client of several versions, over
// every transport, against the built binary. The suite itself is in
// JavaScript (suite/); `make test` installs what it needs.
package e2e

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/corrillo/corrillo/bench/server"
	"github.com/corrillo/corrillo/repo/repotest"
)

const webhookSecret = "the back end's secret"

// clients are the aliases in package.json.
var clients = []string{"latest", "4.8", "4.0", "3.1"}

// MariaDB is run with one client: what differs is the store, not the wire.
const mariaDBClient = "latest"

func TestMain(m *testing.M) { repotest.Main(m) }

func TestClients(t *testing.T) {
	needNode(t)
	binary, err := server.Build(t.Context(), t.TempDir(), server.RaceDetector)
	if err != nil {
		t.Fatal(err)
	}
	sqlite := start(t, binary, "")
	portable := start(t, binary, "", "--reader=portable")
	mariadb := start(t, binary, repotest.MariaDB(t))
	t.Run("matrix", func(t *testing.T) {
		for _, client := range clients {
			t.Run(client+"/SQLite", func(t *testing.T) {
				t.Parallel()
				runSuite(t, sqlite.URL(), binary, client)
			})
			t.Run(client+"/SQLite, portable reader", func(t *testing.T) {
				t.Parallel()
				runSuite(t, portable.URL(), binary, client)
			})
		}
		t.Run(mariaDBClient+"/MariaDB", func(t *testing.T) {
			t.Parallel()
			runSuite(t, mariadb.URL(), binary, mariaDBClient)
		})
	})
}

// needNode fails, with what to do, when the suite cannot run.
func needNode(t *testing.T) {
	t.Helper()
	if _, err := exec.LookPath("node"); err != nil {
		t.Fatal("node is not on this machine: `make test` says how to get it (Node 20 or newer)")
	}
	for _, client := range clients {
		if _, err := os.Stat(filepath.Join("node_modules", "client-"+client, "package.json")); err != nil {
			t.Fatalf("socket.io-client %s is not installed: run `make test`, or `npm ci` in cmd/corrillo/e2e: %v", client, err)
		}
	}
}

// start runs the server with the settings of the suite, and fails the test at
// its end when the server has not behaved.
func start(t *testing.T, binary, databaseURL string, args ...string) *server.Server {
	t.Helper()
	s, err := server.Start(t.Context(), server.Options{
		Binary: binary, Dir: t.TempDir(), DatabaseURL: databaseURL,
		Args: append([]string{"--presence-grace=300ms", "--drain-period=2s", "--log-level=info"}, args...),
		Env:  []string{"WEBHOOK_SECRET=" + webhookSecret},
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
		if t.Failed() {
			t.Logf("the server's output:\n%s", s.Output())
		}
	})
	return s
}

// suiteWithin bounds one client's run; a run that is well takes a tenth.
const suiteWithin = 4 * time.Minute

func runSuite(t *testing.T, url, binary, client string) {
	t.Helper()
	files, err := filepath.Glob("suite/*.test.js")
	if err != nil || len(files) == 0 {
		t.Fatalf("no suite: %v", err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), suiteWithin)
	defer cancel()
	cmd := exec.CommandContext(ctx, "node", append([]string{"--test", "--test-reporter=spec"}, files...)...) //nolint:gosec // our own files
	cmd.Env = append(os.Environ(),
		"E2E_CLIENT="+client, "E2E_URL="+url, "E2E_BINARY="+binary, "E2E_WEBHOOK_SECRET="+webhookSecret,
		"TMPDIR="+t.TempDir(), "NO_COLOR=1", "FORCE_COLOR=0")
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Errorf("socket.io-client %s: %v\n%s", client, err, failures(string(out)))
	}
	if testing.Verbose() {
		t.Logf("%s", out)
	}
}

// failures is the part of node's report that says what failed, or its end.
func failures(out string) string {
	const most = 20_000
	if len(out) > most {
		return fmt.Sprintf("[%d bytes left out]\n%s", len(out)-most, out[len(out)-most:])
	}
	return out
}
