package repotest

import (
	"database/sql"
	"errors"
	"fmt"
	"testing"

	"github.com/go-sql-driver/mysql"
)

// Whatever a primary has answered is on the replica that takes its place, and
// on the one that joins then. A primary that was killed and started again has
// it, too.
func TestPair(t *testing.T) {
	p := StartPair(t)
	acked := 0
	write := func() {
		db := p.Primary.Admin(t)
		for range 20 {
			if _, err := db.Exec("INSERT INTO test1.counter VALUES (?)", acked+1); err != nil {
				t.Fatal(err)
			}
			acked++
		}
	}
	want := func(s *Server, who string) {
		t.Helper()
		var n int
		if err := s.Admin(t).QueryRow("SELECT COUNT(*) FROM test1.counter").Scan(&n); err != nil || n != acked {
			t.Errorf("%s has %d rows, want %d: %v", who, n, acked, err)
		}
	}
	p.Primary.NewDatabase(t) // test1
	if _, err := p.Primary.Admin(t).Exec("CREATE TABLE test1.counter (n INT PRIMARY KEY) ENGINE = InnoDB"); err != nil {
		t.Fatal(err)
	}
	write()
	p.Primary.Kill(t)
	p.Primary.Restart(t)
	want(p.Primary, "the primary that was killed")
	for range 2 {
		write()
		p.Primary.Kill(t)
		p.Promote(t)
		want(p.Primary, "the promoted replica")
		p.Rejoin(t)
		want(p.Replica, "the replica that joined")
	}
	// The test's user is the same everywhere, and writes to no replica.
	for _, c := range []struct {
		server *Server
		number uint16
	}{{p.Primary, 0}, {p.Replica, 1290}} {
		if err := insertAs(c.server); number(err) != c.number {
			t.Errorf("an INSERT gives %v, want the error number %d", err, c.number)
		}
	}
}

func number(err error) uint16 {
	if e, ok := errors.AsType[*mysql.MySQLError](err); ok {
		return e.Number
	}
	return 0
}

func insertAs(s *Server) (err error) {
	db, err := sql.Open("mysql", fmt.Sprintf("%s:%s@tcp(%s)/test1", testUser, testPassword, s.Addr()))
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	_, err = db.Exec("INSERT INTO counter VALUES (0)")
	return err
}
