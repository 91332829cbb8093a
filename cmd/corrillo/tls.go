package main

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/corrillo/corrillo/config"
)

// lookEvery is the time between two looks at the certificate's files.
const lookEvery = time.Second

// certificates is the pair that the port shows to its clients. Its files are
// looked at while the server runs: a connection that begins after they have
// changed gets what is in them, one that stands keeps what it has.
type certificates struct {
	files   config.TLS
	log     *slog.Logger
	current atomic.Pointer[tls.Certificate]

	// The rest is watch's.
	seen  stamp // at the last look
	tried stamp // when they were read last
	told  bool  // that current has expired
}

// stamp tells one state of the two files from another.
type stamp struct {
	changed, size [2]int64
}

// newCertificates reads the pair that the settings name; nil when they name
// none.
func newCertificates(files config.TLS, log *slog.Logger) (*certificates, error) {
	if files.Cert == "" || files.Key == "" { // one alone is refused by config
		return nil, nil
	}
	c := &certificates{files: files, log: log, seen: stampOf(files)}
	c.tried = c.seen
	pair, err := readPair(files)
	if err != nil {
		return nil, err
	}
	c.current.Store(pair)
	c.tellExpiry(time.Now())
	return c, nil
}

// readPair reads a certificate and its key.
func readPair(files config.TLS) (*tls.Certificate, error) {
	return loadPair("tls.", files.Cert, files.Key)
}

// loadPair is readPair for the settings whose names prefix begins.
func loadPair(prefix, certFile, keyFile string) (*tls.Certificate, error) {
	cert, certErr := readPEM(prefix+"cert", certFile)
	key, keyErr := readPEM(prefix+"key", keyFile)
	if err := errors.Join(certErr, keyErr); err != nil {
		return nil, err
	}
	pair, err := tls.X509KeyPair(cert, key)
	if err != nil {
		return nil, fmt.Errorf("%[1]scert, %[1]skey: %s and %s are no pair: %w", prefix, certFile, keyFile, err)
	}
	return &pair, nil
}

func readPEM(setting, file string) ([]byte, error) {
	if strings.Contains(file, "-----BEGIN") {
		return nil, fmt.Errorf("%s: is the name of a file, not what is in it", setting)
	}
	text, err := os.ReadFile(file) // #nosec G304 -- the operator names the file
	if err != nil {
		return nil, fmt.Errorf("%s: %w", setting, err)
	}
	return text, nil
}

// checkPair finds what is wrong with the pair that the settings name, but for
// its age.
func checkPair(files config.TLS) error {
	_, err := newCertificates(files, slog.New(slog.DiscardHandler))
	return err
}

// checkExpiry says that the certificate has expired. That keeps no server from
// its work: its clients are refused by themselves, and the next certificate is
// taken as soon as it is there.
func checkExpiry(files config.TLS, now time.Time) error {
	c, err := newCertificates(files, slog.New(slog.DiscardHandler))
	if c == nil || err != nil { // checkPair has told the error
		return nil
	}
	return expired("tls.cert", c.current.Load().Leaf, now)
}

func expired(setting string, leaf *x509.Certificate, now time.Time) error {
	if now.After(leaf.NotAfter) {
		return fmt.Errorf("%s: the certificate has expired on %s", setting, leaf.NotAfter.UTC().Format(time.RFC3339))
	}
	return nil
}

// config is for the port of clients. A WebSocket begins with a request of
// HTTP/1.1, so nothing else is offered.
func (c *certificates) config() *tls.Config {
	return &tls.Config{
		MinVersion:     tls.VersionTLS12,
		NextProtos:     []string{"http/1.1"},
		GetCertificate: func(*tls.ClientHelloInfo) (*tls.Certificate, error) { return c.current.Load(), nil },
	}
}

// listen puts TLS on a listener and begins to look at the files, until stop is
// called or ctx ends. Without certificates it gives the listener back.
func (c *certificates) listen(ctx context.Context, l net.Listener) (secured net.Listener, stop func()) {
	if c == nil {
		return l, func() {}
	}
	ctx, cancel := context.WithCancel(ctx)
	var watching sync.WaitGroup
	watching.Go(func() { c.watch(ctx) })
	return tls.NewListener(l, c.config()), func() {
		cancel()
		watching.Wait()
	}
}

func (c *certificates) watch(ctx context.Context) {
	tick := time.NewTicker(lookEvery)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case now := <-tick.C:
			c.look(stampOf(c.files), now)
		}
	}
}

// look reads the files when they have changed, and have not since the last
// look: one of the two may be there before the other, or half written. What
// cannot be used leaves the certificate as it is.
func (c *certificates) look(found stamp, now time.Time) {
	settled := found == c.seen
	c.seen = found
	if !settled || found == c.tried {
		c.tellExpiry(now)
		return
	}
	c.tried = found
	pair, err := readPair(c.files)
	if err == nil {
		err = expired("tls.cert", pair.Leaf, now)
	}
	if err != nil {
		c.log.Warn("the new certificate cannot be used, the old one stays", "error", err)
		return
	}
	c.current.Store(pair)
	c.told = false
	c.log.Info("the certificate has changed", "expires", pair.Leaf.NotAfter.UTC())
}

// tellExpiry says once that clients will refuse the certificate.
func (c *certificates) tellExpiry(now time.Time) {
	if err := expired("tls.cert", c.current.Load().Leaf, now); err != nil && !c.told {
		c.told = true
		c.log.Warn("clients refuse the certificate", "error", err)
	}
}

// stampOf looks at the files; one that is not there has a stamp of its own,
// too.
func stampOf(files config.TLS) stamp {
	var s stamp
	for i, file := range []string{files.Cert, files.Key} {
		if info, err := os.Stat(file); err == nil {
			s.changed[i], s.size[i] = info.ModTime().UnixNano(), info.Size()
		}
	}
	return s
}
