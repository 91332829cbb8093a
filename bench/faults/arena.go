package faults

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net"
	"net/url"
	"slices"
	"testing"

	"github.com/corrillo/corrillo/bench/cluster"
	"github.com/corrillo/corrillo/bench/server"
	"github.com/corrillo/corrillo/repo/repotest"
)

// Arena holds what a Nemesis may strike. A failure to control MariaDB fails TB.
type Arena struct {
	TB testing.TB
	// Server is nil when there is a Cluster.
	Server *server.Server
	// Cluster is nil when there is a single server.
	Cluster *cluster.Cluster
	// Net is set when a step cuts nodes off; otherwise nil.
	Net *cluster.Net
	// Database is nil with SQLite. When there is a Pair it is the primary.
	Database *repotest.Server
	// Pair is the primary and its replica; nil when there is no replica.
	Pair *repotest.Pair
	// ClientLink is between clients and server, DatabaseLink between server and
	// MariaDB. Each is nil unless a step strikes it.
	ClientLink, DatabaseLink *Link
	// Disk holds the database's files when a step fills it; otherwise nil.
	Disk *Disk

	name string // of the database in MariaDB
}

// Needs is the set of things that a Nemesis strikes or needs besides the server.
type Needs uint16

// The elements of Needs.
const (
	MariaDB Needs = 1 << iota
	ClientLink
	DatabaseLink
	Replica
	SmallDisk
	// BinaryLog: MariaDB keeps one.
	BinaryLog
	// ShortSaves: the server must give a save up sooner than the fault ends.
	ShortSaves
	// OneServer: it strikes the one server; there is no cluster.
	OneServer
	// Nodes: it strikes nodes of a cluster.
	Nodes
	// SpareNode: it starts and stops one more node.
	SpareNode
	// Namespaces: it cuts nodes off, so each needs a network namespace.
	Namespaces
)

// needs returns the union of the Needs of all steps.
func needs(steps []Step) (all Needs) {
	for _, s := range steps {
		all |= find(s.Nemesis).Needs
	}
	return all
}

// The account by which the server reaches the database. It has the rights that
// docs/OPERATIONS.md names.
const (
	appUser     = "app"
	appPassword = "secret"
	appGrants   = "SELECT, INSERT, UPDATE, DELETE, CREATE, ALTER, INDEX"
)

// With these a hold is often longer than a save may take, and than the server
// waits for an answer of the database.
const (
	shortSaves   = "--store-save-timeout=400ms"
	shortAnswers = "?socketTimeout=500"
)

// Stage makes everything that the steps strike, starts the server or the cluster
// there, and ends all of it with the test. database returns the MariaDB to use when
// the steps need no special one; a test with many runs shares one among them, since
// making it takes a while. Stage sets o.Dir and o.DatabaseURL.
func Stage(tb testing.TB, o server.Options, steps []Step, rig Rig, database func() *repotest.Server) (*Arena, error) {
	tb.Helper()
	a, all := &Arena{TB: tb}, needs(steps)
	o.Dir = tb.TempDir()
	if all&SmallDisk != 0 {
		disk, err := NewDisk(tb, rig != RigSQLite)
		if err != nil {
			return nil, err
		}
		a.Disk, o.Dir = disk, disk.Dir
	}
	if all&Namespaces != 0 {
		if err := a.makeNet(tb); err != nil {
			return nil, err
		}
	}
	if rig != RigSQLite {
		if err := a.makeDatabase(tb, &o, steps, database); err != nil {
			return nil, err
		}
	}
	if all&ShortSaves != 0 {
		o.Args = append(o.Args[:len(o.Args):len(o.Args)], shortSaves)
	}
	var err error
	if rig == RigCluster {
		err = a.startCluster(tb, &o, all)
	} else {
		err = a.startServer(tb, &o)
	}
	if err != nil {
		return nil, err
	}
	if all&ClientLink != 0 {
		if a.ClientLink, err = NewLink(tb, a.front(), resets(steps)); err != nil {
			return nil, err
		}
	}
	return a, nil
}

func (a *Arena) startServer(tb testing.TB, o *server.Options) (err error) {
	tb.Helper()
	if a.Server, err = server.Start(tb.Context(), *o); err != nil {
		return err
	}
	tb.Cleanup(func() { _ = a.Server.Kill() }) // unless it was stopped
	return nil
}

