package mysql

import (
	"context"
	"database/sql/driver"
	"errors"
	"fmt"
	"sync/atomic"

	"github.com/go-sql-driver/mysql"

	"github.com/corrillo/corrillo/repo/sqlstore"
)

// ways are the forms in which a whole transaction can be one query, the best
// one first: MariaDB's compound statement, which is a single statement with a
// single answer, and several statements in a row, for MySQL. Only the second
// one needs a connection on which the server takes more than one statement.
var ways = [...]way{
	{Envelope: sqlstore.Envelope{Begin: "BEGIN NOT ATOMIC START TRANSACTION", End: "; COMMIT; END"}},
	{Envelope: sqlstore.Envelope{Begin: "START TRANSACTION", End: "; COMMIT"}, multi: true},
}

type way struct {
	sqlstore.Envelope
	multi bool
}

// erGuard is ER_DATA_OUT_OF_RANGE, which is how a guard fails.
const erGuard = 1690

// probe asks the server whether it takes a whole transaction in this form,
// and ends it where a guard fails. What it says of anything else is a no.
func (w *way) probe(ctx context.Context, exec driver.ExecerContext) (bool, error) {
	_, err := exec.ExecContext(ctx, w.Begin+"; SET @corrillo = "+sqlstore.Guard(7, "1")+w.End, nil)
	e, said := errors.AsType[*mysql.MySQLError](err)
	if err != nil && !said {
		return false, err
	}
	if _, err := exec.ExecContext(ctx, "ROLLBACK", nil); err != nil {
		return false, err
	}
	return said && e.Number == erGuard, nil
}

// chooser finds the first of the ways that the server takes. Connections are
// made and used by many at once, and so is it.
type chooser struct {
	// next is the index in ways of the one that new connections are probed
	// for; behind the last one there is none.
	next atomic.Int32
	// taken is what the newest connection has taken, nil: nothing.
	taken atomic.Pointer[sqlstore.Envelope]
}

// together is what sqlstore.Dialect's field of that name wants. A connection
// from before a change of ways refuses the new one, which is all.
func (c *chooser) together() (sqlstore.Envelope, bool) {
	if e := c.taken.Load(); e != nil {
		return *e, true
	}
	return sqlstore.Envelope{}, false
}

// undone tells the errors that leave nothing behind even when they came from
// the COMMIT: the driver could send nothing or was refused as a read-only
// server does, a lock wait was too long, or there was a deadlock.
func undone(err error) bool {
	if e, ok := errors.AsType[*mysql.MySQLError](err); ok {
		return e.Number == 1205 || e.Number == 1213
	}
	return errors.Is(err, driver.ErrBadConn)
}

// Connect implements driver.Connector. It dials for the way that is due and
// probes it; a server that refuses one is asked for the next one.
func (c *connector) Connect(ctx context.Context) (driver.Conn, error) {
	for {
		i := int(c.ways.next.Load())
		inner := c.plain
		if i < len(ways) && ways[i].multi {
			inner = c.multi
		}
		conn, exec, err := c.setUp(ctx, inner)
		if err != nil || i >= len(ways) {
			return conn, err
		}
		w := &ways[i]
		yes, err := w.probe(ctx, exec)
		if err != nil {
			return nil, errors.Join(fmt.Errorf("set up a connection: %w", err), conn.Close())
		}
		if yes {
			c.ways.taken.Store(&w.Envelope)
			return conn, nil
		}
		c.ways.taken.Store(nil)
		c.ways.next.CompareAndSwap(int32(i), int32(i+1)) //nolint:gosec // there are two
		if err := conn.Close(); err != nil {
			return nil, fmt.Errorf("set up a connection: %w", err)
		}
	}
}

// Driver implements driver.Connector.
func (c *connector) Driver() driver.Driver { return c.plain.Driver() }
