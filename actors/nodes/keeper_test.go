package nodes_test

import (
	"context"
	"errors"
	"syscall"
	"testing"
	"time"

	"github.com/corrillo/corrillo/actors/nodes"
	"github.com/corrillo/corrillo/repo"
	"github.com/corrillo/corrillo/repo/mysql"
	"github.com/corrillo/corrillo/repo/repotest"
)

// realTTL is long enough for a disk that others keep busy as well.
const realTTL = 2 * time.Second

// registryPlace is a real registry, to be opened once by each node.
type registryPlace struct {
	spec spec // without ID and Peers
}

func (p *registryPlace) open(t testing.TB) repo.Registry {
	t.Helper()
	r, err := p.spec.open(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := r.Close(); err != nil {
			t.Errorf("close the registry: %v", err)
		}
	})
	return r
}

func onMariaDB(t testing.TB, url string) *registryPlace {
	t.Helper()
	o, err := mysql.ParseURL(url)
	if err != nil {
		t.Fatal(err)
	}
	s, err := mysql.Open(t.Context(), o)
	if err == nil {
		err = errors.Join(s.Migrate(t.Context()), s.Close())
	}
	if err != nil {
		t.Fatal(err)
	}
	return &registryPlace{spec{MySQL: url, TTL: realTTL}}
}

// eachRegistry runs a test on every registry that there is.
func eachRegistry(t *testing.T, test func(t *testing.T, p *registryPlace)) {
	t.Run("mariadb", func(t *testing.T) {
		t.Parallel()
		test(t, onMariaDB(t, repotest.MariaDB(t)))
	})
	t.Run("etcd", func(t *testing.T) {
		t.Parallel()
		test(t, &registryPlace{spec{Etcd: repotest.StartEtcd(t).Endpoint(), TTL: realTTL}})
	})
}

func TestKeeper_JoinAndLeave(t *testing.T) {
	t.Parallel() // it waits more than it works
	eachRegistry(t, func(t *testing.T, p *registryPlace) {
		m := newMesh()
		a := m.start(t, "a", p.spec.TTL, p.open(t))
		awaitView(t, "a", a)
		b, c := m.start(t, "b", p.spec.TTL, p.open(t)), m.start(t, "c", p.spec.TTL, p.open(t))
		awaitView(t, "a b c", a, b, c)
		if s := b.Stats(); !s.Member || !s.Valid || s.Lapses <= 0 || s.Lapses > p.spec.TTL || s.Active != 3 || s.Leaving != 0 || s.Waiting != "" || s.Renewed == 0 {
			t.Errorf("stats of a member: %+v", s)
		}
		if err := b.Leave(t.Context()); err != nil {
			t.Fatal(err)
		}
		awaitView(t, "a (b) c", a, b, c)
		m.end(t, b)
		awaitView(t, "a c", a, c)
		m.end(t, a)
		awaitView(t, "c", c)
		m.end(t, c)
		// Nothing is left behind, and the generations go on.
		d := m.start(t, "d", p.spec.TTL, p.open(t))
		awaitView(t, "d", d)
		if since := d.View().Nodes[0].Since; since < 6 {
			t.Errorf("the next node came with generation %d", since)
		}
		m.end(t, d)
		m.check(t, a, b, c, d)
		for _, n := range []*node{a, b, c, d} {
			if n.Err() != nil || n.Valid() {
				t.Errorf("%s after its end: %v, valid %v", n.id, n.Err(), n.Valid())
			}
		}
	})
}

