package main

import (
	"fmt"
	"strings"
	"testing"

	"github.com/corrillo/corrillo/repo/repotest"
)

// A check asks the database what an ack is worth on it; what it says is no
// error. A server that starts has it in its log.
func TestWeaknesses(t *testing.T) {
	t.Parallel()
	db := repotest.StartMariaDB(t)
	env := []string{"DATABASE_URL=" + db.NewDatabase(t)}
	const warning = "innodb_flush_log_at_trx_commit is 2: "
	check := func() string {
		t.Helper()
		stdout, stderr, code := corrillo(t, t.TempDir(), env, "config", "check", "--dev")
		if code != 0 || stdout != "ok\n" {
			t.Errorf("exit code %d, %q", code, stdout)
		}
		if strings.Contains(stderr, "p@ss") || strings.Contains(stderr, "p%40ss") {
			t.Errorf("the password is shown:\n%s", stderr)
		}
		return stderr
	}
	if stderr := check(); strings.Contains(stderr, "warning") {
		t.Errorf("a database that keeps its promise:\n%s", stderr)
	}
	admin := db.Admin(t)
	if _, err := admin.ExecContext(t.Context(), "SET GLOBAL innodb_flush_log_at_trx_commit = 2"); err != nil {
		t.Fatal(err)
	}
	if stderr := check(); !strings.Contains(stderr, "corrillo: warning: MySQL 127.0.0.1:") || !strings.Contains(stderr, warning) {
		t.Errorf("no warning:\n%s", stderr)
	}
	s := serve(t, t.TempDir(), false, env, "--dev")
	s.await(`"msg":"ready"`)
	if log := s.output.String(); !strings.Contains(log, warning) {
		t.Errorf("the log says nothing of it:\n%s", log)
	}
	s.stop()
}

// Where there is no database the rest is checked all the same.
func TestWeaknesses_NoDatabase(t *testing.T) {
	env := []string{fmt.Sprintf("DATABASE_URL=mysql://u:p@127.0.0.1:%d/d", freePort(t))}
	stdout, stderr, code := corrillo(t, t.TempDir(), env, "config", "check", "--dev")
	if code != 0 || stdout != "ok\n" || !strings.Contains(stderr, "was not asked for its settings: ") {
		t.Errorf("exit code %d, %q\n%s", code, stdout, stderr)
	}
}
