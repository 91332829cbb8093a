package main

import (
	"bufio"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/json"
	"encoding/pem"
	"errors"
	"io"
	"math/big"
	"net"
	"net/http"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/gobwas/ws"
)

// authority signs the certificates of a test's server.
type authority struct {
	t    *testing.T
	dir  string
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
}

// newAuthority puts its own certificate into ca.pem.
func newAuthority(t *testing.T, dir string) *authority {
	t.Helper()
	a := &authority{t: t, dir: dir, key: newKey(t)}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "test authority"}, IsCA: true, BasicConstraintsValid: true,
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour), KeyUsage: x509.KeyUsageCertSign,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, a.key.Public(), a.key)
	if err != nil {
		t.Fatal(err)
	}
	if a.cert, err = x509.ParseCertificate(der); err != nil {
		t.Fatal(err)
	}
	a.write("ca.pem", "CERTIFICATE", der)
	return a
}

func newKey(t *testing.T) *ecdsa.PrivateKey {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

func (a *authority) write(name, kind string, der []byte) {
	a.t.Helper()
	write(a.t, a.dir, name, string(pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der})))
}

// issue writes name.pem and name.key: a certificate for this machine.
func (a *authority) issue(name string, serial int64, lives time.Duration) {
	a.t.Helper()
	key := newKey(a.t)
	template := &x509.Certificate{
		SerialNumber: big.NewInt(serial), NotBefore: time.Now().Add(-2 * time.Hour), NotAfter: time.Now().Add(lives),
		DNSNames: []string{"localhost"}, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
		KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
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

// trusting is the TLS of a client that believes the authority.
func (a *authority) trusting() *tls.Config {
	roots := x509.NewCertPool()
	roots.AddCert(a.cert)
	return &tls.Config{RootCAs: roots, MinVersion: tls.VersionTLS12}
}

// environment lets a program that runs beside the test believe it.
func (a *authority) environment() []string {
	return []string{"SSL_CERT_FILE=" + filepath.Join(a.dir, "ca.pem")}
}

// secure is a server whose port has TLS, with the certificate number 10.
type secure struct {
	*testServer
	*authority
	addr string
}

func serveTLS(t *testing.T, args ...string) *secure {
	t.Helper()
	dir := t.TempDir()
	a := newAuthority(t, dir)
	a.issue("chat", 10, 30*time.Minute)
	s := serve(t, dir, true, []string{"CORRILLO_TLS_CERT=chat.pem"}, append([]string{"--dev", "--tls-key=chat.key"}, args...)...)
	addr := strings.TrimPrefix(s.url, "http://")
	s.url = "https://" + addr
	return &secure{s, a, addr}
}

// get asks by HTTPS.
func (s *secure) get(path string) (code int, body string, err error) {
	s.t.Helper()
	transport := &http.Transport{TLSClientConfig: s.trusting(), DisableKeepAlives: true}
	defer transport.CloseIdleConnections()
	res, err := (&http.Client{Transport: transport, Timeout: patience}).Get(s.url + path)
	if err != nil {
		return 0, "", err
	}
	defer func() { _ = res.Body.Close() }()
	text, err := io.ReadAll(res.Body)
	return res.StatusCode, string(text), err
}

// socket opens a WebSocket over TLS.
func (s *secure) socket(path string) *client {
	t := s.t
	t.Helper()
	d := ws.Dialer{TLSConfig: s.trusting()}
	conn, early, _, err := d.Dial(t.Context(), "wss://"+s.addr+path)
	if err != nil {
		t.Fatal(err)
	}
	c := &client{conn: conn, in: conn, onEvent: func(string, json.RawMessage) error { return nil }, stop: func() bool { return true }}
	if early != nil {
		c.in = struct {
			io.Reader
			io.Writer
		}{io.MultiReader(io.LimitReader(early, int64(early.Buffered())), conn), conn}
	}
	t.Cleanup(c.close)
	return c
}

// serial is the number of the certificate that a new connection is shown.
func (s *secure) serial() int64 {
	t := s.t
	t.Helper()
	conn, err := tls.Dial("tcp", s.addr, s.trusting())
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close() }()
	return conn.ConnectionState().PeerCertificates[0].SerialNumber.Int64()
}

// awaitFrom waits until the process has printed the text, not looking at the
// first bytes of its output.
func (p *process) awaitFrom(from int, text string) {
	p.t.Helper()
	timer := time.AfterFunc(patience, p.output.cond.Broadcast)
	defer timer.Stop()
	limit := time.Now().Add(patience)
	p.output.mu.Lock()
	defer p.output.mu.Unlock()
	for !strings.Contains(p.output.buf.String()[from:], text) {
		if p.output.end || time.Now().After(limit) {
			p.t.Fatalf("it never printed %q again", text)
		}
		p.output.cond.Wait()
	}
}

// raw is a connection without TLS.
func (s *secure) raw() net.Conn {
	t := s.t
	t.Helper()
	conn, err := net.Dial("tcp", s.addr)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	_ = conn.SetDeadline(time.Now().Add(patience))
	return conn
}

// drip writes a byte now and then, first those given and then the same one for
// ever, until the other side has closed the connection.
func drip(ctx context.Context, conn net.Conn, first []byte, then byte) error {
	over := make(chan struct{})
	go func() {
		defer close(over)
		_, _ = io.Copy(io.Discard, conn) // until it ends, however it does
	}()
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for n := 0; ; n++ {
		select {
		case <-over:
			return nil
		case <-ctx.Done():
			return errors.New("the connection stays open")
		case <-tick.C:
			b := then
			if n < len(first) {
				b = first[n]
			}
			_, _ = conn.Write([]byte{b}) // an error shows in the end
		}
	}
}

// awaitMetric polls for a line of the metrics.
func (s *testServer) awaitMetric(line string) {
	s.t.Helper()
	var all string
	for limit := time.Now().Add(patience); time.Now().Before(limit); time.Sleep(20 * time.Millisecond) {
		_, all = get(s.t, s.admin+"/metrics")
		for lines := bufio.NewScanner(strings.NewReader(all)); lines.Scan(); {
			if lines.Text() == line {
				return
			}
		}
	}
	s.t.Fatalf("the metrics never had %q:\n%s", line, all)
}
