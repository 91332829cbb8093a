package config

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Cluster says how several servers are one. Without Listen there is one.
type Cluster struct {
	Listen    string `key:"cluster.listen" placeholder:"HOST:PORT" help:"Address that the other nodes of a cluster connect to, on a network of their own; alone when empty. Every node needs the same MySQL database."`
	Advertise string `key:"cluster.advertise" placeholder:"HOST:PORT" help:"How the other nodes reach cluster.listen; that address when empty."`
	Name      string `key:"cluster.name" default:"corrillo" help:"Keeps clusters apart: a node of another name is refused."`

	Secret string `key:"cluster.secret" env:"CLUSTER_SECRET" secret:"" help:"Shared secret of all nodes, 32 bytes or more, from which they make their certificates."`
	Cert   string `key:"cluster.cert" placeholder:"FILE" help:"PEM file with the node's certificate, for both directions, instead of cluster.secret."`
	Key    string `key:"cluster.key" secret:"file" placeholder:"FILE" help:"PEM file with its private key."`
	CA     string `name:"ca" key:"cluster.ca" placeholder:"FILE" help:"PEM file with the certificates that sign those of the nodes, and of nobody else."`

	Membership string        `key:"cluster.membership" default:"mysql" enum:"mysql,etcd" help:"Where it is kept who belongs to the cluster: mysql (the database in store.url) or etcd."`
	Etcd       Etcd          `embed:"" prefix:"etcd-"`
	Lease      time.Duration `key:"cluster.lease" default:"5s" help:"Time without a sign of life after which a node is out, and others take over what it had."`
	Queue      Size          `key:"cluster.queue" default:"64MiB" help:"Bytes that may wait for one other node; more is refused with overloaded."`
}

// Etcd says where the etcd is that keeps the membership.
type Etcd struct {
	Endpoints []string `key:"cluster.etcd.endpoints" placeholder:"URL" help:"Addresses of etcd (https://10.0.0.7:2379)."`
	User      string   `key:"cluster.etcd.user" help:"User of etcd; none when empty."`
	Password  string   `key:"cluster.etcd.password" secret:"" help:"The user's password."`
	CA        string   `name:"ca" key:"cluster.etcd.ca" placeholder:"FILE" help:"PEM file with the certificates that sign those of etcd; whom the machine trusts when empty."`
	Cert      string   `key:"cluster.etcd.cert" placeholder:"FILE" help:"PEM file with the certificate that etcd asks its clients for (--client-cert-auth). Read again for each connection."`
	Key       string   `key:"cluster.etcd.key" secret:"file" placeholder:"FILE" help:"PEM file with its private key."`
	Prefix    string   `key:"cluster.etcd.prefix" default:"/corrillo/" help:"Begins each key; the cluster's name follows."`
}

// Enabled reports whether this server is a node of a cluster.
func (c *Cluster) Enabled() bool { return c.Listen != "" }

// AdvertisedAt gives the address that other nodes are to connect to, for a
// listener at the address listener ("host:port"; the settings' own Listen, or
// what came of it). local are the addresses of the machine, as
// net.InterfaceAddrs gives them: a listener on all addresses is reached at the
// one that is not loopback, IPv4 before IPv6. The error says what to do when
// there is none, or more than one.
func (c *Cluster) AdvertisedAt(listener string, local []net.Addr) (string, error) {
	if c.Advertise != "" {
		return c.Advertise, nil
	}
	host, port, err := net.SplitHostPort(listener)
	if err != nil {
		return "", err
	}
	if a, err := netip.ParseAddr(host); host != "" && (err != nil || !a.IsUnspecified()) {
		return listener, nil
	}
	reachable := reachableAmong(local)
	switch len(reachable) {
	case 0:
		return "", errors.New("is needed: cluster.listen is on all addresses, and this machine has none but loopback. " +
			"Say how the other nodes reach it: --cluster-advertise=HOST:" + port)
	case 1:
		return net.JoinHostPort(reachable[0].String(), port), nil
	}
	return "", fmt.Errorf("is needed: cluster.listen is on all addresses, and this machine has several. "+
		"Say which one the other nodes reach, such as --cluster-advertise=%s, of %s", net.JoinHostPort(reachable[0].String(), port), joinAddrs(reachable))
}

