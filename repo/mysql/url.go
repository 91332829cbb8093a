package mysql

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/url"
	"os"
	"sort"
	"strconv"
	"strings"
	"time"
)

// ParseURL reads a database URL in the form that Prisma takes,
// mysql://user:pass@host:3306/database?option=value (or mariadb://). Every
// query option is understood or refused by its name. What it says becomes the
// connection part of Options. No error repeats the URL: it has the password.
func ParseURL(raw string) (Options, error) {
	var o Options
	u, err := url.Parse(raw)
	if err != nil {
		return o, errors.New("database URL: it cannot be read; percent-encode special characters of user and password")
	}
	if u.Scheme != "mysql" && u.Scheme != "mariadb" {
		return o, fmt.Errorf("database URL: scheme %q, want mysql or mariadb", u.Scheme)
	}
	// A / or ? that ends the host early leaves the rest of the password where
	// errors name what they found.
	if strings.Contains(u.EscapedPath()+u.RawQuery, "@") {
		return o, errors.New("database URL: there is an @ behind the host; percent-encode special characters of user and password, and write @ as %40")
	}
	o.User = u.User.Username()
	o.Password, _ = u.User.Password()
	if o.User == "" {
		return o, errors.New("database URL: the user is missing")
	}
	if u.Fragment != "" || strings.HasSuffix(raw, "#") {
		return o, errors.New("database URL: it has a fragment; write # as %23")
	}
	o.Database = strings.TrimPrefix(u.Path, "/")
	if o.Database == "" || strings.Contains(o.Database, "/") {
		return o, errors.New("database URL: want one database name after the host")
	}
	port := u.Port()
	if port == "" {
		port = "3306"
	}
	o.Network, o.Address = "tcp", net.JoinHostPort(u.Hostname(), port)
	if err := o.parseOptions(u.RawQuery); err != nil {
		return o, fmt.Errorf("database URL: %w", err)
	}
	if o.Network == "tcp" && u.Hostname() == "" {
		return o, errors.New("database URL: the host is missing")
	}
	if o.TLS != nil && o.TLS.ServerName == "" {
		o.TLS.ServerName = u.Hostname()
	}
	return o, nil
}

// urlOptions are the options that are understood: Prisma's, and what the
// drivers of its newer versions call the same.
var urlOptions = map[string]func(o *Options, value string) error{
	"connection_limit":             func(o *Options, v string) error { return count(&o.MaxConns, v) },
	"connectionLimit":              func(o *Options, v string) error { return count(&o.MaxConns, v) },
	"connect_timeout":              func(o *Options, v string) error { return duration(&o.ConnectTimeout, v, time.Second) },
	"connectTimeout":               func(o *Options, v string) error { return duration(&o.ConnectTimeout, v, time.Millisecond) },
	"pool_timeout":                 func(o *Options, v string) error { return duration(&o.PoolTimeout, v, time.Second) },
	"acquireTimeout":               func(o *Options, v string) error { return duration(&o.PoolTimeout, v, time.Millisecond) },
	"socket_timeout":               func(o *Options, v string) error { return duration(&o.SocketTimeout, v, time.Second) },
	"socketTimeout":                func(o *Options, v string) error { return duration(&o.SocketTimeout, v, time.Millisecond) },
	"max_connection_lifetime":      func(o *Options, v string) error { return duration(&o.MaxLifetime, v, time.Second) },
	"max_idle_connection_lifetime": func(o *Options, v string) error { return duration(&o.MaxIdleTime, v, time.Second) },
	"socket":                       (*Options).setSocket,
	"socketPath":                   (*Options).setSocket,
	"sslaccept":                    (*Options).setAccept,
	"sslcert":                      (*Options).setCA,
	"ssl":                          (*Options).setSSL,
	"charset":                      wantUTF8,
	"multipleStatements":           (*Options).setMultiple,
	// No statement is prepared, so there is nothing to keep.
	"statement_cache_size": func(_ *Options, v string) error { var n int; return count(&n, v) },
}

func (o *Options) parseOptions(query string) error {
	values, err := url.ParseQuery(query)
	if err != nil {
		return errors.New("its options cannot be read")
	}
	names := make([]string, 0, len(values))
	for name := range values {
		names = append(names, name)
	}
	sort.Strings(names)
	for _, name := range names {
		set, ok := urlOptions[name]
		if !ok {
			return fmt.Errorf("option %q is not supported", name)
		}
		if len(values[name]) != 1 {
			return fmt.Errorf("option %q is given twice", name)
		}
		if err := set(o, values[name][0]); err != nil {
			return fmt.Errorf("option %q: %w", name, err)
		}
	}
	return nil
}

func count(dst *int, v string) error {
	n, err := strconv.Atoi(v)
	if err != nil || n < 0 || n > 1_000_000 {
		return fmt.Errorf("%q is no number from 0 to 1000000", v)
	}
	*dst = n
	return nil
}

// duration reads a number of units. 0 means no limit, in Prisma and here.
func duration(dst *time.Duration, v string, unit time.Duration) error {
	var n int
	if err := count(&n, v); err != nil {
		return err
	}
	if *dst = time.Duration(n) * unit; n == 0 {
		*dst = -1
	}
	return nil
}

func (o *Options) setSocket(path string) error {
	if path == "" {
		return errors.New("the path is empty")
	}
	o.Network, o.Address = "unix", path
	return nil
}

func (o *Options) tls() *tls.Config {
	if o.TLS == nil {
		o.TLS = &tls.Config{MinVersion: tls.VersionTLS12}
	}
	return o.TLS
}

func (o *Options) setAccept(v string) error {
	switch v {
	case "strict":
		o.tls()
	case "accept_invalid_certs":
		o.tls().InsecureSkipVerify = true // asked for by name
	default:
		return fmt.Errorf("%q is neither strict nor accept_invalid_certs", v)
	}
	return nil
}

func (o *Options) setCA(path string) error {
	pem, err := os.ReadFile(path) //nolint:gosec // the operator names the file
	if err != nil {
		return err
	}
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(pem) {
		return fmt.Errorf("%s has no certificate in PEM form", path)
	}
	o.tls().RootCAs = pool
	return nil
}

func (o *Options) setSSL(v string) error {
	switch v {
	case "true", "1":
		o.tls()
	case "false", "0":
	default:
		return fmt.Errorf("%q is neither true nor false", v)
	}
	return nil
}

// setMultiple is named like mysql2's option, which knows only one of the ways.
func (o *Options) setMultiple(v string) error {
	switch v {
	case "true", "1":
		o.OneByOne = false
	case "false", "0":
		o.OneByOne = true
	default:
		return fmt.Errorf("%q is neither true nor false", v)
	}
	return nil
}

func wantUTF8(_ *Options, v string) error {
	if !strings.EqualFold(v, "utf8mb4") && !strings.HasPrefix(strings.ToLower(v), "utf8mb4_") {
		return fmt.Errorf("%q cannot hold every message; only utf8mb4 is used", v)
	}
	return nil
}
