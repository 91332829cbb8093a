package etcd

import (
	"crypto/tls"
	"errors"
	"strings"
	"time"
)

// DefaultPrefix begins every key unless another is set.
const DefaultPrefix = "/corrillo/"

// Options says where etcd is.
type Options struct {
	// Endpoints are host:port, or URLs with http or https, of its members.
	Endpoints []string
	// Prefix begins every key, /corrillo/ when empty. It is a cluster's own.
	Prefix string
	// Username and Password are those of etcd's own access control; empty
	// where it is off.
	Username, Password string
	// TLS is for https endpoints; see TLSFiles. Nil believes whom the machine
	// trusts, and shows no certificate. One that is shown can stand for the user.
	TLS *tls.Config
	// DialTimeout bounds the first connection to a member; 2 s. It is kept
	// below the time in which a lease has to be renewed.
	DialTimeout time.Duration
}

func (o *Options) setDefaults() error {
	if len(o.Endpoints) == 0 {
		return errors.New("etcd: no endpoint is given")
	}
	if o.Prefix == "" {
		o.Prefix = DefaultPrefix
	}
	if !strings.HasSuffix(o.Prefix, "/") {
		o.Prefix += "/"
	}
	if o.DialTimeout <= 0 {
		o.DialTimeout = 2 * time.Second
	}
	if o.Username == "" && o.Password != "" {
		return errors.New("etcd: a password without a user")
	}
	return nil
}