// reachableAmong gives the addresses that another machine may reach: those of
// IPv4 or, when there is none, of IPv6.
func reachableAmong(local []net.Addr) []netip.Addr {
	var v4, v6 []netip.Addr
	for _, l := range local {
		n, err := netip.ParsePrefix(l.String())
		if err != nil {
			continue // no address of IP
		}
		switch a := n.Addr().Unmap(); {
		case !a.IsGlobalUnicast():
		case a.Is4():
			v4 = append(v4, a)
		default:
			v6 = append(v6, a)
		}
	}
	if len(v4) > 0 {
		return v4
	}
	return v6
}

func joinAddrs(list []netip.Addr) string {
	const most = 8 // on one line
	words := make([]string, 0, most)
	for _, a := range list[:min(len(list), most)] {
		words = append(words, a.String())
	}
	return strings.Join(words, ", ")
}

// minSecret is the least length of a cluster's secret in bytes, minLease the
// least time in which the loss of a node can be told from a slow network.
const (
	minSecret = 32
	minLease  = 3 * time.Second
)

func (v *validator) cluster(s *Settings) {
	c := &s.Cluster
	v.etcd(c)
	if c.Lease < minLease {
		v.failf("cluster.lease", "%s is less than %s, and a slow moment would look like the end of a node", c.Lease, minLease)
	}
	v.atLeast("cluster.queue", int64(c.Queue), 1<<20)
	if c.Secret != "" && len(c.Secret) < minSecret {
		v.failf("cluster.secret", "is shorter than %d bytes; `openssl rand -base64 32` makes one", minSecret)
	}
	if c.Name == "" || len(c.Name) > 64 || strings.ContainsFunc(c.Name, notInName) {
		v.failf("cluster.name", "%q is not 1 to 64 letters, digits, dots, - and _", c.Name)
	}
	v.clusterFiles(c)
	if !c.Enabled() {
		if c.Advertise != "" {
			v.failf("cluster.advertise", "is for a cluster, and cluster.listen is empty")
		}
		return
	}
	if s.Store.URL == "" {
		v.failf("cluster.listen", "needs a MySQL database that all nodes share, in store.url (DATABASE_URL): a SQLite file belongs to one process")
	}
	if c.Secret == "" && c.Cert == "" && c.Key == "" && c.CA == "" {
		v.failf("cluster.listen", "needs something by which the nodes know each other: CLUSTER_SECRET (cluster.secret), or cluster.cert, cluster.key and cluster.ca")
	}
	if c.Queue >= 1<<20 && c.Queue < s.Limits.Payload {
		v.failf("cluster.queue", "%s cannot hold one event of limits.payload (%s)", c.Queue, s.Limits.Payload)
	}
	v.clusterAddresses(s)
}

func notInName(r rune) bool {
	return (r < 'a' || r > 'z') && (r < 'A' || r > 'Z') && (r < '0' || r > '9') && r != '.' && r != '-' && r != '_'
}

// clusterFiles: the three belong together, and stand for the secret.
func (v *validator) clusterFiles(c *Cluster) {
	files := []struct{ key, value string }{{"cluster.cert", c.Cert}, {"cluster.key", c.Key}, {"cluster.ca", c.CA}}
	var given, missing []string
	for _, f := range files {
		if f.value == "" {
			missing = append(missing, f.key)
		} else {
			given = append(given, f.key)
		}
	}
	if len(given) == 0 {
		return
	}
	for _, key := range missing {
		v.failf(key, "is needed beside %s", strings.Join(given, " and "))
	}
	if c.Secret != "" {
		v.failf(given[0], "is there instead of cluster.secret (CLUSTER_SECRET), and that is set as well: leave one of them out")
	}
}

