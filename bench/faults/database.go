package faults

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"github.com/go-sql-driver/mysql"
)

// refusals are the nemeses that MariaDB is told to be, or that others in the
// same database are.
var refusals = []Nemesis{
	{Name: "read-only-database", Needs: MariaDB | ShortSaves, Strike: readOnly},
	{Name: "crowd-database", Needs: MariaDB | ShortSaves | OneServer, Strike: crowd},
	{Name: "kill-connections", Needs: MariaDB, Strike: killConnections},
	{Name: "hold-rows", Needs: MariaDB, Strike: holdRows},
	{Name: "deadlock-rows", Needs: MariaDB, Strike: deadlockRows},
}

// readOnly is a primary on its way to be a replica. The server's account is
// not exempt: it has the grants of docs/OPERATIONS.md.
func readOnly(ctx context.Context, a *Arena, hold time.Duration) error {
	err := a.administer(ctx, "SET GLOBAL read_only = 1")
	return errors.Join(err, wait(ctx, hold), a.administer(context.WithoutCancel(ctx), "SET GLOBAL read_only = 0"))
}

// killConnections ends all of the server's, again and again.
func killConnections(ctx context.Context, a *Arena, hold time.Duration) error {
	return a.asAdmin(ctx, func(conn *sql.Conn) error {
		for end := time.Now().Add(hold); ; {
			if _, err := killApp(ctx, conn); err != nil {
				return err
			}
			if left := time.Until(end); left <= 0 {
				return nil
			} else if err := wait(ctx, min(left, 50*time.Millisecond)); err != nil {
				return err
			}
		}
	})
}

// killApp ends the connections of the server and says how many there were.
func killApp(ctx context.Context, conn *sql.Conn) (n int, err error) {
	ids, err := appConnections(ctx, conn)
	if err != nil {
		return 0, err
	}
	for _, id := range ids {
		if _, err := conn.ExecContext(ctx, fmt.Sprint("KILL CONNECTION ", id)); err != nil && !says(err, 1094) { // ER_NO_SUCH_THREAD: it has ended by itself
			return 0, err
		}
	}
	return len(ids), nil
}

func appConnections(ctx context.Context, conn *sql.Conn) (ids []int64, err error) {
	rows, err := conn.QueryContext(ctx, "SELECT id FROM information_schema.processlist WHERE user = ?", appUser)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, rows.Close()) }()
	for rows.Next() {
		var id int64
		if err := rows.Scan(&id); err != nil {
			return nil, err
		}
		ids = append(ids, id)
	}
	return ids, rows.Err()
}

func says(err error, number uint16) bool {
	e, ok := errors.AsType[*mysql.MySQLError](err)
	return ok && e.Number == number
}

const (
	fewConnections  = 10  // the least that MariaDB takes
	manyConnections = 300 // what repotest gives
)

// crowd takes all connections that MariaDB lets anybody have.
func crowd(ctx context.Context, a *Arena, hold time.Duration) error {
	const bystander = "bystander"
	if err := a.administer(ctx, "CREATE USER IF NOT EXISTS "+bystander+"@'%' IDENTIFIED BY '"+appPassword+"'"); err != nil {
		return err
	}
	cfg := mysql.NewConfig()
	cfg.User, cfg.Passwd, cfg.Net, cfg.Addr = bystander, appPassword, "tcp", a.Database.Addr()
	cfg.Logger = &mysql.NopLogger{}
	c, err := mysql.NewConnector(cfg)
	if err != nil {
		return err
	}
	db := sql.OpenDB(c)
	var others []*sql.Conn
	defer func() {
		for _, conn := range others {
			_ = conn.Close() // nothing was written
		}
		_ = db.Close()
	}()
	return a.asAdmin(ctx, func(admin *sql.Conn) (err error) {
		limit := func(n int) error {
			_, err := admin.ExecContext(context.WithoutCancel(ctx), fmt.Sprint("SET GLOBAL max_connections = ", n))
			return err
		}
		defer func() { err = errors.Join(err, limit(manyConnections)) }()
		if err := limit(fewConnections); err != nil {
			return err
		}
		// The server comes back as fast as it can: it may take some tries to be
		// there first.
		for range 200 {
			there, err := killApp(ctx, admin)
			if err != nil {
				return err
			}
			if there == 0 {
				return wait(ctx, hold)
			}
			more, err := fill(ctx, db)
			others = append(others, more...)
			if err != nil {
				return err
			}
		}
		return errors.New("the server was always faster")
	})
}

