package repotest

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/corrillo/corrillo/repo"
)

// Place opens registries that share one place, such as a database. Each is
// closed by t.Cleanup.
type Place func(t testing.TB) repo.Registry

// RunRegistry holds a registry against the contract of repo.Registry. place
// gives an empty place of its own. A lease of ttl, which is short, must expire.
func RunRegistry(t *testing.T, ttl time.Duration, place func(t *testing.T) Place) {
	for _, g := range []struct {
		name string
		run  func(r *registryRig)
	}{
		{"Lease", testLease},
		{"Expiry", testExpiry},
		{"Record", testRecord},
		{"Evict", testEvict},
		{"TakeOut", testTakeOut},
		{"Rivals", testProposals},
		{"Limits", testRegistryLimits},
		{"Context", testRegistryContext},
	} {
		t.Run(g.name, func(t *testing.T) {
			p := place(t)
			g.run(&registryRig{T: t, Registry: p(t), place: p, ttl: ttl})
		})
	}
}

// registryRig is one place with a registry on it.
type registryRig struct {
	*testing.T
	repo.Registry
	place Place
	ttl   time.Duration
}

// long is longer than any test.
const long = time.Minute

// LeaseOf gives a lease with something in each field.
func LeaseOf(id string) repo.Lease {
	return repo.Lease{ID: id, Address: id + ".example:7000", Version: "1.2.3-é", Schema: 7, Meta: []byte(`{"of":"` + id + `","emoji":"😀"}`)}
}

func (r *registryRig) must(err error) {
	r.Helper()
	if err != nil {
		r.Fatal(err)
	}
}

func (r *registryRig) want(what string, err, want error) {
	r.Helper()
	if !errors.Is(err, want) {
		r.Errorf("%s: %v, want %v", what, err, want)
	}
}

func (r *registryRig) register(ttl time.Duration, ids ...string) {
	r.Helper()
	for _, id := range ids {
		r.must(r.Register(r.Context(), LeaseOf(id), ttl))
	}
}

// leases gives the ids of all leases, those that have expired with a !.
func (r *registryRig) leases() string {
	r.Helper()
	got, err := r.Read(r.Context())
	r.must(err)
	ids := make([]string, 0, len(got.Leases))
	for _, l := range got.Leases {
		if l.Expired {
			l.ID += "!"
		}
		ids = append(ids, l.ID)
	}
	return strings.Join(ids, " ")
}

func (r *registryRig) wantLeases(want string) {
	r.Helper()
	if got := r.leases(); got != want {
		r.Errorf("leases %q, want %q", got, want)
	}
}

// awaitLeases asks until the leases are those: nothing tells of a time that is
// over.
func (r *registryRig) awaitLeases(want string) {
	r.Helper()
	got := ""
	for end := time.Now().Add(r.ttl + 20*time.Second); time.Now().Before(end); time.Sleep(20 * time.Millisecond) {
		if got = r.leases(); got == want {
			return
		}
	}
	r.Fatalf("leases %q, want %q", got, want)
}

// propose proposes members without more, of that generation.
func propose(r repo.Registry, t testing.TB, generation uint64, expired []string, removed ...string) error {
	record := repo.ClusterRecord{Generation: generation, Members: []repo.Member{{ID: fmt.Sprint("of-", generation)}}}
	return r.Propose(t.Context(), repo.Proposal{Record: record, Expired: expired, Removed: removed})
}

func testLease(r *registryRig) {
	ctx := r.Context()
	r.want("renew what was never there", r.Renew(ctx, LeaseOf("ann"), long), repo.ErrLeaseLost)
	r.register(long, "b", "a", "a-1", "B")
	r.wantLeases("B a a-1 b")
	l := LeaseOf("a")
	r.must(r.Register(ctx, l, long)) // as after an answer that was lost
	l.Address, l.Version, l.Schema, l.Meta = "else:1", "2", 8, nil
	r.must(r.Renew(ctx, l, long))
	r.must(r.place(r).Renew(ctx, LeaseOf("b"), long))
	got, err := r.Read(ctx)
	r.must(err)
	want := []repo.LeaseSeen{{Lease: LeaseOf("B")}, {Lease: l}, {Lease: LeaseOf("a-1")}, {Lease: LeaseOf("b")}}
	if !reflect.DeepEqual(got.Leases, want) {
		r.Errorf("got  %+v\nwant %+v", got.Leases, want)
	}
	if got.Record.Generation != 0 || len(got.Record.Members) != 0 {
		r.Errorf("the first record is %+v", got.Record)
	}
	if age := time.Since(got.Now); !got.Now.IsZero() && (age < -time.Minute || age > time.Minute) {
		r.Errorf("the registry's clock says %s", got.Now)
	}
	r.must(r.place(r).Remove(ctx, "a"))
	r.must(r.Remove(ctx, "a"))
	r.must(r.Remove(ctx, "nobody"))
	r.wantLeases("B a-1 b")
	r.want("renew what was removed", r.Renew(ctx, l, long), repo.ErrLeaseLost)
	r.wantLeases("B a-1 b")
}

