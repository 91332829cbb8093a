package main

import (
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

// What keeps a node from starting is found before it starts, and both name the
// setting. What the others would refuse is found, too.
func TestConfigCheck_ClusterFiles(t *testing.T) {
	t.Parallel()
	dir, away := t.TempDir(), t.TempDir()
	a := newAuthority(t, dir)
	a.issueBoth("node")
	a.issueBoth("other")
	a.issue("old", 3, -time.Hour)
	a.issue("server", 4, time.Hour)
	newAuthority(t, away)
	database := "DATABASE_URL=mysql://app@127.0.0.1:1/chat"
	secret := "CLUSTER_SECRET=" + strings.Repeat("s", 32)
	at := slices.Clip([]string{"--dev", "--cluster-listen=127.0.0.1:0"})
	files := func(cert, key, ca string) []string {
		return append(at, "--cluster-cert="+cert, "--cluster-key="+key, "--cluster-ca="+ca)
	}
	inEtcd := func(more ...string) []string {
		return append(append(at, "--cluster-membership=etcd", "--cluster-etcd-endpoints=https://127.0.0.1:1"), more...)
	}
	for name, tc := range map[string]struct {
		env    []string
		args   []string
		want   string // a line of stderr begins so
		starts bool   // serve does not mind
	}{
		"well":                   {args: files("node.pem", "node.key", "ca.pem"), starts: true},
		"no certificate":         {args: files("none.pem", "node.key", "ca.pem"), want: "cluster.cert: open none.pem: "},
		"no key":                 {args: files("node.pem", "none.key", "ca.pem"), want: "cluster.key: open none.key: "},
		"no authority":           {args: files("node.pem", "node.key", "none.pem"), want: "cluster.ca: open none.pem: "},
		"another's key":          {args: files("node.pem", "other.key", "ca.pem"), want: "cluster.cert, cluster.key: node.pem and other.key are no pair: "},
		"no authority in it":     {args: files("node.pem", "node.key", "node.key"), want: "cluster.ca: there is no certificate in node.key"},
		"expired":                {args: files("old.pem", "old.key", "ca.pem"), want: "cluster.cert: the certificate has expired on ", starts: true},
		"for servers alone":      {args: files("server.pem", "server.key", "ca.pem"), want: "cluster.cert: the other nodes will refuse it: ", starts: true},
		"of another authority":   {args: files("node.pem", "node.key", filepath.Join(away, "ca.pem")), want: "cluster.cert: the other nodes will refuse it: ", starts: true},
		"etcd's authority":       {env: []string{secret}, args: inEtcd("--cluster-etcd-ca=none.pem"), want: "cluster.etcd.ca: open none.pem: "},
		"another's key for etcd": {env: []string{secret}, args: inEtcd("--cluster-etcd-cert=node.pem", "--cluster-etcd-key=other.key"), want: "cluster.etcd.cert, cluster.etcd.key: node.pem and other.key are no pair: "},
		"expired for etcd":       {env: []string{secret}, args: inEtcd("--cluster-etcd-cert=old.pem", "--cluster-etcd-key=old.key"), want: "cluster.etcd.cert: the certificate has expired on ", starts: true},
		"etcd in two ways":       {env: []string{secret}, args: append(at, "--cluster-membership=etcd", "--cluster-etcd-endpoints=http://127.0.0.1:2,https://127.0.0.1:1"), want: "flag --cluster-etcd-endpoints: cluster.etcd.endpoints: some begin with http://"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			env := append([]string{database}, tc.env...)
			_, stderr, code := corrillo(t, dir, env, append([]string{"config", "check"}, tc.args...)...)
			if tc.want == "" {
				if code != exitOK {
					t.Errorf("exit code %d: %s", code, stderr)
				}
				return
			}
			if code != exitFailed || !strings.HasPrefix(stderr, "corrillo: "+tc.want) || strings.Count(stderr, "\n") != 1 {
				t.Errorf("exit code %d, %q; want %q", code, stderr, tc.want)
			}
			if tc.starts {
				s := serve(t, dir, false, env, tc.args...)
				s.await("others refuse a certificate of this node", tc.want)
				return
			}
			if _, said, code := corrillo(t, dir, env, append([]string{"serve"}, tc.args...)...); code != exitFailed || said != stderr {
				t.Errorf("serve: exit code %d, %q; config check says %q", code, said, stderr)
			}
		})
	}
}

// A secret of a cluster makes no cluster, and whoever set it hears of that.
func TestServe_ClusterWithoutListen(t *testing.T) {
	t.Parallel()
	secret := []string{"CLUSTER_SECRET=" + strings.Repeat("s", 32)}
	const want = "cluster.secret (environment CLUSTER_SECRET) is for a node of a cluster, and cluster.listen is empty: this server is alone"
	if _, stderr, code := corrillo(t, t.TempDir(), secret, "config", "check", "--dev"); code != exitOK || stderr != "corrillo: warning: "+want+"\n" {
		t.Errorf("exit code %d, %q", code, stderr)
	}
	s := serve(t, t.TempDir(), true, secret, "--dev")
	s.await(want)
	s.stop()
}
