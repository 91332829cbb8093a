package gms

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net"
	"os"
	"sync"
	"testing"
	"time"

	sqle "github.com/dolthub/go-mysql-server"
	"github.com/dolthub/go-mysql-server/memory"
	"github.com/dolthub/go-mysql-server/server"
	gmssql "github.com/dolthub/go-mysql-server/sql"
	_ "github.com/go-sql-driver/mysql"
	"github.com/sirupsen/logrus"

	"github.com/corrillo/corrillo/repo"
	"github.com/corrillo/corrillo/repo/mysql"
	"github.com/corrillo/corrillo/repo/repotest"
)

// inside is set in the process that a group of cases runs in.
const inside = "CORRILLO_GMS"

// engine is one server for all cases of a process.
var engine = sync.OnceValues(func() (addr string, err error) {
	logrus.SetLevel(logrus.PanicLevel)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	pro := memory.NewDBProvider()
	s, err := server.NewServer(server.Config{Protocol: "tcp", Address: l.Addr().String(), Listener: l},
		sqle.NewDefault(pro), gmssql.NewContext, memory.NewSessionBuilder(pro), nil)
	if err != nil {
		return "", errors.Join(err, l.Close())
	}
	go func() { _ = s.Start() }() // until the process ends
	return l.Addr().String(), nil
})

var databases struct {
	sync.Mutex
	n int
}

func open(t *testing.T) repo.Store {
	t.Helper()
	addr, err := engine()
	if err != nil {
		t.Fatal(err)
	}
	databases.Lock()
	databases.n++
	name := fmt.Sprint("test", databases.n)
	databases.Unlock()
	admin, err := sql.Open("mysql", "root@tcp("+addr+")/")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := admin.Exec("CREATE DATABASE " + name); err != nil {
		t.Fatal(err)
	}
	if err := admin.Close(); err != nil {
		t.Fatal(err)
	}
	o, err := mysql.ParseURL("mysql://root@" + addr + "/" + name)
	if err != nil {
		t.Fatal(err)
	}
	s, err := mysql.Open(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	if err := s.Migrate(t.Context()); err != nil {
		t.Fatalf("Migrate: %v", err)
	}
	return bounded{s}
}

// bounded ends a save that would be tried for ever: the engine gives the
// number of an unknown error, which is taken for one that passes, to much that
// does not pass.
type bounded struct{ repo.Store }

func (b bounded) Save(ctx context.Context, groups []repo.Group) []repo.GroupResult {
	patience := 5 * time.Second
	for i := range groups {
		patience += time.Duration(groups[i].Size()) * 2 * time.Microsecond // it is not fast
	}
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	return b.Store.Save(ctx, groups)
}

// TestSuite is the suite itself.
func TestSuite(t *testing.T) {
	if os.Getenv(inside) == "" {
		t.Skip("TestDifferences runs it, group by group")
	}
	repotest.Run(t, open)
}
