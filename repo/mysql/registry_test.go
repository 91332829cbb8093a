package mysql_test

import (
	"context"
	"errors"
	"syscall"
	"testing"
	"time"

	"github.com/corrillo/corrillo/repo"
	"github.com/corrillo/corrillo/repo/mysql"
	"github.com/corrillo/corrillo/repo/repotest"
)

// openRegistry opens the registry of a database whose tables are there.
func openRegistry(t testing.TB, url string, more ...func(*mysql.Options)) repo.Registry {
	t.Helper()
	o, err := mysql.ParseURL(url)
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range more {
		f(&o)
	}
	r, err := mysql.OpenRegistry(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := r.Close(); err != nil {
			t.Errorf("Close: %v", err)
		}
	})
	return r
}

func TestRegistry(t *testing.T) {
	repotest.RunRegistry(t, 200*time.Millisecond, func(t *testing.T) repotest.Place {
		url := repotest.MariaDB(t)
		open(t, url)
		return func(t testing.TB) repo.Registry { return openRegistry(t, url) }
	})
}

// Two clusters in one database, told apart by the prefix of their tables.
func TestRegistry_Prefix(t *testing.T) {
	url := repotest.MariaDB(t)
	other := func(o *mysql.Options) { o.TablePrefix = "other_" }
	open(t, url)
	open(t, url, other)
	a, b := openRegistry(t, url), openRegistry(t, url, other)
	if err := a.Register(t.Context(), repotest.LeaseOf("a"), time.Minute); err != nil {
		t.Fatal(err)
	}
	if got, err := b.Read(t.Context()); err != nil || len(got.Leases) != 0 {
		t.Errorf("%+v, %v", got, err)
	}
}

// Before the migration there is nothing that another try would cure.
func TestRegistry_NoTables(t *testing.T) {
	r := openRegistry(t, repotest.MariaDB(t))
	if _, err := r.Read(t.Context()); err == nil || errors.Is(err, repo.ErrUnavailable) {
		t.Errorf("got %v", err)
	}
}

// A server that is away, that stands still, and that is back.
func TestRegistry_ServerAway(t *testing.T) {
	server := repotest.StartMariaDB(t)
	url := server.NewDatabase(t)
	open(t, url)
	r := openRegistry(t, url)
	ann := repotest.LeaseOf("ann")
	if err := r.Register(t.Context(), ann, time.Minute); err != nil {
		t.Fatal(err)
	}
	away := func() {
		t.Helper()
		// A signal takes a moment to have its effect.
		for err := error(nil); err == nil; {
			ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
			_, err = r.Read(ctx)
			cancel()
		}
		for name, call := range map[string]func(ctx context.Context) error{
			"Renew":    func(ctx context.Context) error { return r.Renew(ctx, ann, time.Minute) },
			"Register": func(ctx context.Context) error { return r.Register(ctx, ann, time.Minute) },
			"Read":     func(ctx context.Context) error { _, err := r.Read(ctx); return err },
			"Propose": func(ctx context.Context) error {
				return r.Propose(ctx, repo.Proposal{Record: repo.ClusterRecord{Generation: 9}})
			},
			"Remove": func(ctx context.Context) error { return r.Remove(ctx, "bob") },
		} {
			ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
			if err := call(ctx); !errors.Is(err, repo.ErrUnavailable) {
				t.Errorf("%s: %v", name, err)
			}
			cancel()
		}
	}
	server.Signal(t, syscall.SIGSTOP)
	away()
	server.Signal(t, syscall.SIGCONT)
	if err := r.Renew(t.Context(), ann, time.Minute); err != nil {
		t.Error(err)
	}
	server.Kill(t)
	away()
	server.Restart(t)
	if err := r.Renew(t.Context(), ann, time.Minute); err != nil {
		t.Error(err)
	}
}

