package etcd

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"os"
)

// TLSFiles makes Options.TLS from PEM files: ca has the certificates of the
// authorities that sign etcd's, cert and key are the certificate that this client
// shows. When ca is empty the machine's own authorities are trusted; when cert is
// empty no certificate is shown. cert and key are read again for each connection, so
// replacing them needs no restart; while they cannot be read, or do not fit each
// other, no connection is made. An error names the file that cannot be used.
func TLSFiles(ca, cert, key string) (*tls.Config, error) {
	config := &tls.Config{MinVersion: tls.VersionTLS12}
	if ca != "" {
		pem, err := os.ReadFile(ca) // #nosec G304 -- the operator names the file
		if err != nil {
			return nil, fmt.Errorf("who signs etcd's certificate: %w", err)
		}
		if config.RootCAs = x509.NewCertPool(); !config.RootCAs.AppendCertsFromPEM(pem) {
			return nil, fmt.Errorf("who signs etcd's certificate: %s has no certificate", ca)
		}
	}
	if cert == "" && key == "" {
		return config, nil
	}
	if cert == "" || key == "" {
		return nil, errors.New("etcd: a certificate and its key belong together")
	}
	pair := func() (*tls.Certificate, error) {
		c, err := tls.LoadX509KeyPair(cert, key)
		if err != nil {
			return nil, fmt.Errorf("the certificate for etcd, %s with key %s: %w", cert, key, err)
		}
		return &c, nil
	}
	if _, err := pair(); err != nil {
		return nil, err
	}
	config.GetClientCertificate = func(*tls.CertificateRequestInfo) (*tls.Certificate, error) { return pair() }
	return config, nil
}
