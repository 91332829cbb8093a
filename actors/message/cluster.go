package message

import "github.com/corrillo/corrillo/wire"

// What the nodes of a cluster say to each other, beside the commands and events
// of users and conversations. Between two nodes everything arrives once and in
// the order in which it was sent, for as long as both live.

// Told is a message for the actor of a user or a conversation, sent to the node
// that owns it.
type Told struct {
	Kind byte // as the locator numbers them
	ID   string
	// Active: only if the actor is there.
	Active  bool
	Message any // a command or an event of this package, by pointer
}

// Returned brings back what a node was told of what it does not own. The one
// who asked learns that there is a view of that Generation or a later one, and
// sends it to the owner then.
type Returned struct {
	Generation uint64
	Told       Told
}

// Node is one process of a cluster: see placement.Node.
type Node struct {
	ID      string
	Address string
	State   uint8
	Since   uint64
}

// Switched says that what its sender sends from now on is sent under the view of
// that Generation. It tells of it by how it differs from that of the generation
// Base, one that the receiver has told the sender of, or the empty one of
// generation 0.
type Switched struct {
	Generation uint64
	Nodes      []Node   // that are in Base not at all or otherwise
	Base       uint64   // at most Generation
	Gone       []string // ids that are in Base and not in the view
	// Differences: the sender understands a Base other than 0. Nodes of versions
	// that know none do not say so.
	Differences bool
}

// Settled answers Switched: its sender has given up what is not its own under
// the view of that generation, and whatever was sent to it before that Switched
// has been taken, or has come back.
type Settled struct{ Generation uint64 }

// NodeLeft says that a node is gone, and every session of it.
type NodeLeft struct{ Node string }

// WhoListens asks every node for the sessions that have joined a conversation, or
// for those of a user, for an actor that starts where an earlier one failed. It
// is answered by Listening to the conversation, by UserSessions to the user.
type WhoListens struct{ ConversationID, UserID string } // one of them

// UserSessions brings sessions of a user on one node, to an actor that begins
// where there was none, or where one has failed. It adds to what is known of that
// node, since it may come in parts; a session that is known by a higher Generation
// stays as it is. Of one that ends that node tells behind everything that tells of
// it (SessionEnded, or NodeLeft for all of them), so none is left over.
type UserSessions struct {
	Node     string
	Sessions []UserSession
}

// UserSession is one of them.
type UserSession struct {
	ID            uint64
	Attached      bool
	Generation    uint64
	Conversations []string // that it has joined
}

// EndUser ends every session of a user on the node that gets it.
type EndUser struct {
	UserID string
	Reason string // for session_revoked
}

// Revoked is the Reason of EndUser.
const Revoked = "revoked"

// EndSession ends one session, which may be one too many for its user.
type EndSession struct {
	Session SessionRef
	Reason  wire.CloseReason
}

// PresenceAsked asks a node for the presence of users that it owns.
type PresenceAsked struct {
	Ask     uint64 // of the node that asks
	UserIDs []string
}

// PresenceAnswered answers it. Users who are not known there are left out.
type PresenceAnswered struct {
	Ask   uint64
	Users map[string]wire.PresenceStatus
}

// StatusAsked asks a node how it is.
type StatusAsked struct{ Ask uint64 }

// StatusAnswered answers it with a JSON object.
type StatusAnswered struct {
	Ask  uint64
	Data []byte
}

// What follows carries a connection whose session lives on another node: the
// one with the socket passes on what the client says, the one with the session
// what the client is to get. Conn is a number of the node with the socket.

// ConnOpened asks the session's node to recover it on this connection. Identity
// is that of the token that came along, nil when there was none.
type ConnOpened struct {
	Conn     uint64
	Hello    wire.Hello // without its token
	Identity *wire.Identity
}

// ConnRefused answers that there is no such session, or that its log no longer
// reaches back.
type ConnRefused struct{ Conn uint64 }

// ConnWelcomed answers that the session is recovered.
type ConnWelcomed struct {
	Conn    uint64
	Welcome wire.Welcome
}

// ConnPushed is a frame for the client.
type ConnPushed struct {
	Conn   uint64
	Event  string
	Data   []byte
	Offset string
}

// ConnAcked answers an event of the client.
type ConnAcked struct {
	Conn uint64
	Ack  uint64
	Data []byte
}

// ConnClosing asks the node with the socket to close it.
type ConnClosing struct {
	Conn   uint64
	Reason wire.CloseReason
}

// ConnReceived is an event of the client.
type ConnReceived struct {
	Conn  uint64
	Event wire.Inbound
}

// ConnEnded says that the socket is gone. It comes once.
type ConnEnded struct {
	Conn   uint64
	Reason wire.CloseReason
}

// AnswersLost says that the queue to the node that gets it was full, and that
// events and answers for it were left out. What it has asked is to be asked
// again, and its clients have to catch up.
type AnswersLost struct{}