func (v *validator) clusterAddresses(s *Settings) {
	c := &s.Cluster
	if err := hostPort(c.Listen); err != nil {
		v.failf("cluster.listen", "%w", err)
		return
	}
	switch {
	case samePort(c.Listen, net.JoinHostPort(s.Host, strconv.Itoa(s.Port))):
		v.failf("cluster.listen", "%q is the port of clients (port) as well: the other nodes need one of their own, such as 7946", c.Listen)
	case samePort(c.Listen, s.AdminAddr):
		v.failf("cluster.listen", "%q is the admin address (adminAddr) as well: the other nodes need a port of their own, such as 7946", c.Listen)
	}
	if c.Advertise == "" {
		local, err := v.loader.localAddrs()
		if err == nil { // else the listener finds out
			_, err = c.AdvertisedAt(c.Listen, local)
		}
		if err != nil {
			v.failf("cluster.advertise", "%w", err)
		}
		return
	}
	if err := hostPort(c.Advertise); err != nil {
		v.failf("cluster.advertise", "%w", err)
		return
	}
	host, port, _ := net.SplitHostPort(c.Advertise) // it is one
	if a, err := netip.ParseAddr(host); host == "" || port == "0" || (err == nil && a.IsUnspecified()) {
		v.failf("cluster.advertise", "%q is no address that another machine can connect to", c.Advertise)
	}
}

// samePort reports whether not both of two addresses can be listened at: their
// ports are the same, and their hosts, or one of both is all of the machine's.
func samePort(a, b string) bool {
	hostA, portA, errA := net.SplitHostPort(a)
	hostB, portB, errB := net.SplitHostPort(b)
	if errA != nil || errB != nil || portA != portB || portA == "0" {
		return false
	}
	all := func(host string) bool {
		ip, err := netip.ParseAddr(host)
		return host == "" || err == nil && ip.IsUnspecified()
	}
	return hostA == hostB || all(hostA) || all(hostB)
}

// hostPort: the port is a number, the host may be empty.
func hostPort(addr string) error {
	_, port, err := net.SplitHostPort(addr)
	if err == nil {
		_, err = strconv.ParseUint(port, 10, 16)
	}
	if err != nil {
		return fmt.Errorf("%q is not host:port, such as 10.0.0.5:7946", addr)
	}
	return nil
}

func (v *validator) etcd(c *Cluster) {
	e := &c.Etcd
	if c.Membership == "etcd" && len(e.Endpoints) == 0 {
		v.failf("cluster.etcd.endpoints", "are needed when cluster.membership is etcd")
	}
	for _, at := range e.Endpoints {
		u, err := url.Parse(at)
		if err != nil || u.Host == "" || !slices.Contains([]string{"http", "https"}, u.Scheme) || u.User != nil {
			v.failf("cluster.etcd.endpoints", "%s is not a URL such as https://10.0.0.7:2379; the password goes into cluster.etcd.password", shownEndpoint(at))
		}
	}
	is := func(scheme string) bool {
		return slices.ContainsFunc(e.Endpoints, func(at string) bool { return strings.HasPrefix(at, scheme+"://") })
	}
	if is("http") && is("https") {
		v.failf("cluster.etcd.endpoints", "some begin with http:// and some with https://: all members of an etcd are reached in one way")
	}
	v.etcdFiles(e)
	if e.Password != "" && e.User == "" {
		v.failf("cluster.etcd.user", "is needed beside cluster.etcd.password")
	}
	if !strings.HasPrefix(e.Prefix, "/") || !strings.HasSuffix(e.Prefix, "/") {
		v.failf("cluster.etcd.prefix", "%q does not begin and end with a slash", e.Prefix)
	}
}

// shownEndpoint is an endpoint for people, without a password that it may have.
func shownEndpoint(at string) string {
	if strings.Contains(at, "@") {
		at = MaskURL(at)
	}
	return strconv.Quote(at)
}

// etcdFiles: a certificate has a key, and both are shown by TLS.
func (v *validator) etcdFiles(e *Etcd) {
	switch {
	case e.Cert != "" && e.Key == "":
		v.failf("cluster.etcd.key", "is needed beside cluster.etcd.cert")
	case e.Cert == "" && e.Key != "":
		v.failf("cluster.etcd.cert", "is needed beside cluster.etcd.key")
	}
	plain := slices.IndexFunc(e.Endpoints, func(at string) bool { return strings.HasPrefix(at, "http://") })
	if plain < 0 {
		return
	}
	for _, f := range []struct{ key, value string }{{"cluster.etcd.ca", e.CA}, {"cluster.etcd.cert", e.Cert}, {"cluster.etcd.key", e.Key}} {
		if f.value != "" {
			v.failf(f.key, "is for TLS, and %s has none: begin it with https://", shownEndpoint(e.Endpoints[plain]))
			return
		}
	}
}
