package nodes_test

import (
	"bytes"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	"github.com/corrillo/corrillo/actors/nodes"
	"github.com/corrillo/corrillo/actors/placement"
	"github.com/corrillo/corrillo/repo"
	"github.com/corrillo/corrillo/repo/repotest"
)

// Two nodes do not reach each other, and a third reaches both: the later one of
// the two has to go, and comes back only when it reaches everyone.
func TestKeeper_PartialPartition(t *testing.T) {
	t.Parallel() // it waits more than it works
	p := onMariaDB(t, repotest.MariaDB(t))
	m := newMesh()
	defer m.endAll(t)
	a := m.start(t, "a", p.spec.TTL, p.open(t))
	awaitView(t, "a", a)
	b := m.start(t, "b", p.spec.TTL, p.open(t))
	awaitView(t, "a b", a, b)
	c := m.start(t, "c", p.spec.TTL, p.open(t))
	awaitView(t, "a b c", a, b, c)
	// A link that comes back before a lease is over costs nobody anything.
	m.set("a", "c", false)
	b.await(t, "its lease", func() bool { return b.valid })
	m.set("a", "c", true)

	m.set("a", "b", false)
	if err := b.awaitLost(t); !errors.Is(err, nodes.ErrLost) {
		t.Errorf("got %v", err)
	}
	awaitView(t, "a c", a, c)
	m.end(t, b)
	m.set("a", "again", false)
	again := m.start(t, "again", p.spec.TTL, p.open(t))
	awaitWaiting(t, again, "no link to a at a.example:7000")
	m.set("a", "again", true)
	awaitView(t, "a again c", a, again, c)
	m.check(t, a, b, c, again)
}

// awaitWaiting asks until a node says so of why it has not joined; only the log
// is told of it.
func awaitWaiting(t *testing.T, n *node, want string) {
	t.Helper()
	for end := time.Now().Add(30 * time.Second); !strings.Contains(n.Stats().Waiting, want); time.Sleep(10 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("%s waits for %q, want %q", n.id, n.Stats().Waiting, want)
		}
	}
}

// All processes are gone without a word. The next one takes the place over when
// their leases are over.
func TestKeeper_AllDead(t *testing.T) {
	t.Parallel() // it waits more than it works
	eachRegistry(t, func(t *testing.T, p *registryPlace) {
		r := p.open(t)
		for _, id := range []string{"dead-1", "dead-2"} {
			if err := r.Register(t.Context(), repo.Lease{ID: id}, p.spec.TTL); err != nil {
				t.Fatal(err)
			}
		}
		if err := r.Propose(t.Context(), repo.Proposal{Record: repo.ClusterRecord{Generation: 1, Members: []repo.Member{{ID: "dead-1"}, {ID: "dead-2"}}}}); err != nil {
			t.Fatal(err)
		}
		m := newMesh()
		defer m.endAll(t)
		a := m.start(t, "a", p.spec.TTL, p.open(t))
		awaitWaiting(t, a, "no link to dead-1")
		awaitView(t, "a", a)
		if v := a.View(); v.Generation != 2 {
			t.Errorf("generation %d", v.Generation)
		}
	})
}

// A node that cannot join says why once, also when the reasons take turns.
func TestKeeper_WarnsOfEachReasonOnce(t *testing.T) {
	r := &handle{memory: newMemory()}
	err := errors.Join(r.Register(t.Context(), repo.Lease{ID: "ghost"}, time.Hour),
		r.Propose(t.Context(), repo.Proposal{Record: repo.ClusterRecord{Generation: 1, Members: []repo.Member{{ID: "ghost", Address: "10.0.0.9:7946"}}}}))
	if err != nil {
		t.Fatal(err)
	}
	var log bytes.Buffer
	var asked atomic.Int64
	m := newMesh()
	a := m.start(t, "a", 100*time.Millisecond, r, func(o *nodes.Options) {
		o.Log = slog.New(slog.NewJSONHandler(&log, nil))
		o.Unlinked = func() map[string]string {
			return map[string]string{"ghost": []string{"connection refused", "it does not answer"}[asked.Add(1)/4%2]}
		}
	})
	for end := time.Now().Add(30 * time.Second); a.Stats().Renewed < 30; time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("%+v", a.Stats())
		}
	}
	m.end(t, a) // nobody writes to the log any more
	for _, why := range []string{"connection refused", "it does not answer"} {
		want := `"msg":"cannot join the cluster yet","node":"a","because":"no link to ghost at 10.0.0.9:7946 (` + why + `)"`
		if n := strings.Count(log.String(), want); n != 1 {
			t.Errorf("%d times %s in the log:\n%s", n, want, log.String())
		}
	}
}

// The log says of whom a node takes out what there was against them, and nothing of
// what there was not.
func TestKeeper_LogsWhomItTakesOut(t *testing.T) {
	r := &handle{memory: newMemory()}
	if err := r.Register(t.Context(), repo.Lease{ID: "dead"}, time.Millisecond); err != nil {
		t.Fatal(err)
	}
	if err := r.Propose(t.Context(), repo.Proposal{Record: repo.ClusterRecord{Generation: 1, Members: []repo.Member{{ID: "dead"}}}}); err != nil {
		t.Fatal(err)
	}
	var log bytes.Buffer
	m := newMesh()
	a := m.start(t, "a", 200*time.Millisecond, r, func(o *nodes.Options) { o.Log = slog.New(slog.NewJSONHandler(&log, nil)) })
	awaitView(t, "a", a)
	m.end(t, a) // nobody writes to the log any more
	if want := `"msg":"took nodes out of the cluster","generation":2,"expired":["dead"]}`; !strings.Contains(log.String(), want) {
		t.Errorf("want %s in the log:\n%s", want, log.String())
	}
}

