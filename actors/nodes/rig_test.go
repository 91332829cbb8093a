package nodes_test

import (
	"fmt"
	"log/slog"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/corrillo/corrillo/actors/nodes"
	"github.com/corrillo/corrillo/actors/placement"
	"github.com/corrillo/corrillo/repo"
	"github.com/corrillo/corrillo/repo/repotest"
)

func TestMain(m *testing.M) {
	if spec := os.Getenv(childSpec); spec != "" {
		os.Exit(beChild(spec))
	}
	repotest.Main(m)
}

// mesh is the links between the nodes of one test: all are up that have not
// been cut, and what a node says of its lease is known at once.
type mesh struct {
	mu    sync.Mutex
	nodes map[string]*node
	cut   map[[2]string]bool
	// children are nodes of other processes; links to them are always up.
	children []string
}

func newMesh() *mesh { return &mesh{nodes: map[string]*node{}, cut: map[[2]string]bool{}} }

// node is a Keeper and what it has told.
type node struct {
	*nodes.Keeper
	id string

	mu    sync.Mutex
	views []placement.View
	peers []string
	valid bool
	news  chan struct{} // closed when something was told
}

// start makes a node of that mesh. Every one starts with a link to everyone.
func (m *mesh) start(t testing.TB, id string, ttl time.Duration, r repo.Registry, more ...func(*nodes.Options)) *node {
	t.Helper()
	n := &node{id: id, news: make(chan struct{})}
	o := nodes.Options{
		Registry: r, Self: placement.Node{ID: id, Address: id + ".example:7000"}, Version: "1.0", Schema: 1,
		TTL: ttl, Every: ttl / 5,
		Reachable: func() map[string]bool { return m.reachable(id) },
		PeerLease: func(peer string) (valid, known bool) { return m.peerLease(id, peer) },
		Connect: func(peers []placement.Node) {
			n.note(func() {
				n.peers = nil
				for _, p := range peers {
					n.peers = append(n.peers, p.ID)
				}
			})
		},
		OnView:  func(v placement.View) { n.note(func() { n.views = append(n.views, v) }) },
		OnLease: func(valid bool) { n.note(func() { n.valid = valid }); m.wakeAll() },
		Log:     slog.New(slog.NewTextHandler(t.Output(), &slog.HandlerOptions{Level: slog.LevelInfo})).With("of", id),
	}
	for _, f := range more {
		f(&o)
	}
	k, err := nodes.Start(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	n.Keeper = k
	m.mu.Lock()
	m.nodes[id] = n
	m.mu.Unlock()
	m.wakeAll()
	return n
}

func (n *node) note(f func()) {
	n.mu.Lock()
	defer n.mu.Unlock()
	f()
	close(n.news)
	n.news = make(chan struct{})
}

func pairOf(a, b string) [2]string { return [2]string{min(a, b), max(a, b)} }

func (m *mesh) reachable(from string) map[string]bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	up := map[string]bool{}
	for id := range m.nodes {
		up[id] = id != from && !m.cut[pairOf(from, id)]
	}
	for _, id := range m.children {
		up[id] = true
	}
	return up
}

func (m *mesh) peerLease(from, peer string) (valid, known bool) {
	m.mu.Lock()
	n := m.nodes[peer]
	known = n != nil && !m.cut[pairOf(from, peer)]
	m.mu.Unlock()
	return known && n.Valid(), known
}

func (m *mesh) wakeAll() {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, n := range m.nodes {
		n.Wake()
	}
}

// set cuts the link between two nodes, or mends it.
func (m *mesh) set(a, b string, up bool) {
	m.mu.Lock()
	m.cut[pairOf(a, b)] = !up
	m.mu.Unlock()
	m.wakeAll()
}

// end closes a node, and its links with it.
func (m *mesh) end(t testing.TB, n *node) {
	t.Helper()
	if err := n.Close(t.Context()); err != nil {
		t.Errorf("close %s: %v", n.id, err)
	}
	m.drop(n.id)
}

// drop forgets a node: there are no links to it any more.
func (m *mesh) drop(id string) {
	m.mu.Lock()
	delete(m.nodes, id)
	m.mu.Unlock()
	m.wakeAll()
}

// endAll closes what the test has not.
func (m *mesh) endAll(t testing.TB) {
	m.mu.Lock()
	var all []*node
	for _, n := range m.nodes {
		all = append(all, n)
	}
	m.mu.Unlock()
	for _, n := range all {
		m.end(t, n)
	}
}

// await waits until cond holds of what was told. It fails when the node is
// lost, or when half a minute is over.
func (n *node) await(t testing.TB, what string, cond func() bool) {
	t.Helper()
	end := time.NewTimer(30 * time.Second)
	defer end.Stop()
	for {
		n.mu.Lock()
		ok, news := cond(), n.news
		n.mu.Unlock()
		if ok {
			return
		}
		select {
		case <-news:
		case <-n.Lost():
			t.Fatalf("%s is lost, while it waits for %s: %v", n.id, what, n.Err())
		case <-end.C:
			v := n.View()
			t.Fatalf("%s never sees %s; it sees %q, %+v", n.id, what, show(&v), n.Stats())
		}
	}
}

// awaitView waits for a view of these nodes, as show writes them.
func awaitView(t testing.TB, want string, all ...*node) {
	t.Helper()
	for _, n := range all {
		n.await(t, "a view of "+want, func() bool { return len(n.views) > 0 && show(&n.views[len(n.views)-1]) == want })
	}
}

func (n *node) awaitLost(t testing.TB) error {
	t.Helper()
	select {
	case <-n.Lost():
	case <-time.After(30 * time.Second):
		v := n.View()
		t.Fatalf("%s is not lost; it sees %q, %+v", n.id, show(&v), n.Stats())
	}
	return n.Err()
}

// show writes the nodes of a view, one that leaves in brackets.
func show(v *placement.View) string {
	var ids []string
	for _, n := range v.Nodes {
		if n.State != placement.Active {
			n.ID = "(" + n.ID + ")"
		}
		ids = append(ids, n.ID)
	}
	return strings.Join(ids, " ")
}

// check holds what all nodes were told against what must hold always: of a
// generation there is one view, and each node goes through them upwards.
func (m *mesh) check(t testing.TB, all ...*node) {
	t.Helper()
	known := map[uint64]string{}
	for _, n := range all {
		n.mu.Lock()
		last := uint64(0)
		for i := range n.views {
			v := &n.views[i]
			text := fmt.Sprintf("%+v", v.Nodes)
			if other, ok := known[v.Generation]; ok && other != text {
				t.Errorf("generation %d is %s and %s", v.Generation, other, text)
			}
			known[v.Generation] = text
			if v.Generation <= last {
				t.Errorf("%s was told of generation %d after %d", n.id, v.Generation, last)
			}
			if last = v.Generation; !v.Has(n.id) {
				t.Errorf("%s was told of a view without it: %s", n.id, text)
			}
		}
		n.mu.Unlock()
	}
}
