package etcd_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"testing"
	"time"

	clientv3 "go.etcd.io/etcd/client/v3"

	"github.com/corrillo/corrillo/repo"
	"github.com/corrillo/corrillo/repo/etcd"
	"github.com/corrillo/corrillo/repo/repotest"
)

// authority signs certificates; file has its own.
type authority struct {
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
	file string
}

func newAuthority(t *testing.T, name string) *authority {
	t.Helper()
	a := &authority{file: filepath.Join(t.TempDir(), "ca.pem")}
	a.cert, a.key = a.sign(t, &x509.Certificate{Subject: pkix.Name{CommonName: name}, IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign})
	write(t, a.file, "CERTIFICATE", a.cert.Raw)
	return a
}

// sign makes a certificate; a's own when it has none.
func (a *authority) sign(t *testing.T, c *x509.Certificate) (*x509.Certificate, *ecdsa.PrivateKey) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	c.SerialNumber = big.NewInt(time.Now().UnixNano())
	c.NotBefore, c.NotAfter = time.Now().Add(-time.Hour), time.Now().Add(time.Hour)
	parent, signer := a.cert, a.key
	if parent == nil {
		parent, signer = c, key
	}
	der, err := x509.CreateCertificate(rand.Reader, c, parent, key.Public(), signer)
	if err != nil {
		t.Fatal(err)
	}
	made, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return made, key
}

// issue writes a pair for somebody at 127.0.0.1, over the one that was there.
func (a *authority) issue(t *testing.T, dir, name string) (cert, key string) {
	t.Helper()
	made, private := a.sign(t, &x509.Certificate{
		Subject: pkix.Name{CommonName: name}, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, KeyUsage: x509.KeyUsageDigitalSignature,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth},
	})
	der, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		t.Fatal(err)
	}
	cert, key = filepath.Join(dir, "cert.pem"), filepath.Join(dir, "key.pem")
	write(t, cert, "CERTIFICATE", made.Raw)
	write(t, key, "PRIVATE KEY", der)
	return cert, key
}

func write(t *testing.T, path, kind string, der []byte) {
	t.Helper()
	if err := os.WriteFile(path, pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}), 0o600); err != nil {
		t.Fatal(err)
	}
}

// startGuarded starts an etcd whose certificate is from one authority, and that
// asks its clients for one of the same.
func startGuarded(t *testing.T, a *authority) *repotest.Etcd {
	t.Helper()
	cert, key := a.issue(t, t.TempDir(), "etcd")
	return repotest.StartEtcd(t, "--cert-file="+cert, "--key-file="+key, "--client-cert-auth", "--trusted-ca-file="+a.file)
}

// files has the registry opened with these.
func files(t *testing.T, ca, cert, key string) func(*etcd.Options) {
	t.Helper()
	config, err := etcd.TLSFiles(ca, cert, key)
	if err != nil {
		t.Fatal(err)
	}
	return func(o *etcd.Options) { o.TLS = config }
}

func TestTLSFiles(t *testing.T) {
	ours, others := newAuthority(t, "ours"), newAuthority(t, "others")
	server := startGuarded(t, ours)
	cert, key := ours.issue(t, t.TempDir(), "corrillo")
	good := open(t, server.Endpoint(), "", files(t, ours.file, cert, key))
	if err := errors.Join(good.Register(t.Context(), repotest.LeaseOf("ann"), time.Minute), good.Renew(t.Context(), repotest.LeaseOf("ann"), time.Minute)); err != nil {
		t.Fatal(err)
	}
	if got, err := good.Read(t.Context()); err != nil || len(got.Leases) != 1 {
		t.Errorf("%+v, %v", got, err)
	}
	foreignCert, foreignKey := others.issue(t, t.TempDir(), "corrillo")
	for name, with := range map[string]func(*etcd.Options){
		"no certificate":            files(t, ours.file, "", ""),
		"a certificate of others":   files(t, ours.file, foreignCert, foreignKey),
		"an etcd that is others'":   files(t, others.file, cert, key),
		"an etcd that nobody knows": files(t, "", cert, key),
	} {
		if _, err := readFor(t, open(t, server.Endpoint(), "", with), time.Second); !errors.Is(err, repo.ErrUnavailable) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// A certificate that is replaced by another one is shown by the next connection.
func TestTLSFiles_Renewal(t *testing.T) {
	ours, others := newAuthority(t, "ours"), newAuthority(t, "others")
	server, dir := startGuarded(t, ours), t.TempDir()
	cert, key := others.issue(t, dir, "corrillo")
	r := open(t, server.Endpoint(), "", files(t, ours.file, cert, key))
	if _, err := readFor(t, r, time.Second); err == nil {
		t.Fatal("etcd took a certificate of others")
	}
	ours.issue(t, dir, "corrillo")
	if _, err := readFor(t, r, 30*time.Second); err != nil {
		t.Errorf("with the new certificate: %v", err)
	}
}

// The common name of a certificate is a user of etcd, without a password.
func TestTLSFiles_User(t *testing.T) {
	ours := newAuthority(t, "ours")
	server, ctx := startGuarded(t, ours), t.Context()
	cert, key := ours.issue(t, t.TempDir(), "root")
	config, err := etcd.TLSFiles(ours.file, cert, key)
	if err != nil {
		t.Fatal(err)
	}
	admin, err := clientv3.New(clientv3.Config{Endpoints: []string{server.Endpoint()}, TLS: config})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = admin.Close() }()
	_, errRoot := admin.UserAddWithOptions(ctx, "root", "", &clientv3.UserAddOptions{NoPassword: true})
	_, errRootRole := admin.UserGrantRole(ctx, "root", "root")
	_, errUser := admin.UserAddWithOptions(ctx, "corrillo", "", &clientv3.UserAddOptions{NoPassword: true})
	_, errRole := admin.RoleAdd(ctx, "chat")
	_, errGrant := admin.RoleGrantPermission(ctx, "chat", "/chat/", clientv3.GetPrefixRangeEnd("/chat/"), clientv3.PermissionType(clientv3.PermReadWrite))
	_, errUserRole := admin.UserGrantRole(ctx, "corrillo", "chat")
	_, errOn := admin.AuthEnable(ctx)
	if err := errors.Join(errRoot, errRootRole, errUser, errRole, errGrant, errUserRole, errOn); err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]bool{"corrillo": true, "nobody": false} {
		cert, key := ours.issue(t, t.TempDir(), name)
		r := open(t, server.Endpoint(), "/chat/", files(t, ours.file, cert, key))
		if err := r.Register(ctx, repotest.LeaseOf("ann"), time.Minute); (err == nil) != want || errors.Is(err, repo.ErrUnavailable) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestTLSFiles_Refuses(t *testing.T) {
	ours := newAuthority(t, "ours")
	cert, key := ours.issue(t, t.TempDir(), "corrillo")
	_, another := ours.issue(t, t.TempDir(), "corrillo")
	for name, f := range map[string][3]string{
		"no such authority":      {"missing", cert, key},
		"an authority of no use": {key, cert, key},
		"no such certificate":    {ours.file, "missing", key},
		"no such key":            {ours.file, cert, "missing"},
		"another's key":          {ours.file, cert, another},
		"no key":                 {ours.file, cert, ""},
		"no certificate":         {ours.file, "", key},
	} {
		if _, err := etcd.TLSFiles(f[0], f[1], f[2]); err == nil {
			t.Errorf("%s: taken", name)
		}
	}
}
