package importer

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"slices"
	"strings"
)

// table is what the database says of one of the app's tables.
type table struct {
	name    string
	columns []column
	// unique has the column lists of unique keys, in lower case.
	unique [][]string
}

// column is one column of it.
type column struct {
	name     string
	dataType string // lower case: varchar, datetime, ...
	nullable bool
}

// kinds of columns by their type.
var (
	textTypes  = []string{"char", "varchar", "tinytext", "text", "mediumtext", "longtext", "enum", "uuid", "inet4", "inet6"}
	wholeTypes = []string{"tinyint", "smallint", "mediumint", "int", "bigint"}
	timeTypes  = []string{"datetime", "timestamp"}
)

func (c *column) isText() bool  { return slices.Contains(textTypes, c.dataType) }
func (c *column) isWhole() bool { return slices.Contains(wholeTypes, c.dataType) }
func (c *column) isTime() bool  { return slices.Contains(timeTypes, c.dataType) }

// fits reports whether the column can hold what a field is.
func (c *column) fits(f form) bool {
	switch f {
	case formID:
		return c.isText() || c.isWhole()
	case formText:
		return c.isText()
	case formTime:
		return c.isTime() || c.dataType == "bigint" || c.dataType == "int"
	case formFlag:
		return c.isWhole() || c.dataType == "bit"
	case formJSON:
		return c.isText() || c.dataType == "json" || c.isWhole()
	default:
		return c.isText() || c.isWhole() || c.isTime() || slices.Contains([]string{"json", "float", "double", "decimal", "date"}, c.dataType)
	}
}

func (t *table) named(name string) *column {
	for i := range t.columns {
		if strings.EqualFold(t.columns[i].name, name) {
			return &t.columns[i]
		}
	}
	return nil
}

// usual finds the first of names that there is a column for.
func (t *table) usual(names []string) *column {
	for _, name := range names {
		for i := range t.columns {
			if plain(t.columns[i].name) == plain(name) {
				return &t.columns[i]
			}
		}
	}
	return nil
}

func (t *table) list() string {
	names := make([]string, len(t.columns))
	for i := range t.columns {
		names[i] = t.columns[i].name
	}
	return strings.Join(names, ", ")
}

// hasUnique reports whether no two rows can agree in these columns.
func (t *table) hasUnique(columns ...string) bool {
	return slices.ContainsFunc(t.unique, func(key []string) bool {
		return !slices.ContainsFunc(key, func(part string) bool {
			return !slices.ContainsFunc(columns, func(c string) bool { return strings.EqualFold(c, part) })
		})
	})
}

// quote writes a name into SQL.
func quote(name string) string { return "`" + strings.ReplaceAll(name, "`", "``") + "`" }

// readTable asks information_schema. flag is for the error when there is no
// such table.
func readTable(ctx context.Context, db *sql.DB, name, flag string) (*table, error) {
	t := &table{}
	err := db.QueryRowContext(ctx, `SELECT TABLE_NAME FROM information_schema.TABLES
		WHERE TABLE_SCHEMA = DATABASE() AND LOWER(TABLE_NAME) = LOWER(?) ORDER BY TABLE_NAME = BINARY ? DESC LIMIT 1`, name, name).Scan(&t.name)
	if errors.Is(err, sql.ErrNoRows) {
		return nil, noTable(ctx, db, name, flag)
	}
	if err != nil {
		return nil, fmt.Errorf("look for table %s: %w", name, err)
	}
	if err := t.readColumns(ctx, db); err != nil {
		return nil, fmt.Errorf("read the columns of %s: %w", t.name, err)
	}
	if err := t.readKeys(ctx, db); err != nil {
		return nil, fmt.Errorf("read the keys of %s: %w", t.name, err)
	}
	return t, nil
}

func (t *table) readColumns(ctx context.Context, db *sql.DB) error {
	return each(ctx, db, func(rows *sql.Rows) error {
		var c column
		if err := rows.Scan(&c.name, &c.dataType, &c.nullable); err != nil {
			return err
		}
		t.columns = append(t.columns, c)
		return nil
	}, `SELECT COLUMN_NAME, LOWER(DATA_TYPE), IS_NULLABLE = 'YES' FROM information_schema.COLUMNS
		WHERE TABLE_SCHEMA = DATABASE() AND TABLE_NAME = ? ORDER BY ORDINAL_POSITION`, t.name)
}

// readKeys: a key over a NULL is none, since many rows may have it.
func (t *table) readKeys(ctx context.Context, db *sql.DB) error {
	last := ""
	return each(ctx, db, func(rows *sql.Rows) error {
		var key, part string
		if err := rows.Scan(&key, &part); err != nil {
			return err
		}
		if key != last || len(t.unique) == 0 {
			t.unique, last = append(t.unique, nil), key
		}
		n := len(t.unique) - 1
		t.unique[n] = append(t.unique[n], part)
		return nil
	}, `SELECT INDEX_NAME, LOWER(COLUMN_NAME) FROM information_schema.STATISTICS
		WHERE TABLE_SCHEMA = DATABASE() AND TABLE_NAME = ? AND NON_UNIQUE = 0 ORDER BY INDEX_NAME, SEQ_IN_INDEX`, t.name)
}

// noTable says which tables there are instead.
func noTable(ctx context.Context, db *sql.DB, name, flag string) error {
	var database sql.NullString
	var names []string
	if err := db.QueryRowContext(ctx, "SELECT DATABASE()").Scan(&database); err != nil {
		return err
	}
	err := each(ctx, db, func(rows *sql.Rows) error {
		var s string
		err := rows.Scan(&s)
		names = append(names, s)
		return err
	}, "SELECT TABLE_NAME FROM information_schema.TABLES WHERE TABLE_SCHEMA = DATABASE() ORDER BY TABLE_NAME LIMIT 40")
	if err != nil {
		return err
	}
	if len(names) == 0 {
		return fmt.Errorf("%s %s: database %s has no tables at all; --from-url names another one", flag, name, database.String)
	}
	return fmt.Errorf("%s %s: database %s has no such table; it has %s", flag, name, database.String, strings.Join(names, ", "))
}

// each runs a SELECT and calls f for every row.
func each(ctx context.Context, db *sql.DB, f func(rows *sql.Rows) error, text string, args ...any) error {
	rows, err := db.QueryContext(ctx, text, args...)
	if err != nil {
		return err
	}
	defer func() { _ = rows.Close() }() // Err has said what went wrong
	for rows.Next() {
		if err := f(rows); err != nil {
			return err
		}
	}
	return rows.Err()
}
