package deploy_test

import (
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/corrillo/corrillo/deploy"
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

// written writes the file for HAProxy.
func written(t *testing.T, h deploy.HAProxy) (file string) {
	t.Helper()
	text, err := h.Text()
	if err != nil {
		t.Fatal(err)
	}
	file = filepath.Join(t.TempDir(), "haproxy.cfg")
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}

// startHAProxy runs it until the test ends.
func startHAProxy(t *testing.T, file string) {
	t.Helper()
	cmd := exec.Command(haproxyProgram(t), "-db", "-f", file)
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = cmd.Process.Kill(); _ = cmd.Wait() }) // it was killed
}

// What programs run is the file that users get, but for what they must have
// otherwise.
func TestHAProxy_Text(t *testing.T) {
	text, err := (&deploy.HAProxy{
		Bind: "fd@3", Nodes: []deploy.Node{{"a", "127.0.0.1:1"}, {"b", "127.0.0.1:2"}}, Balance: "roundrobin", Connections: 7, Quiet: true,
	}).Text()
	if err != nil {
		t.Fatal(err)
	}
	lines := func(text string) (all []string) {
		for line := range strings.Lines(text) {
			if line = strings.TrimSpace(line); line != "" && line[0] != '#' {
				all = append(all, line)
			}
		}
		return all
	}
	left, came := lines(read(t, "haproxy.cfg")), []string(nil)
	for _, line := range lines(text) { // in order, so that each stays in its section
		if i := slices.Index(left, line); i >= 0 && !strings.HasPrefix(line, "balance ") {
			left = slices.Delete(left, i, i+1)
			continue
		}
		came = append(came, line)
	}
	servers := []string{"server a 127.0.0.1:1", "server b 127.0.0.1:2"}
	if want := slices.Concat([]string{"maxconn 7", "bind fd@3", "balance roundrobin"}, servers, []string{"balance roundrobin"}, servers); !slices.Equal(came, want) {
		t.Errorf("it has these of its own: %q, want %q", came, want)
	}
	ours := []string{"server node1 node1:3001", "server node2 node2:3001", "server node3 node3:3001"}
	want := slices.Concat([]string{
		"log stdout format raw local0", "maxconn 100000", "log global", "option httplog", "option dontlognull",
		"default-server resolvers docker init-addr none", "resolvers docker", "nameserver dns 127.0.0.11:53", "hold valid 5s",
		"bind :3001", "balance leastconn",
	}, ours, []string{"balance roundrobin"}, ours)
	if !slices.Equal(left, want) {
		t.Errorf("it lacks these: %q, want %q", left, want)
	}
	if _, err := (&deploy.HAProxy{}).Text(); err == nil {
		t.Error("no node, and no error")
	}
}

// While no node is ready, who has a session reaches the nodes, and nobody else.
func TestHAProxy_KeepsSessions(t *testing.T) {
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
	file := written(t, deploy.HAProxy{
		Bind: fmt.Sprintf("127.0.0.1:%d", port), Nodes: []deploy.Node{{"node1", node.Listener.Addr().String()}}, Connections: 100,
	})
	startHAProxy(t, file)
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

// A client goes away while its poll waits: the node hears of it, and with it
// everybody who asks whether the user is there.
func TestHAProxy_TellsOfWhoGoes(t *testing.T) {
	waits, gone := make(chan struct{}, 1), make(chan struct{})
	node := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/readyz" {
			return
		}
		waits <- struct{}{}
		<-r.Context().Done()
		close(gone)
	}))
	t.Cleanup(node.Close) // after HAProxy, whose end ends its request
	port, err := repotest.FreePort()
	if err != nil {
		t.Fatal(err)
	}
	addr := fmt.Sprintf("127.0.0.1:%d", port)
	startHAProxy(t, written(t, deploy.HAProxy{
		Bind: addr, Nodes: []deploy.Node{{"node1", node.Listener.Addr().String()}}, Connections: 100,
	}))
	var client net.Conn
	for end := time.Now().Add(30 * time.Second); client == nil; time.Sleep(20 * time.Millisecond) {
		if client, err = net.Dial("tcp", addr); err != nil && time.Now().After(end) {
			t.Fatal(err)
		}
	}
	defer func() { _ = client.Close() }() // it may be closed
	if _, err := fmt.Fprintf(client, "GET /socket.io/?EIO=4&transport=polling&sid=a.b HTTP/1.1\r\nHost: test\r\n\r\n"); err != nil {
		t.Fatal(err)
	}
	<-waits
	if err := client.Close(); err != nil {
		t.Fatal(err)
	}
	select {
	case <-gone:
	case <-time.After(30 * time.Second):
		t.Fatal("the node does not hear of it")
	}
}