// One process is killed, one stands still for longer than its lease lives and
// comes back as a zombie.
func TestKeeper_KilledAndPaused(t *testing.T) {
	t.Parallel() // it waits more than it works
	eachRegistry(t, func(t *testing.T, p *registryPlace) {
		m := newMesh()
		m.children = []string{"killed", "paused"}
		a := m.start(t, "a", p.spec.TTL, p.open(t))
		defer m.endAll(t)
		awaitView(t, "a", a)
		s := p.spec
		s.TTL = 2 * realTTL // they hold the other to be well whatever they hear
		s.ID, s.Peers = "killed", []string{"a", "paused"}
		killed := startChild(t, s)
		s.ID, s.Peers = "paused", []string{"a", "killed"}
		paused := startChild(t, s)
		awaitView(t, "a killed paused", a)
		killed.await(t, "view a killed paused")
		paused.await(t, "view a killed paused")
		killed.signal(t, syscall.SIGKILL)
		awaitView(t, "a paused", a)
		paused.signal(t, syscall.SIGSTOP)
		awaitView(t, "a", a)
		paused.signal(t, syscall.SIGCONT)
		paused.await(t, "lost "+nodes.ErrLost.Error())
		m.check(t, a)
	})
}

// The database is away for everybody, killed or standing still, for longer than
// a lease lives: nobody is lost and no view changes.
func TestKeeper_RegistryAway(t *testing.T) {
	t.Parallel() // it waits more than it works
	server := repotest.StartMariaDB(t)
	p := onMariaDB(t, server.NewDatabase(t))
	m := newMesh()
	var all []*node
	for _, id := range []string{"a", "b", "c"} {
		all = append(all, m.start(t, id, p.spec.TTL, p.open(t)))
	}
	defer m.endAll(t)
	awaitView(t, "a b c", all...)
	generation := all[0].View().Generation
	for name, away := range map[string]func() (back func()){
		"killed": func() func() { server.Kill(t); return func() { server.Restart(t) } },
		"still": func() func() {
			server.Signal(t, syscall.SIGSTOP)
			return func() { server.Signal(t, syscall.SIGCONT) }
		},
	} {
		back := away()
		for _, n := range all {
			n.await(t, name+": no lease", func() bool { return !n.valid })
		}
		time.Sleep(p.spec.TTL * 3 / 2) // how long it is away is what is tested
		back()
		for _, n := range all {
			n.await(t, name+": its lease again", func() bool { return n.valid })
		}
	}
	for _, n := range all {
		if v := n.View(); n.Err() != nil || v.Generation != generation {
			t.Errorf("%s: generation %d after %d, %v", n.id, v.Generation, generation, n.Err())
		}
	}
	// And the cluster goes on as before.
	d := m.start(t, "d", p.spec.TTL, p.open(t))
	awaitView(t, "a b c d", append(all, d)...)
	m.check(t, append(all, d)...)
}

// One node alone does not reach the database: the others are told to go on
// without it, and it knows.
func TestKeeper_RegistryAwayForOne(t *testing.T) {
	t.Parallel() // it waits more than it works
	p := onMariaDB(t, repotest.MariaDB(t))
	m := newMesh()
	defer m.endAll(t)
	a, b := m.start(t, "a", p.spec.TTL, p.open(t)), m.start(t, "b", p.spec.TTL, p.open(t))
	cut := &cutOff{Registry: p.open(t)}
	c := m.start(t, "c", p.spec.TTL, cut)
	awaitView(t, "a b c", a, b, c)
	cut.off.Store(true)
	if err := c.awaitLost(t); !errors.Is(err, nodes.ErrLost) || c.Valid() {
		t.Errorf("%v, valid %v", err, c.Valid())
	}
	awaitView(t, "a b", a, b)
	cut.off.Store(false)
	m.check(t, a, b, c)
}

func TestKeeper_Leave(t *testing.T) {
	t.Parallel() // it waits more than it works
	p := onMariaDB(t, repotest.MariaDB(t))
	m := newMesh()
	defer m.endAll(t)
	r := &cutOff{Registry: p.open(t)}
	r.off.Store(true)
	a := m.start(t, "a", p.spec.TTL, r)
	if err := a.Leave(t.Context()); err != nil {
		t.Errorf("who is no member: %v", err)
	}
	r.off.Store(false)
	b := m.start(t, "b", p.spec.TTL, p.open(t))
	awaitView(t, "b", b)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := b.Leave(ctx); err != nil && !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
	awaitView(t, "(b)", b)
	m.end(t, b)
	if err := b.Leave(t.Context()); !errors.Is(err, nodes.ErrClosed) {
		t.Errorf("after Close: %v", err)
	}
}
