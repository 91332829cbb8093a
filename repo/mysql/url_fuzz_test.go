package mysql_test

import (
	"net/url"
	"strings"
	"testing"

	"github.com/corrillo/corrillo/repo/mysql"
)

// FuzzParseURL: a URL that was put together by the rules says what was put
// into it, and no URL, however a password breaks it, has its password in the
// error.
func FuzzParseURL(f *testing.F) {
	f.Add("user", "p@ss:/?#%[]", "chat", "connection_limit=5&sslaccept=strict")
	f.Add("us er", "", "a b", "")
	f.Add("ü", "%zz", "db", "socket=%2Frun%2Fmysqld.sock&connect_timeout=0")
	f.Add("u", "x@host/db?", "d", "unknown=1")
	f.Add("u", "12/", "d", "ssl=true&ssl=true")
	f.Add("u", "12#", "d", "charset=utf8mb4_bin&multipleStatements=0")
	f.Add("u", "@x/y?connection_limit=", "d", "connectionLimit=-1")
	f.Fuzz(func(t *testing.T, user, password, database, query string) {
		const mark = "Jk7uVw3n" // none of ours, and no escape of it
		secret := password + mark
		u := url.URL{Scheme: "mysql", Host: "host:3307", User: url.UserPassword(user, secret), Path: "/" + database, RawQuery: query}
		o, err := mysql.ParseURL(u.String())
		switch {
		case err != nil:
			if strings.Contains(err.Error(), mark) {
				t.Fatalf("%q gives the password away", err)
			}
			if user != "" && database != "" && !strings.ContainsAny(database, "/@") && query == "" {
				t.Fatalf("%s is refused: %v", u.String(), err)
			}
		case o.User != user || o.Password != secret || o.Database != database:
			t.Fatalf("%s: %q %q %q", u.String(), o.User, o.Password, o.Database)
		case o.Network == "tcp" && o.Address != "host:3307" || o.Network == "unix" && o.Address == "":
			t.Fatalf("%s: %s %q", u.String(), o.Network, o.Address)
		case o.MaxConns < 0:
			t.Fatalf("%s: %d connections", u.String(), o.MaxConns)
		}
		// As people write it who do not know that it must be encoded.
		for _, raw := range []string{
			"mysql://" + user + ":" + secret + "@host:3307/" + database + "?" + query,
			"mysql://user:" + secret + "@host/db",
			"mysql://user:" + mark + password + "@host/db",
			user + ":" + secret + "@host/" + database,
		} {
			if _, err := mysql.ParseURL(raw); err != nil && strings.Contains(err.Error(), mark) {
				t.Fatalf("%q: %q gives the password away", raw, err)
			}
		}
	})
}
