package repotest

import (
	"database/sql"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"testing"
	"time"
)

// The account by which a replica reads from its primary.
const (
	replicator         = "replicator"
	replicatorPassword = "secret of the replica"
)

// Pair is a primary and its replica, as docs/GUARANTEES.md wants them where a
// failover must lose nothing: semi-synchronous, where a commit is seen by
// nobody before the replica has it (AFTER_SYNC), however long that takes. Its
// methods are for one goroutine at a time.
type Pair struct {
	// Primary and Replica change places with a failover.
	Primary, Replica *Server

	pristine string // the data of a server that has never run
	servers  int    // so far: server_id is unique
}

// StartPair starts both for this test alone. They end with it.
func StartPair(tb testing.TB) *Pair {
	tb.Helper()
	dir, err := os.MkdirTemp("", "corrillo-pair-")
	if err != nil {
		tb.Fatal(err)
	}
	p := &Pair{pristine: filepath.Join(dir, "data")}
	tb.Cleanup(func() {
		for _, s := range []*Server{p.Primary, p.Replica} {
			if s == nil {
				continue
			}
			if err := s.remove(); err != nil {
				tb.Errorf("stop MariaDB: %v", err)
			}
		}
		if err := os.RemoveAll(dir); err != nil {
			tb.Error(err)
		}
	})
	model := &Server{dir: dir}
	if err := errors.Join(os.Mkdir(model.temp(), 0o700), model.install()); err != nil {
		tb.Fatal(err)
	}
	if p.Primary, err = p.blank(); err != nil {
		tb.Fatal(err)
	}
	if err := errors.Join(p.Primary.startSomewhere(), p.Primary.makeUser()); err != nil {
		tb.Fatal(err)
	}
	for _, q := range []string{
		"CREATE USER " + replicator + "@'%' IDENTIFIED BY '" + replicatorPassword + "'",
		"GRANT REPLICATION SLAVE ON *.* TO " + replicator + "@'%'",
	} {
		if err := p.Primary.administer(q); err != nil {
			tb.Fatal(err)
		}
	}
	if err := p.Primary.lead(); err != nil { // first: a replica asks for it when it connects
		tb.Fatal(err)
	}
	p.Rejoin(tb)
	return p
}

// blank makes a server that has never run, and keeps all of its binary log:
// whoever follows it begins at the beginning.
func (p *Pair) blank() (*Server, error) {
	p.servers++
	s, err := bare("", "--server-id="+strconv.Itoa(p.servers), "--log-bin=binlog", "--log-slave-updates=1", "--binlog-format=ROW", "--sync-binlog=1",
		"--rpl-semi-sync-master-wait-point=AFTER_SYNC", "--rpl-semi-sync-master-timeout=86400000",
		"--slave-net-timeout=4", "--innodb-log-file-size=32M", "--innodb-buffer-pool-size=64M")
	if err != nil {
		return nil, err
	}
	if err := os.CopyFS(s.data(), os.DirFS(p.pristine)); err != nil {
		return nil, errors.Join(err, s.remove())
	}
	return s, nil
}

// What a server is started with in each part. A primary is not started as a
// replica as well: MariaDB would take it, after a kill, for one that is to follow
// another, and may cut from its binary log what the engine has not committed.
var (
	leads   = []string{"--rpl-semi-sync-master-enabled=1"}
	follows = []string{"--rpl-semi-sync-slave-enabled=1", "--read-only=1"}
)

// lead makes the server the one that answers a commit when a replica has it,
// now and after a restart.
func (s *Server) lead() error {
	s.args = append(slices.DeleteFunc(s.args, func(arg string) bool { return slices.Contains(follows, arg) }), leads...)
	return s.administer("SET GLOBAL rpl_semi_sync_master_enabled = 1, rpl_semi_sync_slave_enabled = 0, read_only = 0")
}

// Promote makes the replica the primary, when it has applied all that it was
// sent; the old primary must have been killed. What is written from now on
// waits for Rejoin.
func (p *Pair) Promote(tb testing.TB) {
	tb.Helper()
	if err := p.promote(); err != nil {
		tb.Fatalf("promote the replica: %v", err)
	}
}