// A lease that is over can be renewed while nobody took it out.
func testExpiry(r *registryRig) {
	r.register(long, "c")
	r.wantWithin("a b c", r.ttl, func(ttl time.Duration) { r.register(ttl, "a", "b") })
	r.awaitLeases("a! b! c")
	r.must(r.Renew(r.Context(), LeaseOf("a"), long))
	r.wantLeases("a b! c")
	r.must(r.place(r).Register(r.Context(), LeaseOf("b"), long))
	r.wantLeases("a b c")
	// Who renews in time never sees it over.
	r.register(r.ttl, "d")
	for range 10 {
		r.wantWithin("a b c d", r.ttl, func(ttl time.Duration) { r.must(r.Renew(r.Context(), LeaseOf("d"), ttl)) })
		time.Sleep(r.ttl / 5)
	}
}

// wantWithin does something with leases and looks at them before their time is
// over. A machine that is too slow for that gets twice the time.
func (r *registryRig) wantWithin(want string, ttl time.Duration, do func(ttl time.Duration)) {
	r.Helper()
	began := time.Now()
	do(ttl)
	switch got := r.leases(); {
	case got == want:
	case time.Since(began) < ttl:
		r.Errorf("leases %q, want %q", got, want)
	default:
		r.wantWithin(want, 2*ttl, do)
	}
}

func testRecord(r *registryRig) {
	ctx := r.Context()
	record := repo.ClusterRecord{Generation: 1, Members: []repo.Member{
		{ID: "a", Address: "a.example:1", State: 1, Since: 1}, {ID: "b", Address: "[::1]:2", Since: 1 << 60},
	}}
	r.want("a record that skips one", propose(r, r, 2, nil), repo.ErrConflict)
	r.must(r.Propose(ctx, repo.Proposal{Record: record}))
	r.want("the same again", r.Propose(ctx, repo.Proposal{Record: record}), repo.ErrConflict)
	r.want("a record that skips one", propose(r, r, 3, nil), repo.ErrConflict)
	got, err := r.place(r).Read(ctx)
	r.must(err)
	if !reflect.DeepEqual(got.Record, record) {
		r.Errorf("got %+v, want %+v", got.Record, record)
	}
	r.must(r.Propose(ctx, repo.Proposal{Record: repo.ClusterRecord{Generation: 2}}))
	if got, err = r.Read(ctx); err != nil || got.Record.Generation != 2 || len(got.Record.Members) != 0 {
		r.Errorf("nobody: %+v, %v", got.Record, err)
	}
	if err := propose(r, r, 0, nil); err == nil || errors.Is(err, repo.ErrConflict) {
		r.Errorf("generation 0: %v", err)
	}
}

// A lease that has been renewed hinders the proposal that says it is over.
func testEvict(r *registryRig) {
	r.register(r.ttl, "a", "b")
	r.register(long, "c")
	r.awaitLeases("a! b! c")
	r.must(r.Renew(r.Context(), LeaseOf("b"), long))
	r.want("take out who has renewed", propose(r, r, 1, []string{"a", "b"}), repo.ErrConflict)
	r.want("take out who never expired", propose(r, r, 1, []string{"c"}), repo.ErrConflict)
	r.wantLeases("a! b c")
	if got, err := r.Read(r.Context()); err != nil || got.Record.Generation != 0 {
		r.Errorf("a proposal that failed left %+v, %v", got.Record, err)
	}
	r.must(propose(r, r, 1, []string{"a", "nobody"}))
	r.wantLeases("b c")
	r.want("renew who was taken out", r.Renew(r.Context(), LeaseOf("a"), long), repo.ErrLeaseLost)
	r.wantLeases("b c")
}

func testTakeOut(r *registryRig) {
	r.register(r.ttl, "late")
	r.register(long, "a", "b", "c")
	r.awaitLeases("a b c late!")
	r.want("an old proposal", propose(r, r, 7, []string{"late"}, "a"), repo.ErrConflict)
	r.wantLeases("a b c late!")
	r.must(propose(r, r, 1, []string{"late"}, "a", "c", "nobody"))
	r.wantLeases("b")
	r.want("renew who was taken out", r.Renew(r.Context(), LeaseOf("a"), long), repo.ErrLeaseLost)
	r.want("renew who was taken out", r.place(r).Renew(r.Context(), LeaseOf("c"), long), repo.ErrLeaseLost)
}

