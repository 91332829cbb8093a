package mysql

import (
	"context"
	"crypto/tls"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/go-sql-driver/mysql"

	"github.com/corrillo/corrillo/repo"
	"github.com/corrillo/corrillo/repo/migrations"
	"github.com/corrillo/corrillo/repo/sqlstore"
)

// Options says where the database is and how to use it. ParseURL fills the
// first part; zero values are the defaults named here.
type Options struct {
	User     string
	Password string
	// Network is "tcp" (when empty) or "unix".
	Network string
	// Address is host:port, or the path of the socket.
	Address  string
	Database string
	// TLS is nil for an unencrypted connection.
	TLS *tls.Config
	// MaxConns bounds the connections; 10. One is enough.
	MaxConns int
	// ConnectTimeout bounds dialling and the handshake; 5 s.
	ConnectTimeout time.Duration
	// PoolTimeout bounds the wait for a free connection; 10 s. Negative:
	// only the context does.
	PoolTimeout time.Duration
	// SocketTimeout bounds each read and write on a connection; 20 s.
	// Negative: only the context does.
	SocketTimeout time.Duration
	// MaxLifetime and MaxIdleTime bound a connection's life; 30 min and
	// 5 min. Negative: for ever.
	MaxLifetime time.Duration
	MaxIdleTime time.Duration

	// OneByOne sends every statement of a transaction by itself, and never
	// asks the server for more: for a proxy that breaks when it is asked.
	OneByOne bool

	// Sharded is for a database that keeps conversations on different shards
	// (Vitess, PlanetScale; deploy/vitess): each conversation's group is a
	// transaction of its own, several of them beside each other, and its
	// statements go one by one.
	Sharded bool

	// Replica, when set, is a read replica of this database: the connection
	// part of Options, from ParseURL. It gives the pages of history that
	// repo.MessageQuery.AtLeast allows, and Log hears when it goes and comes.
	Replica *Options

	// TablePrefix begins the name of every table; corrillo_ when empty.
	TablePrefix string
	// MembershipQuery is the operator's authz.query, empty when there is none.
	MembershipQuery string
	// Mirror, when set, writes to a table of the app's own as well. Save is
	// unavailable until Migrate has held it against that table.
	Mirror *Mirror
	// Log hears of what the mirror's table refuses; nobody when nil.
	Log *slog.Logger

	firstWay int32         // tests begin behind the first one
	deserted time.Duration // tests wait for less
}

// Store keeps everything in a MySQL database.
type Store struct {
	*sqlstore.Store
	db      *sql.DB
	mirror  *mirror // nil: none
	sharded bool
}

// PerGroup reports whether a Save commits each conversation's group by itself
// (Options.Sharded).
func (s *Store) PerGroup() bool { return s.sharded }

// Mirror returns what Migrate found out about the mirror, nil when there is
// none or Migrate has not been there.
func (s *Store) Mirror() *MirrorReport {
	if s.mirror == nil {
		return nil
	}
	return s.mirror.report.Load()
}

// Stats implements repo.Store.
func (s *Store) Stats() repo.Stats {
	st := s.Store.Stats()
	if m := s.mirror; m != nil {
		st.Mirrored, st.MirrorRefused, st.MirrorFailed = m.rows.Load(), m.refused.Load(), m.failed.Load()
	}
	return st
}

