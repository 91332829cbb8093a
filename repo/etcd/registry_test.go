package etcd_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/corrillo/corrillo/repo"
	"github.com/corrillo/corrillo/repo/etcd"
	"github.com/corrillo/corrillo/repo/repotest"
)

// open opens the registry below a prefix of its own.
func open(t testing.TB, endpoint, prefix string, more ...func(*etcd.Options)) repo.Registry {
	t.Helper()
	o := etcd.Options{Endpoints: []string{endpoint}, Prefix: prefix}
	for _, f := range more {
		f(&o)
	}
	r, err := etcd.Open(t.Context(), o)
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
	server := repotest.StartEtcd(t)
	repotest.RunRegistry(t, repotest.EtcdTTL, func(t *testing.T) repotest.Place {
		prefix := "/" + t.Name()
		return func(t testing.TB) repo.Registry { return open(t, server.Endpoint(), prefix) }
	})
}

// A process that could not reach etcd for longer than its lease lives comes
// back with the lease that it had, and so does one that asks another member.
func TestRegistry_ServerAway(t *testing.T) {
	server := repotest.StartEtcd(t)
	r, ann := open(t, server.Endpoint(), ""), repotest.LeaseOf("ann")
	if err := r.Register(t.Context(), ann, repotest.EtcdTTL); err != nil {
		t.Fatal(err)
	}
	server.Kill(t)
	for name, call := range map[string]func(ctx context.Context) error{
		"Renew":    func(ctx context.Context) error { return r.Renew(ctx, ann, time.Minute) },
		"Register": func(ctx context.Context) error { return r.Register(ctx, ann, time.Minute) },
		"Read":     func(ctx context.Context) error { _, err := r.Read(ctx); return err },
		"Propose": func(ctx context.Context) error {
			return r.Propose(ctx, repo.Proposal{Record: repo.ClusterRecord{Generation: 9}})
		},
		"Remove": func(ctx context.Context) error { return r.Remove(ctx, "bob") },
	} {
		ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
		err := call(ctx)
		if !errors.Is(err, repo.ErrUnavailable) {
			t.Errorf("%s: %v", name, err)
		} else if text := err.Error(); !strings.HasPrefix(text, "etcd at "+server.Endpoint()+" gave no answer: ") || strings.Contains(text, "store") {
			t.Errorf("%s says %q", name, text)
		}
		cancel()
	}
	server.Restart(t)
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	for err := r.Renew(ctx, ann, repotest.EtcdTTL); err != nil; err = r.Renew(ctx, ann, repotest.EtcdTTL) {
		if !errors.Is(err, repo.ErrUnavailable) || ctx.Err() != nil {
			t.Fatal(err)
		}
	}
	if got, err := r.Read(ctx); err != nil || len(got.Leases) != 1 || got.Leases[0].Expired {
		t.Errorf("%+v, %v", got.Leases, err)
	}
}

func TestOpen_Refuses(t *testing.T) {
	for name, o := range map[string]etcd.Options{
		"no endpoint":             {},
		"a password without user": {Endpoints: []string{"localhost:1"}, Password: "x"},
	} {
		if r, err := etcd.Open(t.Context(), o); err == nil {
			t.Errorf("%s: opened", name)
			_ = r.Close()
		}
	}
}
