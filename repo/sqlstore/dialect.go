package sqlstore

// Class says what an error of the database means for the one who asked.
type Class uint8

// The classes of errors.
const (
	// ClassOther is everything that another try would not cure: a missing
	// table, no permission.
	ClassOther Class = iota
	// ClassTransient may be cured by sending the transaction again:
	// deadlocks, lock waits, a server that goes down or is read-only, a
	// connection that was lost.
	ClassTransient
	// ClassDuplicate is a broken unique key.
	ClassDuplicate
	// ClassBadData means that a value of the statement does not fit its
	// column; the transaction is still open.
	ClassBadData
)

// String gives the class's name for logs and tests.
func (c Class) String() string {
	switch c {
	case ClassTransient:
		return "transient"
	case ClassDuplicate:
		return "duplicate"
	case ClassBadData:
		return "bad data"
	default:
		return "other"
	}
}

// Dialect is how a database differs from the others.
type Dialect struct {
	// Classify sorts an error of the driver. It is never asked about nil or
	// about the end of a context.
	Classify func(error) Class
	// Refused reports that the database did not let a connection in for what
	// is wrong with it: repo.ErrRefused. nil means never.
	Refused func(error) bool

	// Greatest is the name of the scalar maximum of two values.
	Greatest string
	// Upsert gives the end of an INSERT that updates the row with that key
	// instead, up to where the assignments start.
	Upsert func(key string) string
	// EachShard is what an INSERT says, before INTO, when its rows lie on many
	// shards and each may commit its own; usually empty.
	EachShard string
	// Inserted names, in such an assignment, the value that the INSERT had.
	Inserted func(column string) string
	// RowValues says that rows are best looked up with
	// (a, b) IN (VALUES (?, ?), ...); otherwise with a chain of OR, which
	// every MySQL turns into ranges of the key.
	RowValues bool
	// ChecksText says that the database itself refuses text that is not
	// valid UTF-8.
	ChecksText bool
	// BackslashEscapes says that a backslash escapes a quote in a string.
	BackslashEscapes bool

	// Together gives what stands around the statements of a transaction when
	// all of them go as one query, and false when they have to go one by one.
	// It is asked before each transaction; nil means never. A driver whose
	// connections are not a driver.ExecerContext is never asked for it.
	Together func() (Envelope, bool)
	// MaxTogether bounds the rows and keys of such a query. The round trips
	// that it saves are nothing beside what many rows take.
	MaxTogether int
	// Undone reports that an error of such a query leaves no doubt that
	// nothing of it was committed. Needed with Together.
	Undone func(error) bool

	// MaxRows bounds the rows of one INSERT.
	MaxRows int
	// MaxBytes bounds the values of one INSERT; a single row may be larger.
	MaxBytes int
	// MaxKeys bounds the keys of one lookup or fence.
	MaxKeys int
}
