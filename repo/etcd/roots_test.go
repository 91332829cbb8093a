package etcd_test

import (
	"errors"
	"os"
	"os/exec"
	"testing"
	"time"

	"github.com/corrillo/corrillo/repo"
	"github.com/corrillo/corrillo/repo/repotest"
)

// An https endpoint alone is enough where the machine trusts who signed etcd's
// certificate. A process reads what the machine trusts once, so a second one
// does it.
func TestRegistry_MachinesRoots(t *testing.T) {
	const at, trusted = "TEST_ETCD_AT", "TEST_ETCD_TRUSTED"
	if endpoint := os.Getenv(at); endpoint != "" {
		within := time.Second
		if os.Getenv(trusted) != "" {
			within = 10 * time.Second
		}
		_, err := readFor(t, open(t, endpoint, ""), within)
		if want := os.Getenv(trusted) != ""; (err == nil) != want {
			t.Errorf("read: %v", err)
		}
		return
	}
	ca := newAuthority(t, "ca")
	certFile, keyFile := ca.issue(t, t.TempDir(), "etcd")
	server := repotest.StartEtcd(t, "--cert-file="+certFile, "--key-file="+keyFile)
	for name, env := range map[string][]string{
		"trusted":     {"SSL_CERT_FILE=" + ca.file, trusted + "=1"},
		"not trusted": nil,
	} {
		cmd := exec.Command(os.Args[0], "-test.run=^TestRegistry_MachinesRoots$")
		cmd.Env = append(append(os.Environ(), at+"="+server.Endpoint()), env...)
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Errorf("%s: %v\n%s", name, err, out)
		}
	}
	_, err := readFor(t, open(t, "http://"+server.Addr(), ""), time.Second)
	if err == nil || !errors.Is(err, repo.ErrUnavailable) {
		t.Errorf("without TLS: %v", err)
	}
}
