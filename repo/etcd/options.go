package etcd

import (
	"crypto/tls"
	"errors"
	"strings"
	"time"
)

// DefaultPrefix begins every key unless another is set.
const DefaultPrefix = "/corrillo/"

// Options says where etcd is and how to connect to it. Endpoints are needed.
type Options struct {
	// Endpoints are the members of etcd: host:port, or URLs with http or https.
	Endpoints []string
	// Prefix begins every key. Each cluster needs its own. Default: /corrillo/.
	Prefix string
	// Username and Password are those of etcd's access control; empty when it is
	// off.
	Username, Password string
	// TLS is for https endpoints; see TLSFiles. When nil the machine's authorities
	// are trusted, and no certificate is shown. etcd may take the name in a
	// certificate for the user.
	TLS *tls.Config
	// DialTimeout bounds the first connection to a member. It should be shorter than
	// the time in which a lease has to be renewed. Default: 2 s.
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
