package e2e

import (
	"fmt"
	"net/http/httptest"
	"regexp"
	"sync/atomic"
	"testing"
	"time"

	"github.com/corrillo/corrillo/bench/server"
	"github.com/corrillo/corrillo/repo/repotest"
)

// clusterClients are those that recover their sessions; every version takes its
// requests in turn in TestClients_RequestsInTurn.
var clusterClients = []string{"latest"}

// Two nodes and a balancer that sends each request to the next one are, for
// every client, one server.
func TestClients_Cluster(t *testing.T) {
	needNode(t)
	binary, err := server.Build(t.Context(), t.TempDir(), server.RaceDetector)
	if err != nil {
		t.Fatal(err)
	}
	database := repotest.MariaDB(t)
	var nodes [2]*server.Server
	for i := range nodes {
		port, err := repotest.FreePort()
		if err != nil {
			t.Fatal(err)
		}
		nodes[i] = start(t, binary, database, fmt.Sprintf("--cluster-listen=127.0.0.1:%d", port),
			"--cluster-secret=nobody can guess thirty-two bytes", "--cluster-lease=10s")
	}
	for _, n := range nodes {
		awaitBoth(t, n)
	}
	var turn atomic.Uint64
	balancer := httptest.NewServer(proxyTo(t, func() string { return nodes[turn.Add(1)%2].URL() }))
	defer balancer.Close()
	for _, client := range clusterClients {
		t.Run(client, func(t *testing.T) { runSuite(t, balancer.URL, binary, client) })
	}
}

// awaitBoth returns when the node knows of two nodes; one that has joined is
// ready a moment before the others have heard of it.
func awaitBoth(t *testing.T, n *server.Server) {
	t.Helper()
	for end := time.Now().Add(time.Minute); !bothNodes.MatchString(n.Output()); time.Sleep(10 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatal("the node knows of no other one")
		}
	}
}

var bothNodes = regexp.MustCompile(`the cluster has changed.*\bnodes"?[:=]2\b`)