func (a *Arena) makeDatabase(tb testing.TB, o *server.Options, steps []Step, database func() *repotest.Server) error {
	tb.Helper()
	all := needs(steps)
	switch {
	case all&Replica != 0:
		a.Pair = repotest.StartPair(tb)
		a.Database = a.Pair.Primary
	case all&SmallDisk != 0:
		args := smallMariaDB
		if all&BinaryLog != 0 {
			args = slices.Concat(args, binaryLog)
		}
		a.Database = repotest.StartMariaDBIn(tb, a.Disk.Dir, args...)
	case a.Net != nil:
		a.Database = repotest.StartMariaDBIn(tb, "", "--bind-address=127.0.0.1,"+a.Net.DatabaseIP())
	default:
		a.Database = database()
	}
	u, err := url.Parse(a.Database.NewDatabase(tb))
	if err != nil {
		return err
	}
	a.name = u.Path[1:]
	err = a.administer(tb.Context(), "CREATE USER IF NOT EXISTS "+appUser+"@'%' IDENTIFIED BY '"+appPassword+"'",
		"GRANT "+appGrants+" ON "+a.name+".* TO "+appUser+"@'%'")
	if err != nil {
		return err
	}
	o.DatabaseURL = a.databaseURL(a.Database.Addr())
	switch {
	case all&DatabaseLink != 0:
		if a.DatabaseLink, err = NewLink(tb, a.Database.Addr(), resets(steps)); err != nil {
			return err
		}
		o.DatabaseURL = a.databaseURL(a.DatabaseLink.Addr()) + shortAnswers
	case a.Net != nil:
		_, port, err := net.SplitHostPort(a.Database.Addr())
		if err != nil {
			return err
		}
		o.DatabaseURL = a.databaseURL(net.JoinHostPort(a.Net.DatabaseIP(), port))
	}
	return nil
}

func (a *Arena) databaseURL(addr string) string {
	return fmt.Sprintf("mysql://%s:%s@%s/%s", appUser, appPassword, addr, a.name)
}

// administer runs statements as MariaDB's administrator, one after the other on
// one connection.
func (a *Arena) administer(ctx context.Context, statements ...string) error {
	return a.asAdmin(ctx, func(conn *sql.Conn) error {
		for _, q := range statements {
			if _, err := conn.ExecContext(ctx, q); err != nil {
				return fmt.Errorf("%.60s: %w", q, err)
			}
		}
		return nil
	})
}

// asAdmin calls f with a connection of MariaDB's administrator.
func (a *Arena) asAdmin(ctx context.Context, f func(conn *sql.Conn) error) (err error) {
	db, err := a.Database.OpenAdmin()
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	conn, err := db.Conn(ctx)
	if err != nil {
		return err
	}
	return errors.Join(f(conn), conn.Close())
}

// clients returns the address that clients connect to.
func (a *Arena) clients() string {
	if a.ClientLink != nil {
		return a.ClientLink.Addr()
	}
	return a.front()
}

// front returns host:port for clients and webhook without a Link in between.
func (a *Arena) front() string {
	if a.Cluster != nil {
		return a.Cluster.Addr()
	}
	return a.Server.Addr()
}

// stored returns where the messages are stored, without a Link in between.
func (a *Arena) stored() string {
	if a.Database == nil || a.name == "" {
		return a.Server.Database()
	}
	return a.databaseURL(a.Database.Addr())
}

// whole waits until every node takes clients again.
func (a *Arena) whole(ctx context.Context) error {
	if a.Cluster == nil {
		return nil
	}
	return a.Cluster.Ready(ctx)
}

// Stop ends the server, or the nodes one after the other, as SIGTERM does.
func (a *Arena) Stop() error {
	if a.Cluster != nil {
		return a.Cluster.Stop()
	}
	return a.Server.Stop()
}

// Faults returns what the output of a healthy run never has, such as panics; empty
// when there is nothing.
func (a *Arena) Faults() string {
	if a.Cluster != nil {
		return a.Cluster.Faults()
	}
	return a.Server.Faults()
}

// Output returns the end of the server's or the nodes' output.
func (a *Arena) Output() string {
	if a.Cluster != nil {
		return a.Cluster.Output()
	}
	return a.Server.Output()
}
