package e2e

import (
	"bufio"
	"context"
	"io"
	"net/http/httptest"
	"os"
	"os/exec"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/corrillo/corrillo/wire/transport"
)

// A node that drains, whose own clients and those that it passes on are
// anywhere between handshake and upgrade, is done soon and leaves none of them
// silent: all go on at the other node.
func TestClients_ComeAndGoDuringDrain(t *testing.T) {
	needNode(t)
	outer, servers := startPair(t, transport.Options{})
	var turn atomic.Uint64
	var down atomic.Bool
	balancer := httptest.NewServer(proxyTo(t, func() string {
		if down.Load() {
			return outer[0]
		}
		return outer[turn.Add(1)%2]
	}))
	defer balancer.Close()

	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, "node", "drain.js")
	cmd.Env = append(os.Environ(), "E2E_URL="+balancer.URL, "E2E_CLIENTS="+strings.Join(clients, ","), "NO_COLOR=1")
	stay, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	said, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	var told strings.Builder
	cmd.Stderr = &told
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	if _, err := bufio.NewReader(said).ReadString('\n'); err != nil {
		t.Errorf("the clients do not come: %v", err)
	}
	if _, err := io.WriteString(stay, "stay\n"); err != nil {
		t.Error(err)
	}
	noticed := time.AfterFunc(300*time.Millisecond, func() { down.Store(true) }) // as a check of a balancer does
	defer noticed.Stop()
	begun := time.Now()
	if err := servers[1].Drain(ctx, 0); err != nil {
		t.Error(err)
	}
	t.Logf("drained after %v", time.Since(begun))
	if err := cmd.Wait(); err != nil {
		t.Errorf("%v\n%s", err, told.String())
	}
}
