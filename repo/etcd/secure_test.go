package etcd_test

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"testing"
	"time"

	clientv3 "go.etcd.io/etcd/client/v3"

	"github.com/corrillo/corrillo/repo"
	"github.com/corrillo/corrillo/repo/etcd"
	"github.com/corrillo/corrillo/repo/repotest"
)

// Both sides show a certificate, or nothing is said.
func TestRegistry_TLS(t *testing.T) {
	ca := newAuthority(t, "ca")
	certFile, keyFile := ca.issue(t, t.TempDir(), "etcd")
	pool := x509.NewCertPool()
	pool.AddCert(ca.cert)
	server := repotest.StartEtcd(t, "--cert-file="+certFile, "--key-file="+keyFile, "--client-cert-auth", "--trusted-ca-file="+ca.file)
	pair, err := tls.LoadX509KeyPair(certFile, keyFile)
	if err != nil {
		t.Fatal(err)
	}
	with := func(c *tls.Config) repo.Registry {
		return open(t, server.Endpoint(), "", func(o *etcd.Options) { o.TLS = c })
	}
	good := with(&tls.Config{RootCAs: pool, Certificates: []tls.Certificate{pair}, MinVersion: tls.VersionTLS12})
	if err := good.Register(t.Context(), repotest.LeaseOf("ann"), time.Minute); err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]*tls.Config{
		"a server that is not known": {Certificates: []tls.Certificate{pair}, MinVersion: tls.VersionTLS12},
		"without a certificate":      {RootCAs: pool, MinVersion: tls.VersionTLS12},
	} {
		if _, err := readFor(t, with(c), time.Second); err == nil {
			t.Errorf("%s: it was read", name)
		}
	}
}

// readFor reads within that time.
func readFor(t *testing.T, r repo.Registry, d time.Duration) (repo.Registered, error) {
	ctx, cancel := context.WithTimeout(t.Context(), d)
	defer cancel()
	return r.Read(ctx)
}

// addUser has etcd know one user, who may read and write below /chat/.
func addUser(t *testing.T, server *repotest.Etcd) {
	t.Helper()
	admin, err := clientv3.New(clientv3.Config{Endpoints: []string{server.Endpoint()}})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = admin.Close() }() // its token is of before
	ctx := t.Context()
	_, errRoot := admin.UserAdd(ctx, "root", "secret")
	_, errRootRole := admin.UserGrantRole(ctx, "root", "root")
	_, errUser := admin.UserAdd(ctx, "corrillo", "p@ss")
	_, errRole := admin.RoleAdd(ctx, "chat")
	_, errGrant := admin.RoleGrantPermission(ctx, "chat", "/chat/", clientv3.GetPrefixRangeEnd("/chat/"), clientv3.PermissionType(clientv3.PermReadWrite))
	_, errUserRole := admin.UserGrantRole(ctx, "corrillo", "chat")
	_, errOn := admin.AuthEnable(ctx)
	if err := errors.Join(errRoot, errRootRole, errUser, errRole, errGrant, errUserRole, errOn); err != nil {
		t.Fatal(err)
	}
}

func as(user, password string) func(*etcd.Options) {
	return func(o *etcd.Options) { o.Username, o.Password = user, password }
}

// etcd's own users: who is one, and what may be written below which prefix.
func TestRegistry_Users(t *testing.T) {
	server, ctx := repotest.StartEtcd(t), t.Context()
	addUser(t, server)
	r := open(t, server.Endpoint(), "/chat/", as("corrillo", "p@ss"))
	if err := r.Register(ctx, repotest.LeaseOf("ann"), time.Minute); err != nil {
		t.Fatal(err)
	}
	if err := r.Renew(ctx, repotest.LeaseOf("ann"), time.Minute); err != nil {
		t.Error(err)
	}
	if err := r.Propose(ctx, repo.Proposal{Record: repo.ClusterRecord{Generation: 1}, Removed: []string{"ann"}}); err != nil {
		t.Error(err)
	}
	for name, bad := range map[string]repo.Registry{
		"another prefix": open(t, server.Endpoint(), "/other/", as("corrillo", "p@ss")),
		"nobody":         open(t, server.Endpoint(), "/chat/"),
	} {
		if _, err := readFor(t, bad, time.Second); err == nil || errors.Is(err, repo.ErrUnavailable) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if bad, err := etcd.Open(ctx, etcd.Options{Endpoints: []string{server.Endpoint()}, Username: "corrillo", Password: "wrong"}); err == nil || errors.Is(err, repo.ErrUnavailable) {
		t.Errorf("a wrong password: %v", err)
		if err == nil {
			_ = bad.Close()
		}
	}
}

// A user's registry can be opened while etcd is away, as anybody's can, and
// keeps to the time that a call has.
func TestRegistry_UserBeforeEtcd(t *testing.T) {
	server := repotest.StartEtcd(t)
	addUser(t, server)
	server.Kill(t)
	r := open(t, server.Endpoint(), "/chat/", as("corrillo", "p@ss"), func(o *etcd.Options) { o.DialTimeout = time.Second })
	if _, err := readFor(t, r, time.Millisecond); !errors.Is(err, repo.ErrUnavailable) {
		t.Errorf("while etcd is away: %v", err)
	}
	server.Restart(t)
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	for err := r.Register(ctx, repotest.LeaseOf("ann"), time.Minute); err != nil; err = r.Register(ctx, repotest.LeaseOf("ann"), time.Minute) {
		if !errors.Is(err, repo.ErrUnavailable) || ctx.Err() != nil {
			t.Fatal(err)
		}
	}
	if got, err := r.Read(ctx); err != nil || len(got.Leases) != 1 {
		t.Errorf("%+v, %v", got, err)
	}
	if err := r.Close(); err != nil {
		t.Error(err)
	}
	if err := r.Register(ctx, repotest.LeaseOf("ann"), time.Minute); err == nil {
		t.Error("a registry that was closed is used")
	}
}

// One that never reached etcd ends, too.
func TestRegistry_ClosedBeforeItWasOpen(t *testing.T) {
	r := open(t, "http://127.0.0.1:1", "/chat/", as("corrillo", "p@ss"), func(o *etcd.Options) { o.DialTimeout = 100 * time.Millisecond })
	if err := r.Close(); err != nil {
		t.Error(err)
	}
	if _, err := readFor(t, r, time.Minute); err == nil {
		t.Error("a registry that was closed is used")
	}
}
