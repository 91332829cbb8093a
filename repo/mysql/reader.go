package mysql

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"

	"github.com/go-sql-driver/mysql"
)

// readerSession is what each connection of a reader is told first: nothing
// can be written through it, and times come in UTC.
var readerSession = [...]string{
	"SET SESSION TRANSACTION READ ONLY",
	"SET SESSION TRANSACTION ISOLATION LEVEL READ COMMITTED",
	"SET SESSION time_zone = '+00:00'",
}

// OpenReader gives a pool for reading tables of the app's own, which o need
// not be the store's database. Times come as the text that MySQL writes, in
// UTC where the column knows a zone. Reads may take as long as they take: only
// their context ends them. It connects to nothing yet; the caller closes it.
func OpenReader(o Options) (*sql.DB, error) {
	o.setDefaults()
	cfg := mysql.NewConfig()
	cfg.User, cfg.Passwd, cfg.Net, cfg.Addr, cfg.DBName = o.User, o.Password, o.Network, o.Address, o.Database
	cfg.TLS, cfg.Timeout, cfg.WriteTimeout = o.TLS, o.ConnectTimeout, o.SocketTimeout
	cfg.Logger = &mysql.NopLogger{}
	cfg.InterpolateParams = true
	inner, err := mysql.NewConnector(cfg)
	if err != nil {
		return nil, fmt.Errorf("open mysql: %w", err)
	}
	db := sql.OpenDB(&reader{inner})
	db.SetMaxOpenConns(o.MaxConns)
	db.SetConnMaxLifetime(o.MaxLifetime)
	return db, nil
}

// reader sets connections up for reading alone.
type reader struct{ driver.Connector }

// Connect implements driver.Connector.
func (r *reader) Connect(ctx context.Context) (driver.Conn, error) {
	conn, err := r.Connector.Connect(ctx)
	if err != nil {
		return nil, asRefusal(err)
	}
	exec, ok := conn.(driver.ExecerContext)
	if !ok {
		return nil, errors.Join(fmt.Errorf("the driver's %T cannot execute", conn), conn.Close())
	}
	for _, statement := range readerSession {
		if _, err := exec.ExecContext(ctx, statement, nil); err != nil {
			return nil, errors.Join(fmt.Errorf("set up a connection: %w", err), conn.Close())
		}
	}
	return conn, nil
}
