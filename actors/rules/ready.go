package rules

import (
	"time"

	"github.com/corrillo/corrillo/actors/message"
	"github.com/corrillo/corrillo/repo"
)

// Ready is what one Step wants done. The shell does it in the order of the
// fields and hands nothing back but new messages. It is reused: the shell is
// done with it before the next Step.
type Ready struct {
	// Activate asks for the conversation's state; answered by
	// message.Activated. At most one is under way.
	Activate bool
	// Save is the next group. Only one is in flight: the next comes no
	// earlier than the step that takes message.GroupSaved. Whatever tells a
	// client that something is stored is in the Ready of that later step,
	// never in this one.
	Save *repo.Group
	// Gather asks for one message.Gathered behind everything that is in the mailbox
	// now: the next group is kept open until then. Only with Options.Gather.
	Gather bool
	// Relay goes to this conversation's relay lane when HasRelay is set.
	Relay    message.Relayed
	HasRelay bool
	// RelayTo, when set, is the one node whose sessions Relay is for.
	RelayTo string
	// Reads are pages to fetch from the store for a reply; the shell answers
	// them itself, through the relay lane.
	Reads []Read
	// Lookups ask for one message; answered by message.MessageFound.
	Lookups []Lookup
	// Checks ask the authorizer about a user; answered by
	// message.MembershipChecked.
	Checks []Check
	// Ask are questions, each a list of users whose presence may have been told wrongly.
	// Each is answered by message.PresenceLearned. No user is in two of them at a time,
	// and at most 8 are under way.
	Ask [][]string
	// Tick is when the next message.Tick is wanted; zero: no wish. A later
	// Ready's Tick replaces it.
	Tick time.Time
	// Crowded counts the commands of this step that were refused because the
	// next group is full, TooMany those because too many wait already, Full those
	// because no further participant is taken.
	Crowded int
	TooMany int
	Full    int
}

// Read is a page that a Reply needs.
type Read struct {
	Origin message.Origin
	// Join is set for the missed and changed pages of a gated join: the
	// messages with AfterSeq < seq <= ThroughSeq and the changes with
	// AfterRev < rev <= ThroughRev (an AfterRev of -1 wants none, an
	// AfterSeq of -1 none). Its answer is message.GateOpened.
	Join       bool
	AfterSeq   int64
	ThroughSeq int64
	AfterRev   int64
	ThroughRev int64
	// ReadSeq is the user's mark, for the join's reply.
	ReadSeq int64

	// History is set for get_history: BeforeSeq and AfterSeq of -1 are open.
	// Epoch, ThroughSeq and ThroughRev are then where the conversation stands:
	// an answer from a replica is no older.
	History   bool
	Epoch     int64
	BeforeSeq int64
	Limit     int

	// Members is set for get_members.
	Members *MembersRead
}

// Lookup asks for the message with MessageID or, when that is empty, Seq.
type Lookup struct {
	ID        uint64
	MessageID string
	Seq       int64
}

// Check asks whether UserID may take part: by the operator's query or, with
// PeerID set, whether the two share a conversation.
type Check struct {
	UserID string
	PeerID string
}

// Membership says who may join, send and read (authz.membership).
type Membership uint8

// The membership modes.
const (
	MembershipOpen    Membership = iota // anyone; joining or sending makes a participant
	MembershipMembers                   // participants, kept by the webhook, and claims
	MembershipQuery                     // whom the operator's query names
)

// Options bound and steer a conversation. The zero value of each field is
// replaced by the default in its comment.
type Options struct {
	Membership Membership
	// DirectShared lets only people who share a conversation begin a direct
	// one (authz.direct: shared).
	DirectShared bool
	// BroadcastLimit turns presence, read and typing broadcasts off in
	// conversations with more joined sessions. Default 100; below 0: never off.
	BroadcastLimit int
	// Coalesce is the pace of read and presence broadcasts and of the marks
	// that sending moves. Default 1 s.
	Coalesce time.Duration
	// TypingExpiry is how long `typing` lasts by itself. Default 6 s.
	TypingExpiry time.Duration
	// CheckTTL is how long an answer to a Check is believed. Default 5 s.
	CheckTTL time.Duration
	// GroupRows and GroupBytes bound the next group (default 500 and 1 MiB).
	// What does not fit is refused with `overloaded`.
	GroupRows  int
	GroupBytes int
	// Waiting bounds the commands that wait for an activation or a check
	// (default 1,000); over it they are refused with `overloaded`.
	Waiting int
	// Members bounds the participants of a conversation, those who were removed
	// included: all of them are in memory while it is awake. Default 100,000.
	// Who comes then may join and write as before, where membership allows it,
	// but gets no row: a read mark of theirs is refused with `forbidden`, and
	// adding users with `payload_too_large`. The two people of a direct
	// conversation are always taken, and so are removals.
	Members int
	// FencedTries is how often a fenced group is saved again after a new
	// activation before its senders get `unavailable`, and FencedFor how long.
	// Defaults 5 and 10 s.
	FencedTries int
	FencedFor   time.Duration
	// Gather keeps a group open for the commands that have come together: see
	// Ready.Gather, which the shell must answer then.
	Gather bool
	// Shared says that other nodes work with the same store.
	Shared bool
	// SettleAfter is the time from a change of the nodes to the last question (Ready.Ask)
	// about users who have another owner since. By then the nodes with their sessions
	// have told the new owner of them, and a user without a session is offline.
	// Default 6 s.
	SettleAfter time.Duration
	// Load says what is to be left undone while the node has too much to do.
	// Nil: nothing ever is.
	Load message.Load
	// RecentKeys bounds the remembered (sender, tempId) pairs, RecentMessages
	// the remembered messages for lookups. Defaults 1,024 and 128.
	RecentKeys     int
	RecentMessages int
}