// Open makes the store. It connects to nothing yet: a server that is away is
// reported by Ping and Migrate, as repo.ErrUnavailable, one that does not let
// this process in as repo.ErrRefused.
func Open(_ context.Context, o Options) (*Store, error) {
	o.setDefaults()
	c, err := newConnector(&o)
	if err != nil {
		return nil, fmt.Errorf("open mysql: %w", err)
	}
	db := sql.OpenDB(c)
	db.SetMaxOpenConns(o.MaxConns)
	db.SetMaxIdleConns(o.MaxConns)
	db.SetConnMaxLifetime(o.MaxLifetime)
	db.SetConnMaxIdleTime(o.MaxIdleTime)
	store := &Store{db: db, sharded: o.Sharded}
	d := dialect()
	d.Together, d.Undone = c.ways.together, undone
	apart := 0
	if o.Sharded {
		d.EachShard = eachShard
		apart = max(1, o.MaxConns-2) // reads find a connection as well
	}
	var companion sqlstore.Companion
	if o.Mirror != nil {
		if err := o.Mirror.Validate(o.TablePrefix); err != nil {
			return nil, errors.Join(err, db.Close())
		}
		store.mirror = &mirror{m: *o.Mirror, log: o.Log, maxRows: d.MaxRows}
		companion = store.mirror
	}
	replica, err := openReplica(&o)
	if err != nil {
		return nil, errors.Join(err, db.Close())
	}
	s, err := sqlstore.New(sqlstore.Options{
		Writer: db, Reader: db,
		Dialect:         d,
		Companion:       companion,
		Replica:         replica,
		TablePrefix:     o.TablePrefix,
		MembershipQuery: o.MembershipQuery,
		AcquireTimeout:  o.PoolTimeout,
		Apart:           apart,
		Migrate:         func(ctx context.Context) error { return migrate(ctx, c, o.TablePrefix, store.mirror) },
	})
	if err != nil {
		if replica != nil {
			err = errors.Join(err, replica.DB.Close())
		}
		return nil, fmt.Errorf("open mysql: %w", errors.Join(err, db.Close()))
	}
	store.Store = s
	return store, nil
}

// migrate uses connections of its own: the lock needs a second one, and the
// store's pool may have just one.
func migrate(ctx context.Context, c driver.Connector, prefix string, m *mirror) error {
	db := sql.OpenDB(c)
	db.SetMaxOpenConns(3)
	err := db.PingContext(ctx)
	if err == nil {
		err = checkBinlog(ctx, db)
	}
	if err == nil {
		err = migrations.MySQL(ctx, db, prefix)
	}
	if err == nil && m != nil {
		err = m.check(ctx, db)
	}
	return errors.Join(err, db.Close())
}

// eachShard has Vitess write the rows of one INSERT to all of their shards,
// and each of these commit by itself. To all others it is a comment.
const eachShard = "/*vt+ MULTI_SHARD_AUTOCOMMIT=1 */"

