package mysql

import (
	"context"
	"database/sql"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/corrillo/corrillo/repo"
)

// promise is a variable of the server, what it must be for an ack to mean
// what docs/GUARANTEES.md says, and what is lost when it is something else.
// Names and values are those of the manuals of MySQL 8 and MariaDB 10.11.
type promise struct {
	name string
	kept func(value string) bool
	// when, if set, tells from the other variables whether it matters.
	when func(all map[string]string) bool
	// want and loss complete "NAME is VALUE: ..."
	want, loss string
}

// promises in the order in which they are told.
var promises = []promise{
	{
		name: "innodb_flush_log_at_trx_commit", kept: is("1"), want: "1",
		loss: "a machine that stops loses the last second of acked messages (with 0, so does a server that is killed)",
	},
	{
		name: "sync_binlog", kept: is("1"), when: logsBinary, want: "1",
		loss: "a machine that stops loses acked messages from the binary log, and what follows it (a replica, a point-in-time restore) goes without them",
	},
	{
		name: "innodb_doublewrite", kept: isNot("OFF", "0", "DETECT_ONLY"), want: "ON",
		loss: "a page that was half written when the machine stopped cannot be mended, unless the file system writes pages whole",
	},
	{
		name: "innodb_flush_method", kept: isNot("nosync"), want: "fsync or O_DIRECT",
		loss: "nothing is synced to the disk",
	},
	{
		name: "innodb_force_recovery", kept: is("0"), want: "0",
		loss: "the server is in rescue mode and refuses writes, or takes them at the data's risk",
	},
	{
		name: "read_only", kept: isNot("ON", "1"), want: "OFF",
		loss: "the server takes no writes (a replica?): every message is refused as unavailable until it does",
	},
	{
		name: "max_allowed_packet", kept: atLeast(leastPacket), want: "16777216 or more",
		loss: "a large message is refused, whatever limits.payload says",
	},
}

// leastPacket takes the largest transaction that is sent at once, escaped.
const leastPacket = 4<<20 + 64<<10

func is(want string) func(string) bool {
	return func(value string) bool { return strings.EqualFold(value, want) }
}

func isNot(unwanted ...string) func(string) bool {
	return func(value string) bool {
		return !slices.ContainsFunc(unwanted, func(u string) bool { return strings.EqualFold(value, u) })
	}
}

func atLeast(want int64) func(string) bool {
	return func(value string) bool {
		n, err := strconv.ParseInt(value, 10, 64)
		return err != nil || n >= want
	}
}

func logsBinary(all map[string]string) bool { return isNot("OFF", "0", "")(all["log_bin"]) }

// Weaknesses asks the server for the settings on which durability rests, and
// returns a sentence for each one that breaks the promise that an acked
// message is stored: "sync_binlog is 0: ... Set it to 1." The order is fixed;
// nil means none. A variable that the server does not know is left out: only
// MySQL and MariaDB have all of them.
func (s *Store) Weaknesses(ctx context.Context) ([]string, error) {
	all, err := s.variables(ctx)
	if refused(err) {
		return nil, fmt.Errorf("ask for the settings of durability: %w: %w", repo.ErrRefused, err)
	}
	if err != nil {
		return nil, fmt.Errorf("ask for the settings of durability: %w", err)
	}
	return weaknesses(all), nil
}

func weaknesses(all map[string]string) (found []string) {
	for i := range promises {
		p := &promises[i]
		value, known := all[p.name]
		if !known || p.kept(value) || p.when != nil && !p.when(all) {
			continue
		}
		found = append(found, fmt.Sprintf("%s is %s: %s. Set it to %s.", p.name, value, p.loss, p.want))
	}
	return found
}

// variables reads the global variables that promises name, and log_bin.
func (s *Store) variables(ctx context.Context) (map[string]string, error) {
	names := []any{"log_bin"}
	for i := range promises {
		names = append(names, promises[i].name)
	}
	query := "SHOW GLOBAL VARIABLES WHERE Variable_name IN (?" + strings.Repeat(", ?", len(names)-1) + ")" //nolint:gosec // placeholders
	rows, err := s.db.QueryContext(ctx, query, names...)
	if err != nil {
		return nil, err
	}
	defer func() { _ = rows.Close() }() // rows.Err has told
	all := map[string]string{}
	for rows.Next() {
		var name string
		var value sql.NullString
		if err := rows.Scan(&name, &value); err != nil {
			return nil, err
		}
		all[name] = value.String
	}
	return all, rows.Err()
}
