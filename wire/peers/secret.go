package peers

import (
	"crypto/ed25519"
	"crypto/hkdf"
	"crypto/rand"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"fmt"
	"math/big"
	"sync"
	"time"
)

// MinSecret is the least length of a shared secret, in bytes. They should be random:
// whoever reaches the port gets a certificate, and can try secrets against it
// offline.
const MinSecret = 32

// A certificate that a node makes for itself is valid for leafLife and is replaced
// leafAnew after it was made. Its validity begins leafEarly before, since the clocks
// of machines differ.
const (
	leafLife  = 7 * 24 * time.Hour
	leafEarly = 24 * time.Hour
	leafAnew  = 24 * time.Hour
)

// SharedSecret makes an identity for nodes that share nothing but a secret. The
// secret is the seed of a certificate authority's key, so that each node can make a
// certificate for itself and verify those of the others.
func SharedSecret(secret []byte) (*Identity, error) {
	m, err := newMint(secret)
	if err != nil {
		return nil, err
	}
	return &Identity{leaf: m.leaf, roots: func() (*x509.CertPool, error) { return m.pool, nil }, named: true}, nil
}

// mint makes the certificates of this node.
type mint struct {
	key  ed25519.PrivateKey
	ca   *x509.Certificate
	pool *x509.CertPool

	mu   sync.Mutex
	node string // the node that last is for
	last *tls.Certificate
	made time.Time
	// from is when the validity of last begins, anew when it is to be replaced, both
	// by the wall clock.
	from, anew time.Time
}

func newMint(secret []byte) (*mint, error) {
	if len(secret) < MinSecret {
		return nil, fmt.Errorf("the secret that nodes share has %d bytes; it takes at least %d", len(secret), MinSecret)
	}
	seed, err := hkdf.Key(sha256.New, secret, nil, "corrillo nodes: certificate authority, version 1", ed25519.SeedSize)
	if err != nil {
		return nil, fmt.Errorf("derive a key from the secret that nodes share: %w", err)
	}
	m := &mint{key: ed25519.NewKeyFromSeed(seed), pool: x509.NewCertPool()}
	if m.ca, err = m.authority(); err != nil {
		return nil, err
	}
	m.pool.AddCert(m.ca)
	return m, nil
}

// authority makes the authority's certificate, which is the same on all nodes, since
// Ed25519 signatures are deterministic.
func (m *mint) authority() (*x509.Certificate, error) {
	ca := &x509.Certificate{
		SerialNumber:          big.NewInt(1),
		Subject:               pkix.Name{CommonName: "corrillo nodes"},
		NotBefore:             time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC),
		NotAfter:              time.Date(9999, 12, 31, 23, 59, 59, 0, time.UTC), // RFC 5280, 4.1.2.5: no end
		KeyUsage:              x509.KeyUsageCertSign,
		BasicConstraintsValid: true,
		IsCA:                  true,
		MaxPathLenZero:        true,
	}
	der, err := x509.CreateCertificate(rand.Reader, ca, ca, m.key.Public(), m.key)
	if err != nil {
		return nil, fmt.Errorf("make the certificate of the nodes' authority: %w", err)
	}
	return x509.ParseCertificate(der)
}

func (m *mint) leaf(node string) (*tls.Certificate, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	now := time.Now()
	if m.last != nil && m.node == node && now.Sub(m.made) < leafAnew && m.holds(now) {
		return m.last, nil
	}
	cert, err := m.sign(node, now.Add(-leafEarly), now.Add(leafLife))
	if err != nil {
		return nil, fmt.Errorf("make this node's certificate: %w", err)
	}
	m.node, m.last, m.made = node, cert, now
	m.from, m.anew = now.Add(-leafEarly).Round(0), now.Add(leafLife-leafAnew).Round(0)
	return cert, nil
}

// holds reports whether the last certificate is valid at the time that the wall clock
// shows. On a machine that has just started, that clock may be years off when the
// certificate is made, and be set right a moment later. Sub and Since would not
// notice: they go by the monotonic clock.
func (m *mint) holds(now time.Time) bool {
	now = now.Round(0)
	return !now.Before(m.from) && now.Before(m.anew)
}

func (m *mint) sign(node string, from, until time.Time) (*tls.Certificate, error) {
	public, private, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		return nil, err
	}
	serial, err := rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 120))
	if err != nil {
		return nil, err
	}
	leaf := &x509.Certificate{
		SerialNumber: serial,
		Subject:      pkix.Name{CommonName: node},
		NotBefore:    from,
		NotAfter:     until,
		KeyUsage:     x509.KeyUsageDigitalSignature,
		ExtKeyUsage:  []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth},
	}
	der, err := x509.CreateCertificate(rand.Reader, leaf, m.ca, public, m.key)
	if err != nil {
		return nil, err
	}
	return &tls.Certificate{Certificate: [][]byte{der}, PrivateKey: private}, nil
}
