package mysql

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strings"

	"github.com/go-sql-driver/mysql"
)

// checkBinlog refuses, in words, a server that would refuse every write of
// ours (error 1665): the lock of the migrations would be asked for in vain
// without end. A server that does not know the question has no such rule.
func checkBinlog(ctx context.Context, db *sql.DB) error {
	var logs bool
	var format string
	err := db.QueryRowContext(ctx, "SELECT @@GLOBAL.log_bin, @@SESSION.binlog_format").Scan(&logs, &format)
	if _, said := errors.AsType[*mysql.MySQLError](err); said {
		return nil
	}
	if err != nil {
		return fmt.Errorf("ask for the binary log: %w", err)
	}
	return refuseBinlog(logs, format)
}

func refuseBinlog(logs bool, format string) error {
	if logs && strings.EqualFold(format, "STATEMENT") {
		return errors.New("the database has binlog_format=STATEMENT, which takes no write of a READ COMMITTED transaction: set it to ROW or MIXED")
	}
	return nil
}
