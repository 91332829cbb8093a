package repo

import (
	"context"
	"errors"
	"time"
)

var (
	// ErrFenced says that another activation of the conversation has raised its epoch.
	ErrFenced = errors.New("conversation is fenced by a newer activation")
	// ErrUnavailable says that the store is away, or too busy, or gave no
	// answer; the same call may succeed later.
	ErrUnavailable = errors.New("store is unavailable")
	// ErrRefused says that the database does not let this process in as it is set
	// up: another password, no such database, TLS that both do not have. It is an
	// ErrUnavailable too, since somebody may mend it there; by itself it does not
	// pass.
	ErrRefused error = refusedError{}
	// ErrNotFound says that there is no such row.
	ErrNotFound = errors.New("not found")
	// ErrInvalidCursor says that Conversations never gave this cursor.
	ErrInvalidCursor = errors.New("invalid cursor")
)

type refusedError struct{}

// Error implements error.
func (refusedError) Error() string { return "the database refuses this server" }

// Is makes it an ErrUnavailable.
func (refusedError) Is(target error) bool { return target == ErrUnavailable } //nolint:errorlint // it is that one

// Store keeps conversations, messages and participants. Implementations are
// safe for concurrent use. Every error that a later try may cure wraps
// ErrUnavailable. Contexts are honoured; a Save whose context ends reports
// ErrUnavailable for the groups whose outcome is not known.
type Store interface {
	// Activate raises the conversation's epoch and reads its state in one
	// transaction. A conversation without a row gives Epoch 0 and is not
	// created.
	Activate(ctx context.Context, conversationID string) (Activation, error)

	// Save commits many conversations' groups, in one transaction or, where the
	// store is told so, each in one of its own, and returns one result per
	// group, in the same order. It never writes half a group.
	// Repeats, conflicts, fenced groups and rows that the database refuses
	// are isolated: they get their own outcome and the rest is written. When the
	// messages that a transaction changes have more than PageBytes together, the
	// changes behind that are OutcomeLater, but for the first one of each group. The
	// same conversation must not appear twice. A connection lost in the
	// middle is resolved inside by looking the rows up, until ctx ends.
	Save(ctx context.Context, groups []Group) []GroupResult

	// Messages returns a page ascending by seq: those with afterSeq < seq <
	// beforeSeq, the first limit of them when fromOldest, else the last; fewer
	// where they would be more than PageBytes, but one in any case. more reports
	// that the page left some out. Bounds of 0 and math.MaxInt64 are open.
	// Tombstones are included.
	Messages(ctx context.Context, q MessageQuery) (page []Message, more bool, err error)

	// Changes returns messages with afterRev < rev <= throughRev, ascending
	// by rev, at most limit and PageBytes.
	Changes(ctx context.Context, conversationID string, afterRev, throughRev int64, limit int) (page []Message, more bool, err error)

	// FindMessage finds a message by its id, or ErrNotFound.
	FindMessage(ctx context.Context, id string) (Message, error)

	// Conversations lists a user's conversations, newest activity first, at most
	// limit, and fewer where their last messages would be more than PageBytes.
	// cursor is empty for the first page; next is empty after the last.
	Conversations(ctx context.Context, userID, cursor string, limit int) (page []ConversationSummary, next string, err error)

	// Members returns the participants who are not removed, ascending by user
	// id in byte order: the first limit of those behind afterUserID, which is
	// empty for the first page. more reports that the page left some out.
	Members(ctx context.Context, conversationID, afterUserID string, limit int) (page []Participant, more bool, err error)

	// SharedUsers returns those of userIDs who are participants of some
	// conversation that userID is a participant of.
	SharedUsers(ctx context.Context, userID string, userIDs []string) ([]string, error)

	// TouchUsers raises the users' last-seen times.
	TouchUsers(ctx context.Context, seen map[string]time.Time) error

	// LastSeen returns the known last-seen times of userIDs.
	LastSeen(ctx context.Context, userIDs []string) (map[string]time.Time, error)

	// QueryMembership runs the operator's authz.query (a SELECT with :userId
	// and :conversationId) and reports whether it returned a row.
	QueryMembership(ctx context.Context, userID, conversationID string) (bool, error)

	// Ping reports whether the store answers.
	Ping(ctx context.Context) error

	// Migrate brings the schema up to date under a lock that several
	// processes may contend for.
	Migrate(ctx context.Context) error

	// Stats returns counters since the start.
	Stats() Stats

	// Close releases all connections.
	Close() error
}

// PageBytes bounds the messages of a page: 4 MiB. A page has one message at the
// least.
const PageBytes = 4 << 20

// MessageQuery selects a page of one conversation.
type MessageQuery struct {
	ConversationID string
	AfterSeq       int64 // exclusive; 0: from the first
	BeforeSeq      int64 // exclusive; 0: to the last
	FromOldest     bool
	Limit          int
	// AtLeast, when set, lets a read replica answer that is as far as this, or
	// farther; the page then ends there. nil: what is committed now is wanted,
	// from where it was written.
	AtLeast *Position
}

// Position is how far a conversation is: what its row says. The epoch is
// always that of the one who asks.
type Position struct{ Epoch, LastSeq, LastRev int64 }

// Stats counts what a store did since it was opened.
type Stats struct {
	Transactions  int64 // committed
	Rows          int64 // messages written
	Retries       int64 // transactions that were sent again
	InDoubt       int64 // commits whose outcome had to be looked up
	Repeats       int64 // messages that were there already
	Rejected      int64 // rows that failed alone
	Fenced        int64 // groups that met a newer epoch
	Mirrored      int64 // messages written to the app's own table, those of transactions that failed later included
	MirrorRefused int64 // messages, changes and marks that the app's own table refused
	MirrorFailed  int64 // transactions that failed because the app's own table could not be written at all
	MarksCut      int64 // read marks that passed more messages than the app's own table is told of
	PagesCut      int64 // pages that ended at PageBytes
	ReplicaReads  int64 // pages that the read replica gave
	ReplicaBehind int64 // pages that it did not have all of yet
	ReplicaAway   int64 // pages for which it did not answer, or was not asked because it had not
	OpenConns     int
	InUse         int
}
