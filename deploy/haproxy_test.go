package deploy_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/corrillo/corrillo/repo/repotest"
)

// haproxyProgram is where HAProxy is.
func haproxyProgram(t *testing.T) string {
	t.Helper()
	haproxy, err := exec.LookPath("haproxy")
	if err != nil {
		haproxy = "/usr/sbin/haproxy" // where only root's PATH leads
	}
	if _, err := os.Stat(haproxy); err != nil {
		t.Fatal("HAProxy is not on this machine: make deps installs it")
	}
	return haproxy
}

// withoutCompose writes haproxy.cfg as its comments say for nodes that are no
// names of a Compose network, and as change has it.
func withoutCompose(t *testing.T, change func(string) string) (file string) {
	t.Helper()
	own := regexp.MustCompile(`(?m)^resolvers docker\n(?: .*\n)+|^.* resolvers docker .*\n`).ReplaceAllString(read(t, "haproxy.cfg"), "")
	file = filepath.Join(t.TempDir(), "haproxy.cfg")
	if err := os.WriteFile(file, []byte(change(own)), 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}

// While no node is ready, who has a session reaches the nodes, and nobody else.
func TestHAProxy_KeepsSessions(t *testing.T) {
	haproxy := haproxyProgram(t)
	var ready atomic.Bool
	node := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/readyz" && !ready.Load() {
			w.WriteHeader(http.StatusServiceUnavailable)
		}
	}))
	defer node.Close()
	port, err := repotest.FreePort()
	if err != nil {
		t.Fatal(err)
	}
	file := withoutCompose(t, func(s string) string {
		s = regexp.MustCompile(`\bnode\d:3001`).ReplaceAllString(s, node.Listener.Addr().String())
		s = strings.Replace(s, "bind :3001", fmt.Sprintf("bind 127.0.0.1:%d", port), 1)
		return strings.Replace(s, "maxconn 100000", "maxconn 100", 1)
	})
	cmd := exec.Command(haproxy, "-db", "-f", file)
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() { _ = cmd.Process.Kill(); _ = cmd.Wait() }() // it was killed
	poll := func(query string) (status int) {
		resp, err := http.Get(fmt.Sprintf("http://127.0.0.1:%d/socket.io/?EIO=4&transport=polling%s", port, query))
		if err != nil {
			return 0
		}
		_ = resp.Body.Close()
		return resp.StatusCode
	}
	await := func(query string, want int) {
		t.Helper()
		for end := time.Now().Add(30 * time.Second); poll(query) != want; time.Sleep(20 * time.Millisecond) {
			if time.Now().After(end) {
				t.Fatalf("%q is answered with %d, want %d", query, poll(query), want)
			}
		}
	}
	await("", http.StatusServiceUnavailable)
	if got := poll("&sid=a.b"); got != http.StatusOK {
		t.Errorf("a session's poll is answered with %d", got)
	}
	ready.Store(true)
	await("", http.StatusOK)
}
