package peers

import (
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"os"
	"sync"
	"time"
)

// CertificateFiles makes an identity from PEM files: cert has this node's
// certificate, followed by those between it and the authority, if any; key has its
// private key; ca has the authority's certificates. The node's certificate must be
// valid for servers and for clients. Whoever has a certificate of that authority
// counts as a node of the cluster, whatever name it is for: the authority should
// have no other use. The names in certificates are ignored, and a node's word on
// which node it is is believed. The files are read again when one of them has
// changed; while they cannot be read, what was read before stays in use.
func CertificateFiles(cert, key, ca string) (*Identity, error) {
	f := &files{paths: [3]string{cert, key, ca}}
	if err := f.read(); err != nil {
		return nil, err
	}
	return &Identity{
		leaf:  func(string) (*tls.Certificate, error) { c, _ := f.now(); return c, nil },
		roots: func() (*x509.CertPool, error) { _, pool := f.now(); return pool, nil },
	}, nil
}

// files is a certificate that is read again when its files have changed. They are
// looked at for each connection, of which there are few.
type files struct {
	paths [3]string // certificate, key, authority

	mu    sync.Mutex
	stamp [3]stamp
	leaf  *tls.Certificate
	pool  *x509.CertPool
}

// stamp tells whether a file has changed.
type stamp struct {
	at   time.Time
	size int64
}

func (f *files) now() (*tls.Certificate, *x509.CertPool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if s, err := f.stamps(); err == nil && s != f.stamp {
		_ = f.readAs(s) // half written, perhaps: it is tried again next time
	}
	return f.leaf, f.pool
}

func (f *files) read() error {
	f.mu.Lock()
	defer f.mu.Unlock()
	s, err := f.stamps()
	if err != nil {
		return err
	}
	return f.readAs(s)
}

func (f *files) stamps() (all [3]stamp, err error) {
	for i, path := range f.paths {
		info, err := os.Stat(path)
		if err != nil {
			return all, fmt.Errorf("a certificate of the cluster: %w", err)
		}
		all[i] = stamp{info.ModTime(), info.Size()}
	}
	return all, nil
}

func (f *files) readAs(s [3]stamp) error {
	leaf, err := tls.LoadX509KeyPair(f.paths[0], f.paths[1])
	if err != nil {
		return fmt.Errorf("this node's certificate %s with key %s: %w", f.paths[0], f.paths[1], err)
	}
	pem, err := os.ReadFile(f.paths[2])
	if err != nil {
		return fmt.Errorf("the nodes' authority: %w", err)
	}
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(pem) {
		return fmt.Errorf("the nodes' authority: %s has no certificate", f.paths[2])
	}
	f.leaf, f.pool, f.stamp = &leaf, pool, s
	return nil
}
