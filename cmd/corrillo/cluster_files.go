package main

import (
	"crypto/x509"
	"errors"
	"fmt"
	"time"

	"github.com/corrillo/corrillo/config"
)

// checkCluster finds what is wrong with the files that the settings of a cluster
// name, but for the age of what is in them.
func checkCluster(s *config.Settings) error {
	c := &s.Cluster
	if !c.Enabled() {
		return nil
	}
	var errs []error
	if c.Secret == "" {
		errs = append(errs, checkFiles("cluster.", c.Cert, c.Key, c.CA))
	}
	if e := &c.Etcd; c.Membership == "etcd" {
		errs = append(errs, checkFiles("cluster.etcd.", e.Cert, e.Key, e.CA))
	}
	return errors.Join(errs...)
}

// checkFiles reads a certificate, its key and an authority; what is not named is
// not looked at. prefix begins the names of the three settings.
func checkFiles(prefix, cert, key, ca string) error {
	var errs []error
	if cert != "" && key != "" {
		_, err := loadPair(prefix, cert, key)
		errs = append(errs, err)
	}
	if ca != "" {
		_, err := loadCA(prefix, ca)
		errs = append(errs, err)
	}
	return errors.Join(errs...)
}

func loadCA(prefix, file string) (*x509.CertPool, error) {
	text, err := readPEM(prefix+"ca", file)
	if err != nil {
		return nil, err
	}
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(text) {
		return nil, fmt.Errorf("%sca: there is no certificate in %s", prefix, file)
	}
	return pool, nil
}

// checkShown says for what the others will refuse a certificate that this node
// shows them: it has expired, or is none of their authority's. A node starts with
// it all the same, and takes the next one as soon as it is there.
func checkShown(s *config.Settings, now time.Time) error {
	c := &s.Cluster
	if !c.Enabled() {
		return nil
	}
	var errs []error
	if c.Secret == "" {
		errs = append(errs, shownToNodes(c, now))
	}
	if e := &c.Etcd; c.Membership == "etcd" && e.Cert != "" && e.Key != "" {
		if pair, err := loadPair("cluster.etcd.", e.Cert, e.Key); err == nil { // checkCluster tells the error
			errs = append(errs, expired("cluster.etcd.cert", pair.Leaf, now))
		}
	}
	return errors.Join(errs...)
}

func shownToNodes(c *config.Cluster, now time.Time) error {
	if c.Cert == "" || c.Key == "" || c.CA == "" {
		return nil
	}
	pair, pairErr := loadPair("cluster.", c.Cert, c.Key)
	pool, poolErr := loadCA("cluster.", c.CA)
	if pairErr != nil || poolErr != nil {
		return nil // checkCluster tells the error
	}
	if err := expired("cluster.cert", pair.Leaf, now); err != nil {
		return err
	}
	between := x509.NewCertPool()
	for _, der := range pair.Certificate[1:] {
		if cert, err := x509.ParseCertificate(der); err == nil {
			between.AddCert(cert)
		}
	}
	for _, usage := range []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth, x509.ExtKeyUsageServerAuth} {
		_, err := pair.Leaf.Verify(x509.VerifyOptions{Roots: pool, Intermediates: between, CurrentTime: now, KeyUsages: []x509.ExtKeyUsage{usage}})
		if err != nil {
			return fmt.Errorf("cluster.cert: the other nodes will refuse it: %w", err)
		}
	}
	return nil
}
