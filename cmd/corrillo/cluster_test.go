package main

import (
	"encoding/json"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/corrillo/corrillo/wire/admin"
)

// wellCluster is two members that are well, one of them on its way out.
func wellCluster() admin.Cluster {
	return admin.Cluster{Generation: 12, Self: "aaaaaaaaaa", Nodes: []admin.ClusterNode{
		{ID: "aaaaaaaaaa", Address: "10.0.0.1:7946", State: admin.NodeActive, Since: 3, Version: "v1.2.3", Generation: 12, LeaseValid: true, LeaseMs: 3250,
			Users: 801, Conversations: 402, Sessions: 1503, Links: []admin.ClusterLink{{To: "bbbbbbbbbb", Up: true, Queued: 17, QueuedBytes: 4096, RTTMs: 0.25}}},
		{ID: "bbbbbbbbbb", Address: "10.0.0.2:7946", State: admin.NodeLeaving, Since: 5, Version: "v1.2.4", Generation: 11, LeaseValid: true, LeaseMs: 3900,
			Sessions: 99, Unsettled: 1, Held: 23, Links: []admin.ClusterLink{{To: "aaaaaaaaaa", Up: true}}},
	}}
}

// member answers as a server with this cluster does, and gives its address.
func member(t *testing.T, c admin.Cluster) string {
	t.Helper()
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != admin.ClusterPath {
			http.NotFound(w, r)
			return
		}
		if err := json.NewEncoder(w).Encode(c); err != nil {
			t.Error(err)
		}
	}))
	t.Cleanup(s.Close)
	return s.Listener.Addr().String()
}

func TestClusterStatus(t *testing.T) {
	for name, tc := range map[string]struct {
		change func(c *admin.Cluster)
		code   int
		stdout []string // lines, with one space where there are some
		stderr string
	}{
		"well": {func(*admin.Cluster) {}, 0, []string{
			"generation 12, as aaaaaaaaaa sees it",
			"NODE ADDRESS STATE SINCE VERSION VIEW LEASE USERS CONVERSATIONS SESSIONS UNSETTLED HELD",
			"aaaaaaaaaa 10.0.0.1:7946 active 3 v1.2.3 12 3.2s 801 402 1503 0 0",
			"bbbbbbbbbb 10.0.0.2:7946 leaving 5 v1.2.4 11 3.9s 0 0 99 1 23",
			"aaaaaaaaaa bbbbbbbbbb up 17 4096 0.25ms",
			"bbbbbbbbbb aaaaaaaaaa up 0 0 -",
		}, ""},
		"link down": {func(c *admin.Cluster) { c.Nodes[1].Links[0].Up = false }, 1, []string{"bbbbbbbbbb aaaaaaaaaa DOWN 0 0 -"},
			"corrillo: bbbbbbbbbb (10.0.0.2:7946): the link to aaaaaaaaaa (10.0.0.1:7946) is down\n"},
		"link down, and it is known why": {func(c *admin.Cluster) {
			c.Nodes[1].Links[0] = admin.ClusterLink{To: "aaaaaaaaaa", Why: "connection refused"}
		}, 1,
			[]string{"bbbbbbbbbb aaaaaaaaaa DOWN 0 0 -"},
			"corrillo: bbbbbbbbbb (10.0.0.2:7946): the link to aaaaaaaaaa (10.0.0.1:7946) is down: connection refused\n"},
		"lease lapsed": {func(c *admin.Cluster) { c.Nodes[1].LeaseValid = false }, 1, []string{"bbbbbbbbbb 10.0.0.2:7946 leaving 5 v1.2.4 11 lapsed 0 0 99 1 23"},
			"corrillo: bbbbbbbbbb (10.0.0.2:7946): its lease has lapsed\n"},
		"no answer of one": {func(c *admin.Cluster) {
			c.Nodes[1] = admin.ClusterNode{ID: "bbbbbbbbbb", Address: "10.0.0.2:7946", State: admin.NodeActive, Since: 5, Error: "gone\x1b[2J"}
		}, 1, []string{"bbbbbbbbbb 10.0.0.2:7946 active 5 no answer - - - - - - -"}, "corrillo: bbbbbbbbbb (10.0.0.2:7946) does not answer: gone\uFFFD[2J\n"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := wellCluster()
			tc.change(&c)
			stdout, stderr, code := corrillo(t, t.TempDir(), nil, "cluster", "status", "--admin-addr="+member(t, c))
			if code != tc.code || stderr != tc.stderr {
				t.Errorf("exit code %d, want %d; stderr %q, want %q", code, tc.code, stderr, tc.stderr)
			}
			var lines []string
			for line := range strings.Lines(stdout) {
				lines = append(lines, strings.Join(strings.Fields(line), " "))
			}
			have := "\n" + strings.Join(lines, "\n") + "\n"
			for _, want := range tc.stdout {
				if !strings.Contains(have, "\n"+want+"\n") {
					t.Errorf("the line %q is missing:\n%s", want, stdout)
				}
			}
		})
	}
}

