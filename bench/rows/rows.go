package rows

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net/url"
	"strings"

	driver "github.com/go-sql-driver/mysql"
	_ "modernc.org/sqlite" // registers the driver "sqlite"

	"github.com/corrillo/corrillo/repo/mysql"
)

// Row is what a run checks of one message.
type Row struct {
	ConversationID string
	Seq            int64
	ID             string
	SenderID       string
	TempID         string // empty: NULL
}

const query = `SELECT conversationId, seq, id, senderId, COALESCE(tempId, '')
	FROM corrillo_message WHERE conversationId LIKE ? ORDER BY conversationId, seq`

// Read returns every message whose conversation's id begins with prefix,
// ordered by conversation and seq. The prefix must have no LIKE wildcards.
// where is a mysql:// URL or the path of an SQLite file.
func Read(ctx context.Context, where, prefix string) (rows []Row, err error) {
	err = each(ctx, where, "message", query, prefix, func(scan func(...any) error) error {
		var r Row
		err := scan(&r.ConversationID, &r.Seq, &r.ID, &r.SenderID, &r.TempID)
		rows = append(rows, r)
		return err
	})
	return rows, err
}

// each calls row with what scans each row that a query finds for the prefix.
func each(ctx context.Context, where, table, query, prefix string, row func(scan func(...any) error) error) (err error) {
	defer func() {
		if err != nil {
			err = fmt.Errorf("read the %s table: %w", table, err)
		}
	}()
	db, err := open(where, true)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	found, err := db.QueryContext(ctx, query, prefix+"%")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, found.Close()) }()
	for found.Next() {
		if err := row(found.Scan); err != nil {
			return err
		}
	}
	return found.Err()
}

// Count says how many messages and how many conversations have an id of the
// conversation that begins with prefix.
func Count(ctx context.Context, where, prefix string) (messages, conversations int64, err error) {
	db, err := open(where, true)
	if err != nil {
		return 0, 0, err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	const count = `SELECT COUNT(*), COUNT(DISTINCT conversationId) FROM corrillo_message WHERE conversationId LIKE ?`
	if err := db.QueryRowContext(ctx, count, prefix+"%").Scan(&messages, &conversations); err != nil {
		return 0, 0, fmt.Errorf("count the message table: %w", err)
	}
	return messages, conversations, nil
}

func isSQLite(where string) bool { return !strings.Contains(where, "://") }

func open(where string, readOnly bool) (*sql.DB, error) {
	if isSQLite(where) {
		mode := "rw"
		if readOnly {
			mode = "ro"
		}
		return sql.Open("sqlite", "file:"+(&url.URL{Path: where}).EscapedPath()+"?mode="+mode+"&_pragma=busy_timeout(30000)")
	}
	o, err := mysql.ParseURL(where)
	if err != nil {
		return nil, err
	}
	cfg := driver.NewConfig()
	cfg.User, cfg.Passwd, cfg.DBName, cfg.Addr = o.User, o.Password, o.Database, o.Address
	cfg.Net, cfg.TLS = o.Network, o.TLS
	if cfg.Net == "" {
		cfg.Net = "tcp"
	}
	c, err := driver.NewConnector(cfg)
	if err != nil {
		return nil, fmt.Errorf("connect to the database: %w", err)
	}
	return sql.OpenDB(c), nil
}