func (o *Options) setDefaults() {
	if o.Network == "" {
		o.Network = "tcp"
	}
	if o.Address == "" && o.Network == "tcp" {
		o.Address = "127.0.0.1:3306"
	}
	if o.MaxConns <= 0 {
		o.MaxConns = 10
	}
	if o.TablePrefix == "" {
		o.TablePrefix = migrations.DefaultPrefix
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if o.Sharded {
		// The guard in the first value of an INSERT would hide from a proxy
		// which shard it is for.
		o.OneByOne = true
	}
	orDefault(&o.deserted, 10*time.Second)
	orDefault(&o.ConnectTimeout, 5*time.Second)
	orDefault(&o.PoolTimeout, 10*time.Second)
	orDefault(&o.SocketTimeout, 20*time.Second)
	orDefault(&o.MaxLifetime, 30*time.Minute)
	orDefault(&o.MaxIdleTime, 5*time.Minute)
}

// orDefault makes 0 the default and a negative value none.
func orDefault(d *time.Duration, otherwise time.Duration) {
	switch {
	case *d == 0:
		*d = otherwise
	case *d < 0:
		*d = 0
	}
}

// connector sets every connection up for the store.
type connector struct {
	plain driver.Connector
	multi driver.Connector // the same, and the server takes several statements in one query
	setup []setting
	ways  chooser
}

func newConnector(o *Options) (*connector, error) {
	cfg := mysql.NewConfig()
	cfg.User, cfg.Passwd, cfg.Net, cfg.Addr, cfg.DBName = o.User, o.Password, o.Network, o.Address, o.Database
	cfg.TLS = o.TLS
	cfg.Timeout, cfg.ReadTimeout, cfg.WriteTimeout = o.ConnectTimeout, o.SocketTimeout, o.SocketTimeout
	cfg.Loc, cfg.ParseTime = time.UTC, true
	cfg.Logger = &mysql.NopLogger{}
	// A fence counts the rows it found, not those it changed.
	cfg.ClientFoundRows = true
	// One round trip for each statement, and none to prepare it.
	cfg.InterpolateParams = true
	// A server that became a replica: let the pool find the new primary.
	cfg.RejectReadOnly = true
	// Ask the server, so that a message it cannot take is refused by itself.
	cfg.MaxAllowedPacket = 0
	plain, err := mysql.NewConnector(cfg)
	if err != nil {
		return nil, err
	}
	cfg.MultiStatements = true // NewConnector has made a copy
	multi, err := mysql.NewConnector(cfg)
	if err != nil {
		return nil, err
	}
	c := &connector{plain: plain, multi: multi, setup: append(session[:len(session):len(session)], o.sessionDeserted(), o.sessionForgotten())}
	if o.Mirror != nil {
		c.setup = append(c.setup, sessionUTC)
	}
	if o.OneByOne {
		c.ways.next.Store(int32(len(ways)))
	} else {
		c.ways.next.Store(o.firstWay)
	}
	return c, nil
}

type setting struct {
	statement string
	optional  bool
}

// sessionUTC is for a mirror: TIMESTAMP columns and defaults such as
// CURRENT_TIMESTAMP go by the session's clock, and Prisma's is UTC.
var sessionUTC = setting{statement: "SET SESSION time_zone = '+00:00'"}

// sessionDeserted has MariaDB end a transaction in which nothing is said any
// more: one whose client is gone without a word, as when its machine loses power
// or a firewall forgets the connection, would hold its rows for hours. MySQL does
// not know it: see sessionForgotten.
func (o *Options) sessionDeserted() setting {
	return setting{fmt.Sprintf("SET SESSION idle_transaction_timeout = %d", int(o.deserted.Seconds())), true}
}

// sessionForgotten has any server, MySQL too, end a connection that has been
// quiet for longer than the pool keeps one: with sessionDeserted this happens in a
// transaction sooner.
func (o *Options) sessionForgotten() setting {
	return setting{fmt.Sprintf("SET SESSION wait_timeout = LEAST(@@SESSION.wait_timeout, %d)", int((2 * o.MaxIdleTime).Seconds())), true}
}

// sessionQuiet has any server, MySQL too, end a connection on which nothing is
// said any more, and its transaction with it. It is for connections that are used
// all the time, or may be made anew.
func (o *Options) sessionQuiet() setting {
	return setting{fmt.Sprintf("SET SESSION wait_timeout = %d", int(o.deserted.Seconds())), true}
}

// session is what each connection is told first. A value that does not fit
// must be an error and never be cut. A backslash must escape, and every byte
// be of UTF-8: that is how the driver writes values into statements. The
// other modes that the operator chose stay.
var session = [...]setting{
	{"SET NAMES utf8mb4", false},
	{"SET SESSION TRANSACTION ISOLATION LEVEL READ COMMITTED", false},
	{"SET SESSION sql_mode = CONCAT(REPLACE(@@SESSION.sql_mode, 'NO_BACKSLASH_ESCAPES', ''), ',STRICT_ALL_TABLES')", false},
	// Not all have it; SocketTimeout ends the wait as well.
	{"SET SESSION innodb_lock_wait_timeout = 5", true},
}

// setUp makes a connection of inner that has been told what it must know.
func (c *connector) setUp(ctx context.Context, inner driver.Connector) (driver.Conn, driver.ExecerContext, error) {
	conn, err := inner.Connect(ctx)
	if err != nil {
		return nil, nil, asRefusal(err)
	}
	exec, ok := conn.(driver.ExecerContext)
	if !ok {
		return nil, nil, errors.Join(fmt.Errorf("the driver's %T cannot execute", conn), conn.Close())
	}
	for _, s := range c.setup {
		_, err := exec.ExecContext(ctx, s.statement, nil)
		if _, said := errors.AsType[*mysql.MySQLError](err); err == nil || s.optional && said {
			continue
		}
		return nil, nil, errors.Join(fmt.Errorf("set up a connection: %w", asRefusal(err)), conn.Close())
	}
	return conn, exec, nil
}

func dialect() sqlstore.Dialect {
	return sqlstore.Dialect{
		Classify: classify,
		Refused:  refused,
		Greatest: "GREATEST",
		Upsert:   func(string) string { return " ON DUPLICATE KEY UPDATE " },
		// VALUES() is old in MySQL 8, and all of them have it.
		Inserted:         func(column string) string { return "VALUES(" + column + ")" },
		ChecksText:       true,
		BackslashEscapes: true,
		MaxTogether:      20,
		MaxRows:          500,
		MaxBytes:         2 << 20, // escaping at most doubles it; MariaDB takes 16 MiB
		MaxKeys:          100,
	}
}
