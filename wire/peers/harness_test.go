package peers

import (
	"context"
	"encoding/pem"
	"fmt"
	"log/slog"
	"net"
	"os"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/corrillo/corrillo/repo/repotest"
)

var testSecret = []byte(strings.Repeat("0123456789abcdef", 2))

// node is one end in a test.
type node struct {
	*Peers
	tb   testing.TB
	id   string
	logs *logs

	mu   sync.Mutex
	got  map[string][]string // by sender
	news chan struct{}
}

// start makes a node that ends with the test; change may be nil.
func start(tb testing.TB, id string, change func(*Options)) *node {
	tb.Helper()
	identity, err := SharedSecret(testSecret)
	if err != nil {
		tb.Fatal(err)
	}
	n := &node{tb: tb, id: id, got: map[string][]string{}, news: make(chan struct{}, 1), logs: &logs{}}
	o := Options{
		Node: id, Listen: "127.0.0.1:0", Identity: identity, Cluster: "test", Build: "v0",
		Beat: 20 * time.Millisecond, Silence: 2 * time.Second, Receive: n.receive, Changed: n.wake,
		Log: slog.New(slog.NewTextHandler(n.logs, nil)),
	}
	if change != nil {
		change(&o)
	}
	if n.Peers, err = New(tb.Context(), o); err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() {
		ctx, cancel := context.WithCancel(context.Background())
		cancel()
		_ = n.Close(ctx) // what is left may be left
		if n.Stats().Panics > 0 {
			tb.Errorf("a panic: %s", n.logs)
		}
	})
	return n
}

func (n *node) receive(from string, item []byte) {
	n.mu.Lock()
	n.got[from] = append(n.got[from], string(item))
	n.mu.Unlock()
	n.wake()
}

func (n *node) wake() {
	select {
	case n.news <- struct{}{}:
	default:
	}
}

func (n *node) from(id string) []string {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.got[id][:len(n.got[id]):len(n.got[id])]
}

// patience is for what takes no time on a machine that has nothing else to do.
const patience = 30 * time.Second

// await waits until something holds that may change with what comes in, or with
// the links, or with time.
func (n *node) await(what string, holds func() bool) {
	n.tb.Helper()
	end, look := time.After(patience), time.NewTicker(10*time.Millisecond)
	defer look.Stop()
	for !holds() {
		select {
		case <-n.news:
		case <-look.C:
		case <-end:
			n.tb.Fatalf("%s: not %s; %+v\n%s", n.id, what, n.State(), n.logs)
		}
	}
}

func (n *node) awaitUp(id string) {
	n.tb.Helper()
	n.await("up to "+id, func() bool { return n.Up()[id] })
}

func (n *node) awaitDown(id string) {
	n.tb.Helper()
	n.await("down to "+id, func() bool { return !n.Up()[id] })
}

// link is how things stand with another node.
func (n *node) link(id string) Link {
	for _, l := range n.State() {
		if l.Node == id {
			return l
		}
	}
	return Link{}
}

func (n *node) peer() Peer { return Peer{ID: n.id, Address: n.Addr().String()} }

// numbered are items of their numbers.
func numbered(from, to int) []string {
	var all []string
	for i := from; i < to; i++ {
		all = append(all, fmt.Sprint(i))
	}
	return all
}

// join makes a cluster of nodes, and waits until all links are up.
func join(nodes ...*node) {
	var all []Peer
	for _, n := range nodes {
		all = append(all, n.peer())
	}
	for _, n := range nodes {
		n.Set(all)
	}
	for _, n := range nodes {
		for _, other := range nodes {
			if other != n {
				n.awaitUp(other.id)
			}
		}
	}
}

// logs keeps what was logged.
type logs struct {
	mu   sync.Mutex
	text strings.Builder
}

func (l *logs) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(b)
}

func (l *logs) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}

// freeAddress is one at which nobody listens.
func freeAddress(tb testing.TB) string {
	tb.Helper()
	port, err := repotest.FreePort()
	if err != nil {
		tb.Fatal(err)
	}
	return net.JoinHostPort("127.0.0.1", strconv.Itoa(port))
}

func writePEM(tb testing.TB, path, kind string, der []byte) {
	tb.Helper()
	if err := os.WriteFile(path, pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}), 0o600); err != nil {
		tb.Fatal(err)
	}
}
