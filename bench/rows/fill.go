package rows

import (
	"bytes"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io"
	"strings"

	driver "github.com/go-sql-driver/mysql"
)

// Filling says which conversations Fill makes: Prefix with the numbers From to
// To-1 behind it, with Messages messages each.
type Filling struct {
	Prefix   string
	From, To int
	Messages int
	Content  string // without quotes and backslashes
}

const (
	messageColumns = `corrillo_message (conversationId, seq, rev, id, senderId, senderName, content, type, hash, createdAt)`
	filledAt       = `2024-02-29 12:00:00.000`
	rowsPerInsert  = 2000 // within SQLite's bounds
)

// Fill writes messages into the tables in bulk, past the server, which must
// not know these conversations yet.
func Fill(ctx context.Context, where string, f Filling) (err error) {
	if strings.ContainsAny(f.Content+f.Prefix, `'\`) {
		return errors.New("the filling has a quote or a backslash in it")
	}
	db, err := open(where, false)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	write := insert
	if !isSQLite(where) {
		write = loadData
	}
	for i := f.From; i < f.To; i++ {
		if err := f.conversation(ctx, db, i, write); err != nil {
			return fmt.Errorf("fill conversation %d: %w", i, err)
		}
	}
	return nil
}

// writer writes a conversation's messages within a transaction.
type writer func(ctx context.Context, tx *sql.Tx, f *Filling, i int) error

func (f *Filling) conversation(ctx context.Context, db *sql.DB, i int, write writer) error {
	tx, err := db.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	defer func() { _ = tx.Rollback() }() // nothing is left to roll back after Commit
	const insert = `INSERT INTO corrillo_conversation (id, epoch, lastSeq, lastRev, lastActivityAt) VALUES (?, 1, ?, 0, '` + filledAt + `')`
	if _, err := tx.ExecContext(ctx, insert, fmt.Sprint(f.Prefix, i), f.Messages); err != nil {
		return err
	}
	if err := write(ctx, tx, f, i); err != nil {
		return err
	}
	return tx.Commit()
}

// row appends one message. Ids rise, as real ones do, so that their index
// grows at its end. The hash is no true one: nothing repeats these messages.
func (f *Filling) row(dst []byte, format string, i, seq int) []byte {
	user := fmt.Sprint("u", seq%10)
	return fmt.Appendf(dst, format, f.Prefix, i, seq, f.Prefix, i, seq, user, user, f.Content, seq, filledAt)
}

// insert is for SQLite.
func insert(ctx context.Context, tx *sql.Tx, f *Filling, i int) error {
	for seq := 1; seq <= f.Messages; {
		text := []byte("INSERT INTO " + messageColumns + " VALUES ")
		for n := 0; n < rowsPerInsert && seq <= f.Messages; n++ {
			if n > 0 {
				text = append(text, ',')
			}
			text = f.row(text, `('%s%d',%d,0,'%s%08d-%08d','%s','%s','%s','text',X'%064x','%s')`, i, seq)
			seq++
		}
		if _, err := tx.ExecContext(ctx, string(text)); err != nil {
			return err
		}
	}
	return nil
}

// loadData is for MySQL, where it takes half the time of INSERT.
func loadData(ctx context.Context, tx *sql.Tx, f *Filling, i int) error {
	var text []byte
	for seq := 1; seq <= f.Messages; seq++ {
		text = f.row(text, "%s%d\t%d\t0\t%s%08d-%08d\t%s\t%s\t%s\ttext\t%032d\t%s\n", i, seq)
	}
	name := fmt.Sprint("fill-", f.Prefix, i)
	driver.RegisterReaderHandler(name, func() io.Reader { return bytes.NewReader(text) })
	defer driver.DeregisterReaderHandler(name)
	_, err := tx.ExecContext(ctx, "LOAD DATA LOCAL INFILE 'Reader::"+name+"' INTO TABLE "+messageColumns)
	return err
}
