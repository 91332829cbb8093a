package importer

import (
	"context"
	"database/sql"
	"time"

	"github.com/corrillo/corrillo/repo"
	"github.com/corrillo/corrillo/wire"
)

// Store is what the import writes to.
type Store interface {
	repo.Store
	// FindMessages gives those of ids that are stored, by id.
	FindMessages(ctx context.Context, ids []string) (map[string]repo.Message, error)
}

// Options says what is imported, and how.
type Options struct {
	// Source is a pool on the app's database, for reading alone.
	Source *sql.DB
	// Store takes the messages. It has been migrated, unless DryRun is set;
	// then it may be nil, which is an empty one.
	Store Store
	// Hash is what the server compares a repeat of a message with.
	Hash func(*wire.SendMessage) [32]byte

	// Table is the app's table of messages. Columns maps fields (Fields, or
	// fields.NAME) to its columns; those not named are found by their usual
	// names, and an empty column leaves a field out.
	Table   string
	Columns map[string]string
	// Where is an SQL condition on rows of Table that are to be imported.
	Where string
	// Participants is the app's table of who takes part; empty for none.
	Participants        string
	ParticipantsColumns map[string]string
	// Users is the app's table of names; empty for none.
	Users        string
	UsersColumns map[string]string
	// Zone is what DATETIME columns are in; UTC when nil.
	Zone *time.Location

	// Batch is how many rows are saved in one transaction; 2,000 when 0.
	Batch int
	// DryRun writes nothing.
	DryRun bool
	// State is the file that keeps how far the import is; empty for none.
	// Name tells this import's file from another's: where from and where to.
	State, Name string
	// Patience is how long a store that is away is waited for; a minute
	// when 0.
	Patience time.Duration

	// Progress, when set, is called after each batch by the goroutine of Run.
	Progress func(Progress)
	// Refused, when set, is called for each row that is not taken.
	Refused func(Refusal)
	// Note, when set, hears sentences about what was found and decided.
	Note func(sentence string)
}

const (
	defaultBatch    = 2000
	defaultPatience = time.Minute
)

func (o *Options) setDefaults() {
	if o.Batch <= 0 {
		o.Batch = defaultBatch
	}
	if o.Patience <= 0 {
		o.Patience = defaultPatience
	}
	if o.Zone == nil {
		o.Zone = time.UTC
	}
	if o.Progress == nil {
		o.Progress = func(Progress) {}
	}
	if o.Refused == nil {
		o.Refused = func(Refusal) {}
	}
	if o.Note == nil {
		o.Note = func(string) {}
	}
}

// Progress is how far a phase is.
type Progress struct {
	Phase string // "messages" or "participants"
	Done  int64  // rows, those of earlier runs included
	Total int64  // rows that there were at the start
}

// Refusal is a row that cannot be taken.
type Refusal struct {
	Table string
	ID    string // of the row
	// Reason begins with the field at fault, where there is one. It never
	// repeats a message's text.
	Reason string
}

// Report is what came of an import, from its first run on.
type Report struct {
	Read          int64 // rows of messages
	Imported      int64 // that are new
	Already       int64 // that were there
	Changed       int64 // edits and deletions made to messages that were there
	Refused       int64 // rows of any table
	Conversations int64 // that were made
	Participants  int64 // rows of the app's table that were taken
	Resumed       bool  // an earlier run was taken up
	Finished      bool
}
