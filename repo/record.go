package repo

import "time"

// Message is one row of the message table.
type Message struct {
	ConversationID string
	Seq            int64 // 1, 2, 3... per conversation
	Rev            int64 // 0 until edited or deleted
	ID             string
	SenderID       string
	SenderName     string
	ReceiverID     string // the other person of a direct message, or passed along
	TempID         string // empty: none (NULL in the table)
	Content        string
	Type           string
	Metadata       []byte // JSON or nil
	ReplyTo        []byte // JSON or nil
	Extra          []byte // inside of a JSON object or nil
	// Hash is SHA-256 of the original content, type, metadata, replyTo and
	// extra: what a repeat of the tempId or id is compared with.
	Hash      [32]byte
	CreatedAt time.Time // UTC, milliseconds
	EditedAt  time.Time // zero: never
	DeletedAt time.Time // zero: not deleted
	DeletedBy string
	// Mirrored says, of a message to be saved, that the app's own table has
	// it already: a mirror does not insert it there. It is not stored.
	Mirrored bool
}

// Participant is one row of the participant table.
type Participant struct {
	ConversationID string
	UserID         string
	// PeerID is the other person when the conversation is direct.
	PeerID      string
	Role        string // "member" (default), "moderator", "owner", RoleClaimed
	LastReadSeq int64
	RemovedAt   time.Time // zero: a participant now
}

// RoleClaimed is the role of those whom only their token's claim let in. Their
// row keeps the read mark; it does not outlive the claim as a membership.
const RoleClaimed = "claimed"

// Activation is what a conversation actor starts from.
type Activation struct {
	// Epoch fences every later Save of this activation. 0: there is no row
	// yet, and the first Save creates it.
	Epoch          int64
	LastSeq        int64
	LastRev        int64
	LastActivityAt time.Time
	// Participants includes those removed: an old token's claim must not
	// bring them back.
	Participants []Participant
}

// ChangeKind says what a Change does.
type ChangeKind uint8

// The kinds of Change.
const (
	ChangeEdit ChangeKind = iota
	ChangeDelete
)

// Change edits or deletes a stored message.
type Change struct {
	Kind      ChangeKind
	MessageID string
	Content   string // new content, ChangeEdit only
	By        string // who asked
	At        time.Time
	// OnlySender refuses the change unless By wrote the message.
	OnlySender bool
}

// ParticipantChange inserts or updates one participant. The fields that are
// not set leave what is stored.
type ParticipantChange struct {
	UserID string
	PeerID string
	// Role, when set, is stored; a new row without one gets "member".
	// RoleClaimed rows keep a read mark and are no membership.
	Role string
	// ReadSeq raises the read mark to at least this; 0 leaves it. A mark
	// never moves back.
	ReadSeq int64
	// Restore clears RemovedAt (an explicit add).
	Restore bool
	// Remove sets RemovedAt to At, also where no row was.
	Remove bool
	At     time.Time
}

// Group is what one conversation wants saved in one transaction, in this
// order: messages, changes, participants. The store numbers the messages from
// LastSeq+1 and the changes from LastRev+1 when it builds the statements, so
// that a row which fails alone leaves no hole.
type Group struct {
	ConversationID string
	// Serial tells this group from others of the conversation, also of its
	// earlier lives; the store does not look at it.
	Serial       uint64
	Epoch        int64 // of the activation; 0: create the row (epoch 1)
	LastSeq      int64 // the last committed seq that this activation knows
	LastRev      int64
	Messages     []Message // Seq is ignored
	Changes      []Change
	Participants []ParticipantChange
}

// Size is about how many bytes the message takes.
func (m *Message) Size() int {
	return 400 + len(m.Content) + len(m.Metadata) + len(m.Extra) + len(m.ReplyTo)
}

// Size approximates the group's bytes in a statement, for caps.
func (g *Group) Size() int {
	n := 200 + 120*len(g.Participants)
	for i := range g.Messages {
		n += g.Messages[i].Size()
	}
	for i := range g.Changes {
		n += 200 + len(g.Changes[i].Content)
	}
	return n
}

// Outcome says what became of one message or change.
type Outcome uint8

// The outcomes.
const (
	OutcomeSaved    Outcome = iota // committed by this Save
	OutcomeRepeat                  // was there before; Stored is the first one
	OutcomeConflict                // its key is there with another content
	OutcomeRejected                // this row alone was refused by the database (Err says why)
	OutcomeNotFound                // a change's message does not exist
	OutcomeRefused                 // a change that OnlySender forbids, or of a tombstone
	OutcomeLater                   // a change that is left for the next group, as all behind it: the messages are too large for one transaction
)

// MessageResult is the outcome of one Group.Messages element. Stored is set
// for Saved and Repeat: it carries ID, Seq and CreatedAt as they are in the
// table.
type MessageResult struct {
	Outcome Outcome
	Stored  Message
	Err     error
}

// ChangeResult is the outcome of one Group.Changes element. Stored is the
// whole message after the change (Saved only). A delete of a tombstone is
// OutcomeRepeat with the tombstone as it is.
type ChangeResult struct {
	Outcome Outcome
	Stored  Message
	Err     error
}

// GroupResult is the outcome of one Group. When Err is nil, Messages and
// Changes parallel the group's and Epoch, LastSeq and LastRev are what is
// committed now. When Err is not nil nothing in the slices counts:
// ErrFenced means that another activation took over and nothing was written;
// ErrUnavailable (wrapped) that the outcome is unknown or the store is away:
// the conversation must activate again before it goes on.
type GroupResult struct {
	Epoch    int64
	LastSeq  int64
	LastRev  int64
	Messages []MessageResult
	Changes  []ChangeResult
	// MarksRefused has, by user, the read marks that were not moved because
	// the app's own table would not have it (a *Refusal). Everything else of
	// those participants is written. Usually nil.
	MarksRefused map[string]error
	Err          error
}

// Refusal is the Err of what failed alone because a table of the app's own did
// not take it.
type Refusal struct {
	// Sentence tells a client why, without values and without SQL.
	Sentence string
	Cause    error
}

// Error implements error.
func (r *Refusal) Error() string { return r.Sentence }

// Unwrap gives the database's error.
func (r *Refusal) Unwrap() error { return r.Cause }

// ConversationSummary is one line of a user's list of conversations.
type ConversationSummary struct {
	ConversationID string
	PeerID         string // direct conversations only
	LastSeq        int64
	ReadSeq        int64
	LastActivityAt time.Time
	LastMessage    *Message // nil when there is none
}