// A member that does not answer leaves the columns of the others as they are.
func TestClusterStatus_Columns(t *testing.T) {
	c := wellCluster()
	c.Nodes = append(c.Nodes, c.Nodes[0])
	c.Nodes[1].Error = "gone"
	stdout, _, _ := corrillo(t, t.TempDir(), nil, "cluster", "status", "--admin-addr="+member(t, c))
	lines := strings.Split(stdout, "\n")
	head, first, last := lines[2], lines[3], lines[5]
	if at := strings.Index(head, "SESSIONS"); first != last || strings.Index(first, "1503") != at {
		t.Errorf("the columns are not one below the other:\n%s", stdout)
	}
}

// The JSON is what the member answers, also when something is wrong; the
// address comes from where the server has it.
func TestClusterStatus_JSON(t *testing.T) {
	c := wellCluster()
	c.Nodes[0].LeaseValid = false
	addr := member(t, c)
	_, port, err := net.SplitHostPort(addr)
	if err != nil {
		t.Fatal(err)
	}
	for name, tc := range map[string]struct {
		env  []string
		file string
	}{
		"environment":                        {env: []string{"CORRILLO_ADMIN_ADDR=" + addr}},
		"environment, all addresses":         {env: []string{"CORRILLO_ADMIN_ADDR=0.0.0.0:" + port}},
		"settings file, without an address":  {file: "adminAddr: ':" + port + "'\n"},
		"settings file, lacking auth's keys": {file: "auth: {mode: jwt}\nadminAddr: " + addr + "\n"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			if tc.file != "" {
				write(t, dir, "corrillo.yaml", tc.file)
			}
			stdout, stderr, code := corrillo(t, dir, tc.env, "cluster", "status", "--json")
			want, err := json.Marshal(c)
			if err != nil {
				t.Fatal(err)
			}
			if code != 1 || stdout != string(want)+"\n" || !strings.Contains(stderr, "its lease has lapsed") {
				t.Errorf("exit code %d\n%s\n%s", code, stdout, stderr)
			}
		})
	}
}

func TestClusterStatus_Fails(t *testing.T) {
	alone := httptest.NewServer(http.NotFoundHandler())
	defer alone.Close()
	other := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte("hello")) }))
	defer other.Close()
	joining := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		http.Error(w, "joining; no link to b at 10.0.0.2:7946", http.StatusServiceUnavailable)
	}))
	defer joining.Close()
	for addr, want := range map[string]string{
		joining.Listener.Addr().String(): "the server there is not a member yet: joining; no link to b at 10.0.0.2:7946\n",
		alone.Listener.Addr().String():   "it was started without --cluster-listen, or this is not its admin address",
		other.Listener.Addr().String():   "does not answer as a member of a cluster does",
		"127.0.0.1:1":                    "refused; --admin-addr says where a member has its admin address",
		"nonsense":                       `--admin-addr "nonsense" is not HOST:PORT`,
		"off":                            "has no admin address",
	} {
		_, stderr, code := corrillo(t, t.TempDir(), nil, "cluster", "status", "--admin-addr="+addr)
		if code != 1 || !strings.Contains(stderr, want) {
			t.Errorf("%s: exit code %d, %q", addr, code, stderr)
		}
	}
}
