package mysql

import (
	"database/sql/driver"
	"errors"
	"io"
	"net"
	"strings"

	"github.com/go-sql-driver/mysql"

	"github.com/corrillo/corrillo/repo/sqlstore"
)

// numbers sorts the error numbers of the server
// (https://dev.mysql.com/doc/mysql-errors/8.4/en/server-error-reference.html,
// https://mariadb.com/kb/en/mariadb-error-code-reference/).
var numbers = map[uint16]sqlstore.Class{
	1062: sqlstore.ClassDuplicate, // ER_DUP_ENTRY
	1169: sqlstore.ClassDuplicate, // ER_DUP_UNIQUE
	1586: sqlstore.ClassDuplicate, // ER_DUP_ENTRY_WITH_KEY_NAME

	1048: sqlstore.ClassBadData, // ER_BAD_NULL_ERROR
	1118: sqlstore.ClassBadData, // ER_TOO_BIG_ROWSIZE
	1153: sqlstore.ClassBadData, // ER_NET_PACKET_TOO_LARGE
	1264: sqlstore.ClassBadData, // ER_WARN_DATA_OUT_OF_RANGE
	1265: sqlstore.ClassBadData, // WARN_DATA_TRUNCATED
	1292: sqlstore.ClassBadData, // ER_TRUNCATED_WRONG_VALUE
	1300: sqlstore.ClassBadData, // ER_INVALID_CHARACTER_STRING
	1301: sqlstore.ClassBadData, // ER_WARN_ALLOWED_PACKET_OVERFLOWED
	1366: sqlstore.ClassBadData, // ER_TRUNCATED_WRONG_VALUE_FOR_FIELD
	1367: sqlstore.ClassBadData, // ER_ILLEGAL_VALUE_FOR_TYPE
	1406: sqlstore.ClassBadData, // ER_DATA_TOO_LONG
	3819: sqlstore.ClassBadData, // ER_CHECK_CONSTRAINT_VIOLATED
	3854: sqlstore.ClassBadData, // ER_CANNOT_CONVERT_STRING
	4025: sqlstore.ClassBadData, // MariaDB: ER_CONSTRAINT_FAILED

	1021: sqlstore.ClassTransient, // ER_DISK_FULL
	1040: sqlstore.ClassTransient, // ER_CON_COUNT_ERROR
	1041: sqlstore.ClassTransient, // ER_OUT_OF_RESOURCES
	1047: sqlstore.ClassTransient, // Galera: the node is not ready
	1053: sqlstore.ClassTransient, // ER_SERVER_SHUTDOWN
	1077: sqlstore.ClassTransient, // ER_NORMAL_SHUTDOWN
	1114: sqlstore.ClassTransient, // ER_RECORD_FILE_FULL
	1129: sqlstore.ClassTransient, // ER_HOST_IS_BLOCKED
	1152: sqlstore.ClassTransient, // ER_ABORTING_CONNECTION
	1158: sqlstore.ClassTransient, // ER_NET_READ_ERROR
	1159: sqlstore.ClassTransient, // ER_NET_READ_INTERRUPTED
	1160: sqlstore.ClassTransient, // ER_NET_ERROR_ON_WRITE
	1161: sqlstore.ClassTransient, // ER_NET_WRITE_INTERRUPTED
	1180: sqlstore.ClassTransient, // ER_ERROR_DURING_COMMIT
	1184: sqlstore.ClassTransient, // ER_NEW_ABORTING_CONNECTION
	1203: sqlstore.ClassTransient, // ER_TOO_MANY_USER_CONNECTIONS
	1205: sqlstore.ClassTransient, // ER_LOCK_WAIT_TIMEOUT
	1206: sqlstore.ClassTransient, // ER_LOCK_TABLE_FULL
	1213: sqlstore.ClassTransient, // ER_LOCK_DEADLOCK
	1226: sqlstore.ClassTransient, // ER_USER_LIMIT_REACHED
	1290: sqlstore.ClassTransient, // ER_OPTION_PREVENTS_STATEMENT: read-only
	1317: sqlstore.ClassTransient, // ER_QUERY_INTERRUPTED
	1614: sqlstore.ClassTransient, // ER_XA_RBDEADLOCK
	1792: sqlstore.ClassTransient, // ER_CANT_EXECUTE_IN_READ_ONLY_TRANSACTION
	1836: sqlstore.ClassTransient, // ER_READ_ONLY_MODE
	1927: sqlstore.ClassTransient, // MariaDB: ER_CONNECTION_KILLED
	1969: sqlstore.ClassTransient, // MariaDB: ER_STATEMENT_TIMEOUT
	3024: sqlstore.ClassTransient, // ER_QUERY_TIMEOUT
	3100: sqlstore.ClassTransient, // group replication: the commit hook failed
	3101: sqlstore.ClassTransient, // group replication: certification failed
	4031: sqlstore.ClassTransient, // ER_CLIENT_INTERACTION_TIMEOUT
	8002: sqlstore.ClassTransient, // TiDB: write conflict under SELECT FOR UPDATE
	8022: sqlstore.ClassTransient, // TiDB: commit failed, try again
	8028: sqlstore.ClassTransient, // TiDB: the schema changed
	9001: sqlstore.ClassTransient, // TiDB: PD does not answer
	9002: sqlstore.ClassTransient, // TiDB: TiKV does not answer
	9003: sqlstore.ClassTransient, // TiDB: TiKV is busy
	9004: sqlstore.ClassTransient, // TiDB: lock resolution timed out
	9005: sqlstore.ClassTransient, // TiDB: a region is not there
	9007: sqlstore.ClassTransient, // TiDB: write conflict
}

// erUnknown is ER_UNKNOWN_ERROR. MySQL says it of a parameter that is too
// long, Vitess of a tablet that is away.
const erUnknown = 1105

// classify sorts an error of the driver or the server.
func classify(err error) sqlstore.Class {
	if e, ok := errors.AsType[*mysql.MySQLError](err); ok {
		return classifyServer(e)
	}
	if errors.Is(err, mysql.ErrPktTooLarge) {
		return sqlstore.ClassBadData
	}
	for _, lost := range [...]error{driver.ErrBadConn, mysql.ErrInvalidConn, mysql.ErrMalformPkt, mysql.ErrPktSync,
		mysql.ErrPktSyncMul, mysql.ErrBusyBuffer, io.EOF, io.ErrUnexpectedEOF, net.ErrClosed} {
		if errors.Is(err, lost) {
			return sqlstore.ClassTransient
		}
	}
	if _, ok := errors.AsType[net.Error](err); ok {
		return sqlstore.ClassTransient
	}
	return sqlstore.ClassOther
}

func classifyServer(e *mysql.MySQLError) sqlstore.Class {
	if e.Number == erUnknown {
		if strings.Contains(e.Message, "max_long_data_size") || strings.Contains(e.Message, "max_allowed_packet") {
			return sqlstore.ClassBadData
		}
		return sqlstore.ClassTransient
	}
	if c, ok := numbers[e.Number]; ok {
		return c
	}
	// Classes of SQLSTATE: connection exception, transaction rollback, data
	// exception.
	switch string(e.SQLState[:2]) {
	case "08", "40":
		return sqlstore.ClassTransient
	case "22":
		return sqlstore.ClassBadData
	}
	return sqlstore.ClassOther
}