// Many come at once, and go at once.
func TestKeeper_Together(t *testing.T) {
	t.Parallel() // it waits more than it works
	p := onMariaDB(t, repotest.MariaDB(t))
	m := newMesh()
	var all []*node
	var ids []string
	for i := range 6 {
		ids = append(ids, fmt.Sprint("n", i))
		all = append(all, m.start(t, ids[i], p.spec.TTL, p.open(t)))
	}
	awaitView(t, strings.Join(ids, " "), all...)
	var wg sync.WaitGroup
	for _, n := range all[1:] {
		wg.Go(func() {
			if err := n.Leave(t.Context()); err != nil {
				t.Error(err)
			}
			m.end(t, n)
		})
	}
	wg.Wait()
	awaitView(t, "n0", all[0])
	m.end(t, all[0])
	m.check(t, all...)
}

// Many are started in one moment: a few views take all of them in, and not one for
// each with all others' proposals in vain.
func TestKeeper_ManyAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const n = 40
		registry, m := newMemory(), newMesh()
		var all []*node
		for i := range n {
			all = append(all, m.start(t, fmt.Sprintf("n%02d", i), 5*time.Second, &handle{memory: registry}))
		}
		begun := time.Now()
		for _, k := range all {
			k.await(t, "all of them", func() bool { return len(k.views) > 0 && len(k.views[len(k.views)-1].Nodes) == n })
		}
		var proposed int64
		for _, k := range all {
			proposed += k.Stats().Proposed
		}
		if took, generation := time.Since(begun), all[0].View().Generation; took > 3*time.Second || generation > 10 || proposed > 10*n {
			t.Errorf("%s, %d proposals, generation %d", took, proposed, generation)
		}
		m.endAll(t)
		m.check(t, all...)
	})
}

// A view that a peer tells of comes before the registry is asked, and whoever is
// not in it is lost.
func TestKeeper_Adopt(t *testing.T) {
	t.Parallel() // it waits more than it works
	p := onMariaDB(t, repotest.MariaDB(t))
	m := newMesh()
	defer m.endAll(t)
	r := &cutOff{Registry: p.open(t)}
	a := m.start(t, "a", p.spec.TTL, r)
	awaitView(t, "a", a)
	r.off.Store(true)
	v := a.View()
	a.Adopt(placement.NewView(v.Generation, []placement.Node{{ID: "another"}}))
	a.Adopt(placement.NewView(v.Generation+2, append([]placement.Node{{ID: "b"}}, v.Nodes...)))
	awaitView(t, "a b", a)
	a.Adopt(v)
	if got := a.View(); got.Generation != v.Generation+2 {
		t.Errorf("generation %d after an old one", got.Generation)
	}
	a.Adopt(placement.NewView(v.Generation+3, []placement.Node{{ID: "b"}}))
	if err := a.awaitLost(t); !errors.Is(err, nodes.ErrLost) || a.Valid() {
		t.Errorf("%v, valid %v", err, a.Valid())
	}
	if err := a.Leave(t.Context()); !errors.Is(err, nodes.ErrLost) {
		t.Errorf("leave: %v", err)
	}
	m.check(t, a)
	r.off.Store(false)
}

// Whom it must not meet is told in words, and is asked about again.
func TestKeeper_Compatible(t *testing.T) {
	t.Parallel() // it waits more than it works
	p := onMariaDB(t, repotest.MariaDB(t))
	m := newMesh()
	defer m.endAll(t)
	old := m.start(t, "old", p.spec.TTL, p.open(t), func(o *nodes.Options) { o.Version, o.Schema = "0.9", 4 })
	awaitView(t, "old", old)
	next := m.start(t, "next", p.spec.TTL, p.open(t), func(o *nodes.Options) {
		o.Compatible = func(l repo.Lease) error {
			if l.Schema < 5 {
				return fmt.Errorf("it speaks version %d of the schema, and 5 is needed (it is Corrillo %s)", l.Schema, l.Version)
			}
			return nil
		}
	})
	awaitWaiting(t, next, "old at old.example:7000: it speaks version 4 of the schema, and 5 is needed (it is Corrillo 0.9)")
	if err := old.Leave(t.Context()); err != nil {
		t.Fatal(err)
	}
	m.end(t, old)
	awaitView(t, "next", next)
}

func TestStart_Refuses(t *testing.T) {
	r := &handle{memory: newMemory()}
	for name, o := range map[string]nodes.Options{
		"no registry":     {Self: placement.Node{ID: "a"}},
		"no id":           {Registry: r},
		"an id":           {Registry: r, Self: placement.Node{ID: "a/b"}},
		"renewed rarely":  {Registry: r, Self: placement.Node{ID: "a"}, TTL: time.Second, Every: 300 * time.Millisecond},
		"a negative time": {Registry: r, Self: placement.Node{ID: "a"}, TTL: -time.Second, Every: -time.Second},
	} {
		if k, err := nodes.Start(t.Context(), o); err == nil {
			t.Errorf("%s: started", name)
			_ = k.Close(t.Context())
		}
	}
}

// One who does not see the registry is closed in time all the same.
func TestKeeper_CloseWithoutRegistry(t *testing.T) {
	defer goleak.VerifyNone(t, goleak.IgnoreCurrent())
	h := &handle{memory: newMemory()}
	h.set(hangs)
	m := newMesh()
	a := m.start(t, "a", 200*time.Millisecond, h)
	if err := a.Close(t.Context()); !errors.Is(err, repo.ErrUnavailable) {
		t.Errorf("got %v", err)
	}
	if err := a.Close(t.Context()); err != nil {
		t.Errorf("again: %v", err)
	}
}
