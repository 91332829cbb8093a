package sqlstore

import (
	"database/sql"
	"fmt"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/corrillo/corrillo/repo"
)

// timeLayout is how times are written: UTC and milliseconds, as a DATETIME(3)
// literal of MySQL and as text that sorts in SQLite.
const timeLayout = "2006-01-02 15:04:05.000"

// maxIDRunes is the width of the id columns in characters.
const maxIDRunes = 191

// stamp writes a time for the database, cut (not rounded) to milliseconds.
func stamp(t time.Time) string { return t.UTC().Format(timeLayout) }

// stampOrNull writes NULL for the zero time.
func stampOrNull(t time.Time) any {
	if t.IsZero() {
		return nil
	}
	return stamp(t)
}

// stored is a time as it comes back from the database.
func stored(t time.Time) time.Time {
	if t.IsZero() {
		return t
	}
	return t.UTC().Truncate(time.Millisecond)
}

// timeValue reads a time, or NULL as the zero time, whatever the driver makes
// of the column.
type timeValue struct{ time.Time }

// Scan implements sql.Scanner.
func (v *timeValue) Scan(src any) error {
	switch x := src.(type) {
	case nil:
		v.Time = time.Time{}
		return nil
	case time.Time:
		v.Time = x.UTC()
		return nil
	case []byte:
		return v.parse(string(x))
	case string:
		return v.parse(x)
	}
	return fmt.Errorf("a time came as %T", src)
}

func (v *timeValue) parse(s string) error {
	t, err := time.Parse(timeLayout, s)
	if err != nil {
		return fmt.Errorf("read a time: %w", err)
	}
	v.Time = t
	return nil
}

// orNull writes NULL for the empty string.
func orNull(s string) any {
	if s == "" {
		return nil
	}
	return s
}

// textOrNull writes bytes as text, NULL when there are none.
func textOrNull(b []byte) any {
	if len(b) == 0 {
		return nil
	}
	return string(b)
}

// validID reports whether an id can stand in the tables as itself: MySQL
// compares VARCHARs as if they had no trailing spaces, and one that ends in a
// space would meet another's row.
func validID(id string) bool {
	return id != "" && !strings.HasSuffix(id, " ") && utf8.ValidString(id) &&
		(len(id) <= maxIDRunes || utf8.RuneCountInString(id) <= maxIDRunes)
}

type scanner interface{ Scan(dest ...any) error }

// scanMessage reads messageColumns.
func scanMessage(row scanner, m *repo.Message) error {
	var (
		receiverID, tempID, deletedBy  sql.NullString
		createdAt, editedAt, deletedAt timeValue
		hash                           []byte
	)
	err := row.Scan(&m.ConversationID, &m.Seq, &m.Rev, &m.ID, &m.SenderID, &m.SenderName, &receiverID, &tempID,
		&m.Content, &m.Type, &m.Metadata, &m.ReplyTo, &m.Extra, &hash, &createdAt, &editedAt, &deletedAt, &deletedBy)
	if err != nil {
		return err
	}
	if copy(m.Hash[:], hash) != len(m.Hash) {
		return fmt.Errorf("message %q has a hash of %d bytes", m.ID, len(hash))
	}
	m.ReceiverID, m.TempID, m.DeletedBy = receiverID.String, tempID.String, deletedBy.String
	m.CreatedAt, m.EditedAt, m.DeletedAt = createdAt.Time, editedAt.Time, deletedAt.Time
	return nil
}

// appendMessages reads all rows and closes them.
func appendMessages(dst []repo.Message, rows *sql.Rows) ([]repo.Message, error) {
	for rows.Next() {
		var m repo.Message
		if err := scanMessage(rows, &m); err != nil {
			return dst, closeAfter(rows, err)
		}
		dst = append(dst, m)
	}
	return dst, closeAfter(rows, nil)
}

// closeAfter closes rows and returns the first error of all.
func closeAfter(rows *sql.Rows, err error) error {
	closeErr := rows.Close()
	if err == nil {
		err = rows.Err()
	}
	if err == nil {
		err = closeErr
	}
	return err
}
