package mysql

import (
	"database/sql/driver"
	"errors"
	"fmt"
	"io"
	"net"
	"testing"

	"github.com/go-sql-driver/mysql"

	"github.com/corrillo/corrillo/repo/sqlstore"
)

func TestClassify(t *testing.T) {
	server := func(number uint16, state, message string) error {
		e := &mysql.MySQLError{Number: number, Message: message}
		copy(e.SQLState[:], state)
		return e
	}
	cases := []struct {
		name string
		err  error
		want sqlstore.Class
	}{
		{"deadlock", server(1213, "40001", ""), sqlstore.ClassTransient},
		{"lock wait", server(1205, "HY000", ""), sqlstore.ClassTransient},
		{"read-only", server(1290, "HY000", ""), sqlstore.ClassTransient},
		{"read-only transaction", server(1792, "25006", ""), sqlstore.ClassTransient},
		{"read-only mode", server(1836, "HY000", ""), sqlstore.ClassTransient},
		{"too many connections", server(1040, "08004", ""), sqlstore.ClassTransient},
		{"shutdown", server(1053, "08S01", ""), sqlstore.ClassTransient},
		{"unknown number, connection state", server(65000, "08001", ""), sqlstore.ClassTransient},
		{"Vitess: no primary", server(1105, "HY000", "target: ks.0.primary: no healthy tablet"), sqlstore.ClassTransient},
		{"duplicate", server(1062, "23000", ""), sqlstore.ClassDuplicate},
		{"too long", server(1406, "22001", ""), sqlstore.ClassBadData},
		{"bad string", server(1366, "22007", ""), sqlstore.ClassBadData},
		{"parameter too long", server(1105, "HY000", "longer than 'max_allowed_packet' bytes"), sqlstore.ClassBadData},
		{"unknown number, data state", server(65000, "22000", ""), sqlstore.ClassBadData},
		{"too large for the server", mysql.ErrPktTooLarge, sqlstore.ClassBadData},
		{"no such table", server(1146, "42S02", ""), sqlstore.ClassOther},
		{"access denied", server(1045, "28000", ""), sqlstore.ClassOther},
		{"bad connection", driver.ErrBadConn, sqlstore.ClassTransient},
		{"invalid connection", mysql.ErrInvalidConn, sqlstore.ClassTransient},
		{"end of stream", io.ErrUnexpectedEOF, sqlstore.ClassTransient},
		{"network", &net.OpError{Op: "dial", Err: errors.New("refused")}, sqlstore.ClassTransient},
		{"something else", errors.New("x"), sqlstore.ClassOther},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			for _, err := range []error{c.err, fmt.Errorf("wrapped: %w", c.err), errors.Join(c.err, driver.ErrSkip)} {
				if got := classify(err); got != c.want {
					t.Errorf("classify(%v) = %v, want %v", err, got, c.want)
				}
			}
		})
	}
}