func (p *Pair) promote() (err error) {
	db, err := p.Replica.admin()
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	if _, err := db.Exec("STOP SLAVE IO_THREAD"); err != nil {
		return err
	}
	status, err := slaveStatus(db)
	if err != nil {
		return err
	}
	if err := applied(db, status["Gtid_IO_Pos"]); err != nil {
		return err
	}
	for _, q := range []string{"STOP SLAVE", "RESET SLAVE ALL"} {
		if _, err := db.Exec(q); err != nil {
			return fmt.Errorf("%s: %w", q, err)
		}
	}
	p.Primary, p.Replica = p.Replica, p.Primary
	return p.Primary.lead()
}

// Rejoin puts a new server in the replica's place and returns when it has
// everything. The data of a primary that was killed are no good any more: its
// log may end with what was never answered, and what the new one does not
// have.
func (p *Pair) Rejoin(tb testing.TB) {
	tb.Helper()
	if err := p.rejoin(); err != nil {
		tb.Fatalf("join a replica: %v", err)
	}
}

func (p *Pair) rejoin() (err error) {
	if p.Replica != nil {
		if err := p.Replica.remove(); err != nil {
			return err
		}
	}
	if p.Replica, err = p.blank(); err != nil {
		return err
	}
	p.Replica.args = append(p.Replica.args, follows...)
	if err := p.Replica.startSomewhere(); err != nil {
		return err
	}
	db, err := p.Replica.admin()
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	follow := fmt.Sprintf("CHANGE MASTER TO MASTER_HOST = '127.0.0.1', MASTER_PORT = %d, MASTER_USER = '%s', MASTER_PASSWORD = '%s', "+
		"MASTER_USE_GTID = slave_pos, MASTER_CONNECT_RETRY = 1, MASTER_HEARTBEAT_PERIOD = 1", p.Primary.port, replicator, replicatorPassword)
	for _, q := range []string{hasty, follow, "START SLAVE"} {
		if _, err := db.Exec(q); err != nil {
			return fmt.Errorf("%.20s: %w", q, err)
		}
	}
	written, err := p.Primary.variable("gtid_binlog_pos")
	if err != nil {
		return err
	}
	if err := applied(db, written); err != nil {
		return err
	}
	_, err = db.Exec(durable)
	return err
}

// A replica that joins has all of the past to apply, and nobody rests on it yet.
const (
	hasty   = "SET GLOBAL innodb_flush_log_at_trx_commit = 0, sync_binlog = 0"
	durable = "SET GLOBAL innodb_flush_log_at_trx_commit = 1, sync_binlog = 1"
)

func (s *Server) variable(name string) (value string, err error) {
	db, err := s.admin()
	if err != nil {
		return "", err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	err = db.QueryRow("SELECT @@GLOBAL." + name).Scan(&value)
	return value, err
}

// catchUpWithin bounds how long a replica may take to apply what it has.
const catchUpWithin = time.Minute

// applied waits until a replica has applied everything up to a GTID.
func applied(replica *sql.DB, gtid string) error {
	var late int
	if err := replica.QueryRow("SELECT MASTER_GTID_WAIT(?, ?)", gtid, catchUpWithin.Seconds()).Scan(&late); err != nil {
		return err
	}
	if late == 0 {
		return nil
	}
	status, err := slaveStatus(replica)
	return errors.Join(fmt.Errorf("the replica is not at %s after %s: %s %s", gtid, catchUpWithin, status["Last_IO_Error"], status["Last_SQL_Error"]), err)
}

// slaveStatus gives the columns of SHOW SLAVE STATUS.
func slaveStatus(db *sql.DB) (map[string]string, error) {
	rows, err := db.Query("SHOW SLAVE STATUS")
	if err != nil {
		return nil, err
	}
	defer func() { _ = rows.Close() }() // rows.Err has told
	names, err := rows.Columns()
	if err != nil {
		return nil, err
	}
	if !rows.Next() {
		return nil, errors.Join(errors.New("the server is no replica"), rows.Err())
	}
	values, into := make([]sql.NullString, len(names)), make([]any, len(names))
	for i := range values {
		into[i] = &values[i]
	}
	if err := rows.Scan(into...); err != nil {
		return nil, err
	}
	status := make(map[string]string, len(names))
	for i, name := range names {
		status[name] = values[i].String
	}
	return status, rows.Err()
}
