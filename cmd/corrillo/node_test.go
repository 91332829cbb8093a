package main

import (
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"errors"
	"fmt"
	"math/big"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/corrillo/corrillo/repo"
	"github.com/corrillo/corrillo/repo/mysql"
	"github.com/corrillo/corrillo/repo/repotest"
)

// serveNode starts a node of a cluster; ready says whether to wait until it is
// a member.
func serveNode(t *testing.T, dir, database string, ready bool, args ...string) *testServer {
	t.Helper()
	env := []string{"DATABASE_URL=" + database, "CLUSTER_SECRET=" + strings.Repeat("s", 32)}
	return serve(t, dir, ready, env, append([]string{"--dev", fmt.Sprint("--cluster-listen=127.0.0.1:", freePort(t))}, args...)...)
}

// issueBoth writes name.pem and name.key, for both ends of a connection.
func (a *authority) issueBoth(name string) {
	a.t.Helper()
	key := newKey(a.t)
	template := &x509.Certificate{
		SerialNumber: big.NewInt(2), Subject: pkix.Name{CommonName: name}, NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, KeyUsage: x509.KeyUsageDigitalSignature,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth},
	}
	cert, err := x509.CreateCertificate(rand.Reader, template, a.cert, key.Public(), a.key)
	if err != nil {
		a.t.Fatal(err)
	}
	text, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		a.t.Fatal(err)
	}
	a.write(name+".pem", "CERTIFICATE", cert)
	a.write(name+".key", "PRIVATE KEY", text)
}

// A node whose membership is kept in an etcd that asks for certificates.
func TestNode_EtcdByCertificate(t *testing.T) {
	dir, database := t.TempDir(), repotest.StartMariaDB(t).NewDatabase(t)
	a := newAuthority(t, dir)
	a.issueBoth("etcd")
	a.issueBoth("node")
	etcd := repotest.StartEtcd(t, "--cert-file="+dir+"/etcd.pem", "--key-file="+dir+"/etcd.key", "--client-cert-auth", "--trusted-ca-file="+dir+"/ca.pem")
	at := []string{"--cluster-membership=etcd", "--cluster-etcd-endpoints=" + etcd.Endpoint(), "--cluster-etcd-ca=ca.pem"}
	serveNode(t, dir, database, true, append(at, "--cluster-etcd-cert=node.pem", "--cluster-etcd-key=node.key")...).stop()

	s := serveNode(t, dir, database, false, append(at, "--cluster-etcd-cert=node.pem", "--cluster-etcd-key=etcd.key")...)
	if code := s.exit(); code != exitFailed {
		t.Errorf("with another's key: exit code %d", code)
	}
	s.await("corrillo: cluster.etcd.cert, cluster.etcd.key: node.pem and etcd.key are no pair: ")
}

// While nodes come and go as they should, nothing in their logs is for whoever
// looks after troubles; a node whose address leads nowhere says so.
func TestNode_Logs(t *testing.T) {
	t.Parallel()
	database := repotest.StartMariaDB(t).NewDatabase(t)
	a := serveNode(t, t.TempDir(), database, true)
	b := serveNode(t, t.TempDir(), database, true)
	b.stop()
	a.await(`"a new view of the cluster","generation":4`) // without b
	for _, s := range []*testServer{a, b} {
		for line := range strings.Lines(s.output.String()) {
			if strings.Contains(line, `"level":"INFO"`) || strings.Contains(line, `"level":"DEBUG"`) ||
				strings.Contains(line, "TRUST MODE") || strings.Contains(line, "WEBHOOK_SECRET") || strings.Contains(line, "the store breaks a promise") {
				continue
			}
			t.Errorf("in the log: %s", line)
		}
	}
	nowhere := fmt.Sprint("127.0.0.1:", freePort(t))
	c := serveNode(t, t.TempDir(), database, false, "--cluster-advertise="+nowhere)
	c.await(`"waiting to join the cluster"`, "cannot join the cluster yet", "this node reaches them, and they do not reach it at "+nowhere+" (cluster.advertise)")
}

// A node whose membership is in an etcd that is away says which one that is.
func TestNode_EtcdAway(t *testing.T) {
	t.Parallel()
	database := repotest.StartMariaDB(t).NewDatabase(t)
	etcd := fmt.Sprint("http://127.0.0.1:", freePort(t))
	dir := t.TempDir()
	s := serveNode(t, dir, database, false, "--cluster-membership=etcd", "--cluster-etcd-endpoints="+etcd)
	s.await("the registry of the cluster fails", "etcd at "+etcd+" gave no answer: register the node: ")
	_, stderr, code := corrillo(t, dir, nil, "cluster", "status", "--admin-addr="+strings.TrimPrefix(s.admin, "http://"))
	if want := "is not a member yet: joining; etcd at " + etcd + " does not answer, see the log\n"; code != exitFailed || !strings.HasSuffix(stderr, want) {
		t.Errorf("cluster status: exit code %d, %q, want %q at its end", code, stderr, want)
	}
	s.stop()
}

// A node that others have taken for dead before it was a member, since it stood
// still, is to be started again: the exit code says so.
func TestNode_LostBeforeItHasJoined(t *testing.T) {
	dir, url := t.TempDir(), repotest.StartMariaDB(t).NewDatabase(t)
	if _, stderr, code := corrillo(t, dir, []string{"DATABASE_URL=" + url}, "migrate", "--dev"); code != exitOK {
		t.Fatal(stderr)
	}
	o, err := mysql.ParseURL(url)
	if err != nil {
		t.Fatal(err)
	}
	o.TablePrefix = "corrillo_"
	registry, err := mysql.OpenRegistry(o)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = registry.Close() }()
	// There is a member that it does not reach, so it cannot join.
	nowhere := fmt.Sprint("127.0.0.1:", freePort(t))
	ghost := repo.Proposal{Record: repo.ClusterRecord{Generation: 1, Members: []repo.Member{{ID: "ghost", Address: nowhere, Since: 1}}}}
	err = errors.Join(registry.Register(t.Context(), repo.Lease{ID: "ghost", Address: nowhere, Schema: clusterSchema}, time.Hour), registry.Propose(t.Context(), ghost))
	if err != nil {
		t.Fatal(err)
	}
	s := serveNode(t, dir, url, false)
	s.await(`"msg":"cannot join the cluster yet"`, `"because":"no link to ghost at `+nowhere+` (connection refused)"`)
	_, stderr, code := corrillo(t, dir, nil, "cluster", "status", "--admin-addr="+strings.TrimPrefix(s.admin, "http://"))
	if want := "is not a member yet: joining; no link to ghost at " + nowhere + " (connection refused)\n"; code != exitFailed || !strings.HasSuffix(stderr, want) {
		t.Errorf("cluster status: exit code %d, %q, want %q at its end", code, stderr, want)
	}
	got, err := registry.Read(t.Context())
	if err != nil || len(got.Leases) != 2 {
		t.Fatalf("%+v, %v", got, err)
	}
	for _, l := range got.Leases {
		if l.ID == "ghost" {
			continue
		}
		if err := registry.Remove(t.Context(), l.ID); err != nil {
			t.Fatal(err)
		}
	}
	if code := s.exit(); code != exitLost {
		t.Errorf("exit code %d, want %d", code, exitLost)
	}
	s.await("corrillo: this node is no longer a member of the cluster")
}
