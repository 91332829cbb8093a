package mysql

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strings"
)

// table is what the database says of the app's table.
type table struct {
	name    string
	view    bool
	engine  string
	columns []column
	// indexed has the columns that an index begins with, in lower case; true
	// for a unique one.
	indexed map[string]bool
	// refers has, by column in lower case, the table that a foreign key names.
	refers map[string]string
}

// column is one column of it.
type column struct {
	name      string
	dataType  string // lower case: varchar, datetime, ...
	fullType  string
	nullable  bool
	byDefault bool // gets a value by itself
	computed  bool
	length    int64 // in characters; 0: not text
	charset   string
	precision int64 // of the fraction of a second
}

func (t *table) column(name string) *column {
	for i := range t.columns {
		if strings.EqualFold(t.columns[i].name, name) {
			return &t.columns[i]
		}
	}
	return nil
}

// readTable asks information_schema. A nil table means that there is none of
// that name; like is then one that differs in case alone, if there is.
func readTable(ctx context.Context, db *sql.DB, name string) (t *table, like string, err error) {
	var kind string
	var engine sql.NullString
	t = &table{indexed: map[string]bool{}, refers: map[string]string{}}
	err = db.QueryRowContext(ctx, `SELECT TABLE_NAME, TABLE_TYPE, ENGINE FROM information_schema.TABLES
		WHERE TABLE_SCHEMA = DATABASE() AND TABLE_NAME = ?`, name).Scan(&t.name, &kind, &engine)
	if errors.Is(err, sql.ErrNoRows) {
		err = db.QueryRowContext(ctx, `SELECT TABLE_NAME FROM information_schema.TABLES
			WHERE TABLE_SCHEMA = DATABASE() AND LOWER(TABLE_NAME) = LOWER(?)`, name).Scan(&like)
		if errors.Is(err, sql.ErrNoRows) {
			err = nil
		}
		return nil, like, err
	}
	if err != nil {
		return nil, "", err
	}
	t.view, t.engine = kind == "VIEW", engine.String
	if err := t.readColumns(ctx, db); err != nil {
		return nil, "", fmt.Errorf("read the columns: %w", err)
	}
	err = each(ctx, db, `SELECT COLUMN_NAME, NON_UNIQUE FROM information_schema.STATISTICS
		WHERE TABLE_SCHEMA = DATABASE() AND TABLE_NAME = ? AND SEQ_IN_INDEX = 1`, t.name, func(rows *sql.Rows) error {
		var column sql.NullString // of an expression: none
		var many int64
		err := rows.Scan(&column, &many)
		key := strings.ToLower(column.String)
		t.indexed[key] = t.indexed[key] || many == 0
		return err
	})
	if err != nil {
		return nil, "", fmt.Errorf("read the indexes: %w", err)
	}
	err = each(ctx, db, `SELECT COLUMN_NAME, REFERENCED_TABLE_NAME FROM information_schema.KEY_COLUMN_USAGE
		WHERE TABLE_SCHEMA = DATABASE() AND TABLE_NAME = ? AND REFERENCED_TABLE_NAME IS NOT NULL`, t.name, func(rows *sql.Rows) error {
		var column, other string
		err := rows.Scan(&column, &other)
		t.refers[strings.ToLower(column)] = other
		return err
	})
	if err != nil {
		return nil, "", fmt.Errorf("read the foreign keys: %w", err)
	}
	return t, "", nil
}

func (t *table) readColumns(ctx context.Context, db *sql.DB) error {
	return each(ctx, db, `SELECT COLUMN_NAME, DATA_TYPE, COLUMN_TYPE, IS_NULLABLE, COLUMN_DEFAULT, EXTRA, CHARACTER_MAXIMUM_LENGTH,
			CHARACTER_SET_NAME, DATETIME_PRECISION, GENERATION_EXPRESSION FROM information_schema.COLUMNS
		WHERE TABLE_SCHEMA = DATABASE() AND TABLE_NAME = ? ORDER BY ORDINAL_POSITION`, t.name, func(rows *sql.Rows) error {
		var (
			c                                     column
			nullable                              string
			byDefault, extra, charset, generation sql.NullString
			length, precision                     sql.NullInt64
		)
		err := rows.Scan(&c.name, &c.dataType, &c.fullType, &nullable, &byDefault, &extra, &length, &charset, &precision, &generation)
		c.dataType, c.nullable = strings.ToLower(c.dataType), nullable == "YES"
		c.length, c.precision, c.charset = length.Int64, precision.Int64, charset.String
		c.computed = generation.String != ""
		// An ENUM that may not be NULL takes its first value by itself.
		c.byDefault = byDefault.Valid || c.computed || c.dataType == "enum" ||
			strings.Contains(strings.ToLower(extra.String), "auto_increment") || strings.Contains(extra.String, "DEFAULT_GENERATED")
		t.columns = append(t.columns, c)
		return err
	})
}

// each calls f for every row.
func each(ctx context.Context, db *sql.DB, query, arg string, f func(*sql.Rows) error) error {
	rows, err := db.QueryContext(ctx, query, arg)
	if err != nil {
		return err
	}
	defer func() { _ = rows.Close() }() // rows.Err has told
	for rows.Next() {
		if err := f(rows); err != nil {
			return err
		}
	}
	return rows.Err()
}
