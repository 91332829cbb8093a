package message

import (
	"time"

	"github.com/corrillo/corrillo/repo"
	"github.com/corrillo/corrillo/wire"
)

// Commands to a conversation. Each is answered by exactly one Reply to its
// Origin, unless it says otherwise.

// PostMessage asks for a message to be saved and delivered. Message is
// complete but for Seq: ID (UUIDv7, or the back end's own), Hash and CreatedAt
// are set by whoever sends the command.
type PostMessage struct {
	Origin  Origin
	Message repo.Message
}

// Join subscribes a session. AfterSeq and AfterRev are -1 when not given.
type Join struct {
	Origin   Origin
	AfterSeq int64
	AfterRev int64
}

// Leave ends a session's subscription.
type Leave struct{ Origin Origin }

// SetTyping says that the user types, or stopped.
type SetTyping struct {
	Origin   Origin
	IsTyping bool
}

// MarkRead raises the user's read mark to a message, named by MessageID or,
// when that is empty, by Seq.
type MarkRead struct {
	Origin    Origin
	MessageID string
	Seq       int64
}

// EditMessage replaces a message's content.
type EditMessage struct {
	Origin    Origin
	MessageID string
	Content   string
	At        time.Time
}

// DeleteMessage makes a message a tombstone.
type DeleteMessage struct {
	Origin    Origin
	MessageID string
	At        time.Time
}

// GetHistory asks for a page; bounds of -1 are open.
type GetHistory struct {
	Origin    Origin
	BeforeSeq int64
	AfterSeq  int64
	Limit     int
}

// GetMembers asks for a page of the participants. Cursor is empty or comes from an
// earlier page.
type GetMembers struct {
	Origin Origin
	Limit  int
	Cursor string
}

// PassEvent relays an event without storing it: a client's passthrough event to the
// other sessions that have joined, or an event that the back end emits to all.
type PassEvent struct {
	Origin Origin
	Event  string
	Data   []byte // JSON, senderId already set
}

// ChangeMembership adds and removes participants; the back end's only.
type ChangeMembership struct {
	Origin Origin
	Add    []string
	Remove []string
	At     time.Time
}

// Events that a conversation hears. None is answered.

// SessionClosed says that a session that had joined is gone for good. With Join
// set it says only that its join of that Serial has failed: a later join of the same
// session still counts.
type SessionClosed struct {
	Session SessionRef
	Join    uint64
}

// Listening tells the actor of a conversation which sessions of a node have joined.
// It is sent when the actor starts anew, on another node or after a failure.
type Listening struct {
	Sessions []Listener
	// Online are the users whom that node's sessions show as online, by the last
	// presence that they were told, in ascending order.
	Online []string
	// Shows says that Online is complete; false: some may be missing.
	Shows bool
}

// Listener is one session that has joined, and its user.
type Listener struct {
	Session SessionRef
	UserID  string
	Join    uint64 // serial of its last join that was carried out
}

// PresenceChanged says that a user who has joined came online or went
// offline.
type PresenceChanged struct {
	UserID string
	Status wire.PresenceStatus
}

// PresenceLearned answers a Ready.Ask (package rules): the presence of these users,
// from the nodes that own them. Err wraps repo.ErrUnavailable or ErrOverloaded.
type PresenceLearned struct {
	UserIDs []string
	Users   map[string]wire.PresenceStatus
	Err     error
}

// Activated brings what the store has of the conversation, or why it could
// not be read (Err wraps repo.ErrUnavailable).
type Activated struct {
	Activation repo.Activation
	Err        error
}

// GroupSaved brings the outcome of the one group in flight. An Err that wraps
// ErrOverloaded means that the lane refused it and nothing was tried. Serial
// is the group's: an outcome that comes after the conversation has given the
// group up is told apart by it. 0 stands for whichever is in flight.
type GroupSaved struct {
	Serial uint64
	Result repo.GroupResult
}

// MembershipChecked answers a Ready.Checks entry.
type MembershipChecked struct {
	UserID string
	Member bool
	Err    error
}

// MessageFound answers a Ready.Lookups entry. Err is repo.ErrNotFound or
// wraps repo.ErrUnavailable.
type MessageFound struct {
	Lookup  uint64 // as the rules numbered it
	Message repo.Message
	Err     error
}

// Tick says that the time a Ready asked for has come.
type Tick struct{}

// Gathered comes to a conversation that asked for it by its rules.Ready. It stands
// in the mailbox behind all messages that were there at that moment, so they can be
// saved together.
type Gathered struct{}

// SaveGroup asks a persistence lane to save a group. The outcome comes back
// as GroupSaved to the conversation.
type SaveGroup struct{ Group repo.Group }
