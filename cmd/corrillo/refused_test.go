package main

import (
	"fmt"
	"net/url"
	"strings"
	"testing"

	"github.com/corrillo/corrillo/repo/repotest"
)

// A database that does not let the server in is no outage: whoever starts it is
// told, with an exit code of its own, and nothing is waited for.
func TestServe_DatabaseRefuses(t *testing.T) {
	t.Parallel()
	right, err := url.Parse(repotest.StartMariaDB(t).NewDatabase(t))
	if err != nil {
		t.Fatal(err)
	}
	wrong, missing := *right, *right
	wrong.User, missing.Path = url.UserPassword(right.User.Username(), "guessed"), right.Path+"x"
	node := []string{"serve", "--dev", "--host=127.0.0.1", "--port=0", "--admin-addr=off", "--cluster-listen=127.0.0.1:0", "--cluster-secret=" + strings.Repeat("s", 32)}
	for name, tc := range map[string]struct {
		url  url.URL
		args []string
		want string
	}{
		"a server":        {wrong, []string{"serve", "--dev", "--host=127.0.0.1", "--port=0", "--admin-addr=off"}, "the user or the password is wrong"},
		"a node":          {wrong, node, "the user or the password is wrong"},
		"no database":     {missing, node, "there is no database of this name"},
		"migrate":         {wrong, []string{"migrate"}, "the user or the password is wrong"},
		"config check":    {wrong, []string{"config", "check", "--dev"}, "the user or the password is wrong"},
		"import's target": {wrong, []string{"import", "--from-url=" + right.String(), "--from-table=t"}, "the user or the password is wrong"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			stdout, stderr, code := corrillo(t, t.TempDir(), []string{"DATABASE_URL=" + tc.url.String()}, tc.args...)
			says := fmt.Sprintf("corrillo: MySQL %s%s: ", right.Host, tc.url.Path)
			if code != exitDenied || !strings.Contains(stderr, says) || !strings.Contains(stderr, "the database refuses this server: "+tc.want) ||
				!strings.Contains(stderr, "corrillo: check store.url (DATABASE_URL)") {
				t.Errorf("exit code %d, want %d\n%s%s", code, exitDenied, stdout, stderr)
			}
			if strings.Contains(stderr, "guessed") || strings.Contains(stderr, "waiting for the store") {
				t.Errorf("it shows the password, or waits:\n%s", stderr)
			}
		})
	}
}

// A server that runs goes on trying, and says which of the two it is.
func TestServe_DatabaseRefusesWhileItRuns(t *testing.T) {
	t.Parallel()
	db := repotest.StartMariaDB(t)
	to, err := url.Parse(db.NewDatabase(t))
	if err != nil {
		t.Fatal(err)
	}
	password, _ := to.User.Password()
	admin := db.Admin(t)
	do := func(statement string) {
		t.Helper()
		if _, err := admin.ExecContext(t.Context(), statement); err != nil {
			t.Fatal(err)
		}
	}
	s := serve(t, t.TempDir(), true, []string{"DATABASE_URL=" + to.String()}, "--dev")
	s.awaitReady(200)
	do(fmt.Sprintf("ALTER USER %s@'%%' IDENTIFIED BY 'another'", to.User.Username()))
	do(fmt.Sprintf("KILL USER %s@'%%'", to.User.Username()))
	if body := s.awaitReady(503); !strings.Contains(body, "store refuses this server") {
		t.Errorf("/readyz: %s", body)
	}
	s.await(`"msg":"the store refuses this server: it is asked again, and somebody has to change something"`, "the user or the password is wrong")
	c := connect(t, s.url, "ann", nil)
	if _, err := c.call("get_conversations", object{}); err == nil || !strings.Contains(err.Error(), "unavailable") {
		t.Errorf("a client is told %v", err)
	}
	do(fmt.Sprintf("ALTER USER %s@'%%' IDENTIFIED BY '%s'", to.User.Username(), password))
	s.awaitReady(200)
	s.await(`"msg":"the store answers again"`)
	if n := strings.Count(s.output.String(), "the store refuses this server: "); n != 1 {
		t.Errorf("said %d times", n)
	}
	s.stop()
}