// fill opens connections until MariaDB refuses one.
func fill(ctx context.Context, db *sql.DB) (conns []*sql.Conn, err error) {
	for range 2 * fewConnections {
		conn, err := db.Conn(ctx)
		if says(err, 1040) { // ER_CON_COUNT_ERROR
			return conns, nil
		}
		if err != nil {
			return conns, err
		}
		conns = append(conns, conn)
	}
	return conns, errors.New("MariaDB refuses no connection")
}

// lockWait is what the server lets a statement wait for a lock (repo/mysql),
// and a bit.
const lockWait = 5*time.Second + 200*time.Millisecond

// holdRows keeps the rows of conversations, or of messages and what may come
// between them, for longer than the server waits for a lock.
func holdRows(ctx context.Context, a *Arena, hold time.Duration) error {
	table, column := "corrillo_conversation", "id"
	if hold%2 == 0 {
		table, column = "corrillo_message", "conversationId"
	}
	return a.transaction(ctx, func(tx *sql.Tx) error {
		if err := lock(ctx, tx, fmt.Sprintf("SELECT COUNT(*) FROM %s WHERE %s LIKE '%s%%' FOR UPDATE", table, column, prefix)); err != nil {
			return err
		}
		return wait(ctx, lockWait+hold)
	})
}

// deadlockRows locks in the order in which the server does not: messages first,
// or the last conversation first. It goes on for hold, and until there was a
// deadlock. MariaDB ends the transaction that has written less, so these write
// a lot.
func deadlockRows(ctx context.Context, a *Arena, hold time.Duration) error {
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	if err := a.administer(ctx, "CREATE TABLE IF NOT EXISTS "+a.name+".heavy (id INT PRIMARY KEY) ENGINE = InnoDB"); err != nil {
		return err
	}
	before, err := a.deadlocks(ctx)
	if err != nil {
		return err
	}
	end := time.Now().Add(hold)
	for i := 0; ; i++ {
		err := a.transaction(ctx, func(tx *sql.Tx) error { return lockBackwards(ctx, tx, a.name, i) })
		if err != nil && !says(err, 1213) { // ER_LOCK_DEADLOCK: it was the victim after all
			return err
		}
		now, err := a.deadlocks(ctx)
		if err != nil {
			return err
		}
		if now > before && time.Now().After(end) {
			return nil
		}
	}
}

func lockBackwards(ctx context.Context, tx *sql.Tx, database string, i int) error {
	if _, err := tx.ExecContext(ctx, "INSERT INTO heavy SELECT seq FROM "+database+".seq_1_to_1000"); err != nil {
		return err
	}
	const messages, conversation = "corrillo_message WHERE conversationId", "corrillo_conversation WHERE id"
	order := []string{messages + room(1), conversation + room(1)}
	if i%2 == 0 {
		order = []string{conversation + room(1), conversation + room(0)}
	}
	for _, rows := range order {
		if err := lock(ctx, tx, "SELECT COUNT(*) FROM "+rows+" FOR UPDATE"); err != nil {
			return err
		}
		if err := wait(ctx, 10*time.Millisecond); err != nil { // the server comes, and waits
			return err
		}
	}
	return nil
}

// room is the end of a condition.
func room(i int) string { return fmt.Sprintf(" = '%s%d'", prefix, i) }

func (a *Arena) deadlocks(ctx context.Context) (n int64, err error) {
	err = a.asAdmin(ctx, func(conn *sql.Conn) error {
		var name string
		return conn.QueryRowContext(ctx, "SHOW GLOBAL STATUS LIKE 'Innodb_deadlocks'").Scan(&name, &n)
	})
	return n, err
}

// transaction runs f in a transaction of its own in the server's database and
// rolls it back.
func (a *Arena) transaction(ctx context.Context, f func(tx *sql.Tx) error) error {
	return a.asAdmin(ctx, func(conn *sql.Conn) error {
		for _, q := range []string{"USE " + a.name, "SET SESSION innodb_lock_wait_timeout = 20"} {
			if _, err := conn.ExecContext(ctx, q); err != nil {
				return err
			}
		}
		tx, err := conn.BeginTx(ctx, nil)
		if err != nil {
			return err
		}
		err = f(tx)
		if rollback := tx.Rollback(); err == nil && !errors.Is(rollback, sql.ErrTxDone) {
			err = rollback
		}
		return err
	})
}

// lock runs a SELECT ... FOR UPDATE that counts.
func lock(ctx context.Context, tx *sql.Tx, query string) error {
	var n int64
	return tx.QueryRowContext(ctx, query).Scan(&n)
}
