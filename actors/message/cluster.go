package message

import "github.com/corrillo/corrillo/wire"

// Messages between the nodes of a cluster, beside the commands to and events for
// users and conversations. Between two nodes every message arrives once and in the
// order in which it was sent, for as long as both live.
//
// The owner of a user or a conversation is the node that runs its actor; a view is
// a list of the cluster's members and has a number, its generation. See package
// placement for both.

// Told carries a message for the actor of a user or a conversation to the node
// that owns it.
type Told struct {
	Kind byte // a locator.Kind
	ID   string
	// Active: deliver it only if the actor is running; do not start one for it.
	Active  bool
	Message any // a command or an event of this package, by pointer
}

// Returned sends a Told back, from a node that does not own its id, to the node
// that sent it. That one sends it again, to the owner, once it has adopted a view of
// this Generation or a later one.
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

// Switched says that its sender has adopted the view of that Generation: whatever
// it sends from now on is sent under that view. The view is described by how it
// differs from the one of generation Base, whose Switched the receiver has sent to
// the sender before; a Base of 0 is the view without nodes.
type Switched struct {
	Generation uint64
	Nodes      []Node   // those that are not in Base, or differ from what they are there
	Base       uint64   // at most Generation
	Gone       []string // ids of the nodes that are in Base and not in the view
	// Differences: the sender understands a Base other than 0. An earlier version,
	// which does not, leaves it false.
	Differences bool
}

// Settled answers Switched: its sender runs no actor any more that is not its own
// under the view of that generation, and each message that reached it before that
// Switched has been handled or sent back.
type Settled struct{ Generation uint64 }

// NodeLeft says that a node has left the cluster, and that all its sessions are
// gone.
type NodeLeft struct{ Node string }

// WhoListens asks every node for its sessions that have joined a conversation, or
// for its sessions of a user. It is sent when an actor starts in place of one that
// failed. The answer is a Listening to the conversation, or a UserSessions to the
// user.
type WhoListens struct{ ConversationID, UserID string } // one of them

// UserSessions tells the actor of a user which sessions of that user a node has. It
// is sent when the actor starts anew, on another node or after a failure. It may
// come in parts: sessions that are not in it stay as they are, and so does one that
// the actor knows by a higher Generation. That a session has ended comes behind
// every message about it (SessionEnded, or NodeLeft for all of a node), so that
// none is left over.
type UserSessions struct {
	Node     string
	Sessions []UserSession
}

// UserSession is one session of a UserSessions.
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
	Ask     uint64 // numbers the questions of the node that asks
	UserIDs []string
}

// PresenceAnswered answers PresenceAsked. Users who have no actor there are left
// out.
type PresenceAnswered struct {
	Ask   uint64
	Users map[string]wire.PresenceStatus
}

// StatusAsked asks a node for its state, for `corrillo cluster status`.
type StatusAsked struct{ Ask uint64 }

// StatusAnswered answers StatusAsked with a JSON object.
type StatusAnswered struct {
	Ask  uint64
	Data []byte
}

// The messages from here to ConnEnded carry a connection whose session lives on
// another node. The node with the socket sends on what the client says, the node
// with the session what the client is to get. Conn identifies the connection; the
// node with the socket numbers them.

// ConnOpened asks the session's node to recover the session on this connection.
// Identity is what the client's token says, nil when it gave none.
type ConnOpened struct {
	Conn     uint64
	Hello    wire.Hello // without its token
	Identity *wire.Identity
}

// ConnRefused answers ConnOpened: there is no such session, or the replay log no
// longer has all that its client has missed.
type ConnRefused struct{ Conn uint64 }

// ConnWelcomed answers ConnOpened: the session is recovered.
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

// ConnAcked is the answer to an event of the client that asked for one.
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

// ConnEnded says that the socket is gone. It is sent once for a connection.
type ConnEnded struct {
	Conn   uint64
	Reason wire.CloseReason
}

// AnswersLost tells a node that events and answers for it were left out since the
// link to it was full. It has to send its unanswered commands to the sender again,
// and to close its clients so that they catch up.
type AnswersLost struct{}
