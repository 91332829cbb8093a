package mysql_test

import (
	"crypto/tls"
	"errors"
	"strings"
	"testing"

	"github.com/corrillo/corrillo/repo"
	"github.com/corrillo/corrillo/repo/mysql"
	"github.com/corrillo/corrillo/repo/repotest"
)

// Who is not let in is told that, and what for; a server that is away says
// something else.
func TestStore_Refused(t *testing.T) {
	t.Parallel()
	server := repotest.StartMariaDB(t)
	right, err := mysql.ParseURL(server.NewDatabase(t))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := server.Admin(t).ExecContext(t.Context(), "CREATE USER locked@'%' IDENTIFIED BY 'x' ACCOUNT LOCK"); err != nil {
		t.Fatal(err)
	}
	for name, tc := range map[string]struct {
		spoil func(o *mysql.Options)
		want  string // in the error; empty: away
	}{
		"another password":    {func(o *mysql.Options) { o.Password += "x" }, "the user or the password is wrong"},
		"another user":        {func(o *mysql.Options) { o.User = "nobody" }, "the user or the password is wrong"},
		"another database":    {func(o *mysql.Options) { o.Database = "mysql" }, "may not use this database, or there is none of this name"},
		"no such database":    {func(o *mysql.Options) { o.Database += "x" }, "there is no database of this name"},
		"a locked account":    {func(o *mysql.Options) { o.User, o.Password = "locked", "x" }, "the account is locked"},
		"TLS that it has not": {func(o *mysql.Options) { o.TLS = &tls.Config{MinVersion: tls.VersionTLS12, ServerName: "x"} }, "the server has no TLS"},
		"nobody there":        {func(o *mysql.Options) { o.Address = "127.0.0.1:1" }, ""},
	} {
		t.Run(name, func(t *testing.T) {
			o := right
			tc.spoil(&o)
			store, err := mysql.Open(t.Context(), o)
			if err != nil {
				t.Fatal(err)
			}
			defer func() { _ = store.Close() }()
			registry, err := mysql.OpenRegistry(o)
			if err != nil {
				t.Fatal(err)
			}
			defer func() { _ = registry.Close() }()
			_, errRead := store.Activate(t.Context(), "room")
			for call, err := range map[string]error{
				"Ping": store.Ping(t.Context()), "Migrate": store.Migrate(t.Context()), "Activate": errRead,
				"Register": registry.Register(t.Context(), repo.Lease{ID: "a"}, 1e9),
			} {
				if !errors.Is(err, repo.ErrUnavailable) || errors.Is(err, repo.ErrRefused) != (tc.want != "") || !strings.Contains(err.Error(), tc.want) {
					t.Errorf("%s: %v", call, err)
				}
				if tc.want != "" && strings.Contains(err.Error(), repo.ErrUnavailable.Error()) {
					t.Errorf("%s speaks of a store that is away: %v", call, err)
				}
			}
		})
	}
}
