// Package mysql is the store of production: MySQL 8, MariaDB 10.6 or later,
// TiDB and Vitess, by nothing but what they share. It reads the URL that
// Prisma takes, sets connections up, knows the error numbers, and leaves the
// rest to repo/sqlstore.
//
// Its transactions are READ COMMITTED: the lock of a conversation's row and
// the unique keys are what they rely on, and there are no gap locks to
// deadlock over. A server with binlog_format=STATEMENT refuses that.
package mysql