// A store whose connections are all in use holds no lease up.
func TestRegistry_PoolInUse(t *testing.T) {
	url := repotest.MariaDB(t) + "?connection_limit=1"
	s := open(t, url, func(o *mysql.Options) {
		o.MembershipQuery = "SELECT SLEEP(20) FROM DUAL WHERE :userId <> :conversationId"
	})
	r := openRegistry(t, url)
	if err := r.Register(t.Context(), repotest.LeaseOf("ann"), time.Minute); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	asked := make(chan struct{})
	go func() {
		defer close(asked)
		_, _ = s.QueryMembership(ctx, "a", "b") // it is cut off
	}()
	for s.Stats().InUse == 0 {
		time.Sleep(time.Millisecond)
	}
	if err := r.Renew(t.Context(), repotest.LeaseOf("ann"), time.Minute); err != nil {
		t.Error(err)
	}
	if s.Stats().InUse == 0 {
		t.Error("the pool was free again")
	}
	cancel()
	<-asked
}

// A database whose clock is put back, as when it moves to another machine, holds
// leases that would last for hours. Those of nodes that died then are over, and
// those of nodes that live have been renewed.
func TestRegistry_ClockPutBack(t *testing.T) {
	server := repotest.StartMariaDB(t)
	url := server.NewDatabase(t)
	open(t, url)
	r := openRegistry(t, url)
	for _, id := range []string{"dead", "here", "slow"} {
		if err := r.Register(t.Context(), repotest.LeaseOf(id), 5*time.Second); err != nil {
			t.Fatal(err)
		}
	}
	o, err := mysql.ParseURL(url)
	if err != nil {
		t.Fatal(err)
	}
	// As if it had been later when they were taken.
	if _, err := server.Admin(t).ExecContext(t.Context(), "UPDATE "+o.Database+".corrillo_node SET expiresAt = expiresAt + INTERVAL 1 HOUR"); err != nil {
		t.Fatal(err)
	}
	if err := r.Renew(t.Context(), repotest.LeaseOf("here"), 5*time.Second); err != nil {
		t.Fatal(err)
	}
	got, err := r.Read(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for _, l := range got.Leases {
		if l.Expired != (l.ID != "here") {
			t.Errorf("%s: expired is %t", l.ID, l.Expired)
		}
	}
	if err := r.Renew(t.Context(), repotest.LeaseOf("slow"), 5*time.Second); err != nil {
		t.Fatal(err)
	}
	p := repo.Proposal{Record: repo.ClusterRecord{Generation: 1, Members: []repo.Member{{ID: "here", Since: 1}}}, Expired: []string{"dead", "slow"}}
	if err := r.Propose(t.Context(), p); !errors.Is(err, repo.ErrConflict) {
		t.Errorf("one that was renewed is taken out: %v", err)
	}
	p.Expired = p.Expired[:1]
	if err := r.Propose(t.Context(), p); err != nil {
		t.Errorf("one that is dead is not taken out: %v", err)
	}
}

// A node that loses its power while it proposes holds the record of the members,
// and the others could take nobody out. MySQL cannot be told to end transactions
// in which nothing is said.
func TestRegistry_Deserted(t *testing.T) {
	url := repotest.MariaDB(t)
	open(t, url)
	p := newProxy(t, url)
	p.next(rule{prefix: "SET SESSION idle_transaction_timeout", fate: refuseQuery, answer: []byte("\xff\xa9\x04#HY000Unknown system variable")})
	gone := openRegistry(t, p.url, func(o *mysql.Options) { o.DesertedAfter(time.Second) })
	stays := openRegistry(t, url)
	first := repo.Proposal{Record: repo.ClusterRecord{Generation: 1, Members: []repo.Member{{ID: "a", Address: "a:1", Since: 1}}}}
	if err := stays.Propose(t.Context(), first); err != nil {
		t.Fatal(err)
	}
	next := first
	next.Record.Generation, next.Removed = 2, []string{"b"}
	ctx, cancel := context.WithCancel(t.Context())
	p.next(rule{prefix: "DELETE", before: cancel, fate: delayQuery, late: newLate()})
	if err := gone.Propose(ctx, next); !errors.Is(err, repo.ErrUnavailable) || p.left() != 0 {
		t.Fatalf("%v, %d rules left", err, p.left())
	}
	soon, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	for {
		err := stays.Propose(soon, next)
		if err == nil {
			break
		}
		if !errors.Is(err, repo.ErrUnavailable) || soon.Err() != nil {
			t.Fatal(err)
		}
	}
}
