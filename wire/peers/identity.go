package peers

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"time"
)

// Identity is how a node proves that it belongs to the cluster, and checks that
// others do. It is made by SharedSecret or CertificateFiles.
type Identity struct {
	// leaf returns the certificate that the node is to show now.
	leaf func(node string) (*tls.Certificate, error)
	// roots returns the authorities whose certificates are accepted now.
	roots func() (*x509.CertPool, error)
	// named: the common name of each certificate is the id of its node.
	named bool
}

// configs returns the TLS settings for accepting connections and for making them.
func (id *Identity) configs(node string) (accept, dial *tls.Config) {
	base := tls.Config{
		MinVersion:             tls.VersionTLS13,
		SessionTicketsDisabled: true, // every connection shows its certificate
		// VerifyConnection checks that the certificate is one of the cluster's. Host
		// names are not checked: nodes come and go and have none.
		InsecureSkipVerify: true, //nolint:gosec // see VerifyConnection
	}
	accept, dial = base.Clone(), base.Clone()
	accept.NextProtos = []string{protoLinks, protoHTTP}
	accept.ClientAuth = tls.RequireAnyClientCert
	accept.GetCertificate = func(*tls.ClientHelloInfo) (*tls.Certificate, error) { return id.leaf(node) }
	accept.VerifyConnection = func(s tls.ConnectionState) error { return id.verify(s, x509.ExtKeyUsageClientAuth) }
	dial.GetClientCertificate = func(*tls.CertificateRequestInfo) (*tls.Certificate, error) { return id.leaf(node) }
	dial.VerifyConnection = func(s tls.ConnectionState) error { return id.verify(s, x509.ExtKeyUsageServerAuth) }
	return accept, dial
}

// verify returns an error unless the other end of a connection has shown a
// certificate of the cluster. TLS itself has checked that it has the private key.
func (id *Identity) verify(s tls.ConnectionState, usage x509.ExtKeyUsage) error {
	if len(s.PeerCertificates) == 0 {
		return errors.New("no certificate")
	}
	roots, err := id.roots()
	if err != nil {
		return err
	}
	between := x509.NewCertPool()
	for _, c := range s.PeerCertificates[1:] {
		between.AddCert(c)
	}
	_, err = s.PeerCertificates[0].Verify(x509.VerifyOptions{
		Roots: roots, Intermediates: between, CurrentTime: time.Now(), KeyUsages: []x509.ExtKeyUsage{usage},
	})
	var unknown x509.UnknownAuthorityError
	switch {
	case err == nil:
		return nil
	case id.named && errors.As(err, &unknown): // err would speak of authorities, which the operator has none of
		return errors.New("a certificate that is not of this cluster: it was not made from this node's secret (cluster.secret)")
	default:
		return fmt.Errorf("a certificate that is not of this cluster: %w", err)
	}
}

// certified returns the id of the node that the other end's certificate is for; ok
// is false when certificates do not tell (see Identity.named).
func (id *Identity) certified(s *tls.ConnectionState) (node string, ok bool) {
	if !id.named || s == nil || len(s.PeerCertificates) == 0 {
		return "", false
	}
	return s.PeerCertificates[0].Subject.CommonName, true
}
