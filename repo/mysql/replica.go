package mysql

import (
	"database/sql"
	"fmt"

	"github.com/corrillo/corrillo/repo/sqlstore"
)

// openReplica makes the pool of o.Replica, nil when there is none. It connects
// to nothing yet.
func openReplica(o *Options) (*sqlstore.Replica, error) {
	if o.Replica == nil {
		return nil, nil
	}
	to := *o.Replica
	to.OneByOne = true // it is told nothing that would need more
	to.setDefaults()
	c, err := newConnector(&to)
	if err != nil {
		return nil, fmt.Errorf("open the replica: %w", err)
	}
	c.setup = append(c.setup, setting{statement: "SET SESSION TRANSACTION READ ONLY"})
	db := sql.OpenDB(c)
	db.SetMaxOpenConns(to.MaxConns)
	db.SetMaxIdleConns(to.MaxConns)
	db.SetConnMaxLifetime(to.MaxLifetime)
	db.SetConnMaxIdleTime(to.MaxIdleTime)
	log, address := o.Log, to.Address
	return &sqlstore.Replica{DB: db, Changed: func(err error) {
		if err != nil {
			log.Warn("the read replica does not answer: the primary is read", "address", address, "err", err)
			return
		}
		log.Info("the read replica answers again", "address", address)
	}}, nil
}
