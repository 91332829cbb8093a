package mysql_test

import (
	"crypto/tls"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/corrillo/corrillo/repo/mysql"
)

func TestParseURL(t *testing.T) {
	base := mysql.Options{User: "user", Password: "pass", Network: "tcp", Address: "host:3306", Database: "db"}
	with := func(f func(o *mysql.Options)) mysql.Options {
		o := base
		f(&o)
		return o
	}
	cases := []struct {
		name, url string
		want      mysql.Options
	}{
		{"Prisma's form", "mysql://user:pass@host:3306/db", base},
		{"MariaDB's scheme, no port", "mariadb://user:pass@host/db", base},
		{"percent-encoded", "mysql://us%40er:p%23%2F%3A%3F@host/db", with(func(o *mysql.Options) { o.User, o.Password = "us@er", "p#/:?" })},
		{"IPv6", "mysql://user:pass@[::1]:3307/db", with(func(o *mysql.Options) { o.Address = "[::1]:3307" })},
		{"no password", "mysql://user@host/db", with(func(o *mysql.Options) { o.Password = "" })},
		{"Prisma's options", "mysql://user:pass@host/db?connection_limit=5&connect_timeout=3&pool_timeout=7&socket_timeout=9&max_connection_lifetime=60&max_idle_connection_lifetime=30&statement_cache_size=100",
			with(func(o *mysql.Options) {
				o.MaxConns, o.ConnectTimeout, o.PoolTimeout, o.SocketTimeout = 5, 3*time.Second, 7*time.Second, 9*time.Second
				o.MaxLifetime, o.MaxIdleTime = time.Minute, 30*time.Second
			})},
		{"0 is no limit", "mysql://user:pass@host/db?pool_timeout=0", with(func(o *mysql.Options) { o.PoolTimeout = -1 })},
		{"the adapter's options", "mysql://user:pass@host/db?connectionLimit=5&connectTimeout=3000&charset=utf8mb4_unicode_ci&ssl=false",
			with(func(o *mysql.Options) { o.MaxConns, o.ConnectTimeout = 5, 3*time.Second })},
		{"one statement at a time", "mysql://user:pass@host/db?multipleStatements=false", with(func(o *mysql.Options) { o.OneByOne = true })},
		{"several statements", "mysql://user:pass@host/db?multipleStatements=true", base},
		{"socket", "mysql://user:pass@localhost/db?socket=/run/mysqld/mysqld.sock",
			with(func(o *mysql.Options) { o.Network, o.Address = "unix", "/run/mysqld/mysqld.sock" })},
		{"strict TLS", "mysql://user:pass@host/db?sslaccept=strict",
			with(func(o *mysql.Options) { o.TLS = &tls.Config{MinVersion: tls.VersionTLS12, ServerName: "host"} })},
		{"lenient TLS", "mysql://user:pass@host/db?sslaccept=accept_invalid_certs",
			with(func(o *mysql.Options) {
				o.TLS = &tls.Config{MinVersion: tls.VersionTLS12, ServerName: "host", InsecureSkipVerify: true} //nolint:gosec // what is asked for
			})},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			got, err := mysql.ParseURL(c.url)
			if err != nil || !reflect.DeepEqual(got, c.want) {
				t.Errorf("got  %+v, %v\nwant %+v", got, err, c.want)
			}
		})
	}
}

func TestParseURL_Refuses(t *testing.T) {
	cases := []struct{ name, url, says string }{
		{"another scheme", "postgresql://user:secret@host/db", "postgresql"},
		{"no user", "mysql://host/db", "user"},
		{"no database", "mysql://user:secret@host", "database"},
		{"two databases", "mysql://user:secret@host/a/b", "database"},
		{"no host", "mysql://user:secret@/db", "host"},
		{"a raw # in the password", "mysql://user:sec#ret@host/db", ""},
		{"a raw % in the password", "mysql://user:sec%ret@host/db", "percent-encode"},
		{"unknown option", "mysql://user:secret@host/db?sslmode=require", `"sslmode"`},
		{"client certificate", "mysql://user:secret@host/db?sslidentity=a.p12", `"sslidentity"`},
		{"not a number", "mysql://user:secret@host/db?connection_limit=many", `"connection_limit"`},
		{"negative", "mysql://user:secret@host/db?connect_timeout=-1", `"connect_timeout"`},
		{"twice", "mysql://user:secret@host/db?connection_limit=1&connection_limit=2", `"connection_limit"`},
		{"sslaccept", "mysql://user:secret@host/db?sslaccept=maybe", `"sslaccept"`},
		{"no such certificate", "mysql://user:secret@host/db?sslcert=/no/such.pem", `"sslcert"`},
		{"charset", "mysql://user:secret@host/db?charset=latin1", `"charset"`},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			_, err := mysql.ParseURL(c.url)
			if err == nil {
				t.Fatal("it was taken")
			}
			if !strings.Contains(err.Error(), c.says) {
				t.Errorf("%q does not say %q", err, c.says)
			}
			for _, secret := range []string{"secret", "sec#", "sec%"} {
				if strings.Contains(err.Error(), secret) {
					t.Errorf("%q gives the password away", err)
				}
			}
		})
	}
}
