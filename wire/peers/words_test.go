package peers

import (
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"os"
	"strings"
	"syscall"
	"testing"
	"time"
)

// listener is somewhere where no node is; with each connection it does do.
func listener(tb testing.TB, do func(net.Conn)) string {
	tb.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { _ = l.Close() })
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			tb.Cleanup(func() { _ = conn.Close() })
			do(conn)
		}
	}()
	return l.Addr().String()
}

// A node says in words why it has no link to another, and the same each time.
func TestPeers_Unlinked(t *testing.T) {
	another, err := SharedSecret([]byte(strings.Repeat("another!", 4)))
	if err != nil {
		t.Fatal(err)
	}
	for name, tc := range map[string]struct {
		address func(t *testing.T) string
		want    string
	}{
		"nobody listens": {func(t *testing.T) string { return freeAddress(t) }, "connection refused"},
		"no such name":   {func(*testing.T) string { return "node9.invalid:7946" }, "nobody knows the name node9.invalid"},
		"no answer":      {func(t *testing.T) string { return listener(t, func(net.Conn) {}) }, "it does not answer"},
		"hangs up":       {func(t *testing.T) string { return listener(t, func(c net.Conn) { _ = c.(*net.TCPConn).CloseWrite() }) }, "it closed the connection"},
		"no node": {func(t *testing.T) string {
			return listener(t, func(c net.Conn) { _, _ = c.Write([]byte("HTTP/1.1 400 Bad Request\r\n\r\n")) })
		}, "what listens there is no node: it speaks no TLS"},
		"another secret": {func(t *testing.T) string {
			return start(t, "b", func(o *Options) { o.Identity = another }).Addr().String()
		}, "a certificate that is not of this cluster: it was not made from this node's secret (cluster.secret)"},
		"another name of the cluster": {func(t *testing.T) string {
			return start(t, "b", func(o *Options) { o.Cluster = "other" }).Addr().String()
		}, `node "a" is of cluster "test", and node "b" of cluster "other"`},
		"another schema": {func(t *testing.T) string {
			return start(t, "b", func(o *Options) { o.Compatible = func(Hello) error { return errors.New("other tables") } }).Addr().String()
		}, "other tables"},
		"another node": {func(t *testing.T) string { return start(t, "c", nil).Addr().String() }, `there is node "c" now`},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			a := start(t, "a", func(o *Options) { o.Silence = 500 * time.Millisecond })
			a.Set([]Peer{a.peer(), {ID: "b", Address: tc.address(t)}})
			a.await("told why", func() bool { return a.Unlinked()["b"] != "" })
			if said := a.Unlinked()["b"]; !strings.HasSuffix(said, tc.want) {
				t.Errorf("it says %q, want %q", said, tc.want)
			}
		})
	}
}

// Of two that go by certificates of a CA, only one knows that of the other.
func TestPeers_UnlinkedByACA(t *testing.T) {
	identity := func(o *Options, ca string) {
		cert, key, _ := writeFiles(t, t.TempDir(), string(testSecret), o.Node)
		var err error
		if o.Identity, err = CertificateFiles(cert, key, ca); err != nil {
			t.Fatal(err)
		}
	}
	_, _, known := writeFiles(t, t.TempDir(), string(testSecret), "x")
	_, _, stranger := writeFiles(t, t.TempDir(), strings.Repeat("stranger", 4), "x")
	a, b := start(t, "a", func(o *Options) { identity(o, known) }), start(t, "b", func(o *Options) { identity(o, stranger) })
	a.Set([]Peer{a.peer(), b.peer()})
	a.await("told why", func() bool { return a.Unlinked()["b"] == "it refuses this node's certificate" })
}

// What differs from try to try is left out: it would be told as something new.
func TestInWords(t *testing.T) {
	from := &net.TCPAddr{IP: net.IPv4(10, 0, 0, 1), Port: 40000}
	for want, err := range map[string]error{
		"connection reset by peer": &net.OpError{Op: "read", Source: from, Err: os.NewSyscallError("read", syscall.ECONNRESET)},
		"it does not answer":       &net.OpError{Op: "dial", Source: from, Err: os.ErrDeadlineExceeded},
		"a certificate that is not of this cluster: it has expired, or is not valid yet": fmt.Errorf("verify: %w",
			x509.CertificateInvalidError{Reason: x509.Expired, Detail: "current time 2026-01-02T03:04:05Z"}),
	} {
		if got := inWords(err); got.Error() != want {
			t.Errorf("%v: %q, want %q", err, got, want)
		}
	}
	if err := inWords(nil); err != nil {
		t.Errorf("of nothing it says %v", err)
	}
}

// Where a link is up there is nothing to say.
func TestPeers_UnlinkedIsOver(t *testing.T) {
	a, address := start(t, "a", nil), freeAddress(t)
	a.Set([]Peer{a.peer(), {ID: "b", Address: address}})
	a.await("told why", func() bool { return a.Unlinked()["b"] == "connection refused" })
	b := start(t, "b", func(o *Options) { o.Listen = address })
	b.Set([]Peer{a.peer(), b.peer()})
	a.awaitUp("b")
	if got := a.Unlinked(); len(got) > 0 {
		t.Errorf("it says %q", got)
	}
}