// Of many who propose the same generation one gets it.
func testProposals(r *registryRig) {
	const rivals, rounds = 4, 8
	var mu sync.Mutex
	won := map[uint64]string{}
	var wg sync.WaitGroup
	for i := range rivals {
		registry := r.place(r)
		wg.Go(func() {
			for generation := uint64(1); generation <= rounds; {
				me := fmt.Sprint("rival-", i)
				record := repo.ClusterRecord{Generation: generation, Members: []repo.Member{{ID: me}}}
				err := registry.Propose(r.Context(), repo.Proposal{Record: record})
				switch {
				case err == nil:
					mu.Lock()
					if other, twice := won[generation]; twice {
						r.Errorf("generation %d went to %s and to %s", generation, other, me)
					}
					won[generation] = me
					mu.Unlock()
				case !errors.Is(err, repo.ErrConflict) && !errors.Is(err, repo.ErrUnavailable):
					r.Error(err)
					return
				}
				got, err := registry.Read(r.Context())
				if err != nil {
					r.Error(err)
					return
				}
				mu.Lock()
				if winner := won[got.Record.Generation]; err == nil && winner != "" && winner != got.Record.Members[0].ID {
					r.Errorf("generation %d went to %s, and the record says %s", got.Record.Generation, winner, got.Record.Members[0].ID)
				}
				mu.Unlock()
				generation = got.Record.Generation + 1
			}
		})
	}
	wg.Wait()
	if len(won) != rounds {
		r.Errorf("%d generations were won, want %d", len(won), rounds)
	}
}

func testRegistryLimits(r *registryRig) {
	big := LeaseOf(strings.Repeat("x", repo.MaxNodeID))
	big.Address, big.Version = strings.Repeat("a", repo.MaxNodeText), strings.Repeat("v", repo.MaxNodeText)
	big.Meta = []byte(`"` + strings.Repeat("m", repo.MaxNodeMeta-2) + `"`)
	r.must(r.Register(r.Context(), big, long))
	r.must(r.Renew(r.Context(), big, long))
	if got, err := r.Read(r.Context()); err != nil || len(got.Leases) != 1 || !reflect.DeepEqual(got.Leases[0].Lease, big) {
		r.Errorf("the largest lease came back otherwise, %v", err)
	}
	for name, spoil := range map[string]func(l *repo.Lease){
		"no id":          func(l *repo.Lease) { l.ID = "" },
		"a long id":      func(l *repo.Lease) { l.ID += "x" },
		"a slash":        func(l *repo.Lease) { l.ID = "a/b" },
		"a long address": func(l *repo.Lease) { l.Address += "x" },
		"a long version": func(l *repo.Lease) { l.Version += "x" },
		"large meta":     func(l *repo.Lease) { l.Meta = append(slices.Clone(l.Meta), ' ') },
		"meta no JSON":   func(l *repo.Lease) { l.Meta = []byte("{") },
	} {
		l := big
		spoil(&l)
		for _, err := range []error{r.Register(r.Context(), l, long), r.Renew(r.Context(), l, long)} {
			if err == nil || errors.Is(err, repo.ErrUnavailable) || errors.Is(err, repo.ErrLeaseLost) {
				r.Errorf("%s: %v", name, err)
			}
		}
	}
	many := make([]string, repo.MaxTakenOut+1)
	for i := range many {
		many[i] = fmt.Sprint("n", i)
	}
	if err := propose(r, r, 1, many[:1], many[1:]...); err == nil || errors.Is(err, repo.ErrConflict) {
		r.Errorf("too many at once: %v", err)
	}
	r.must(propose(r, r, 1, many[1:20], many[20:]...))
}

// A context that is over is no answer of the registry.
func testRegistryContext(r *registryRig) {
	r.register(long, "a")
	ctx, cancel := context.WithCancel(r.Context())
	cancel()
	_, errRead := r.Read(ctx)
	for name, err := range map[string]error{
		"Register": r.Register(ctx, LeaseOf("b"), long), "Renew": r.Renew(ctx, LeaseOf("a"), long), "Read": errRead,
		"Propose": r.Propose(ctx, repo.Proposal{Record: repo.ClusterRecord{Generation: 1}}), "Remove": r.Remove(ctx, "a"),
	} {
		r.want(name, err, repo.ErrUnavailable)
	}
	r.wantLeases("a")
}
