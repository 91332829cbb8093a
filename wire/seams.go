package wire

import (
	"context"
	"encoding/json"
	"time"
)

// Dialect names the framing a connection speaks. A Frame is encoded at most
// once per Dialect.
type Dialect uint8

// The dialects.
const (
	DialectSocketIO Dialect = iota // /socket.io/: Engine.IO 4 + Socket.IO 5
	DialectPlain                   // /ws: JSON text frames
	dialects
)

// String gives the dialect's name as metrics and logs use it.
func (d Dialect) String() string {
	if d == DialectPlain {
		return "plain"
	}
	return "socketio"
}

// CloseReason says why a connection ended, as logs, metrics and WebSocket
// close frames name it.
type CloseReason string

// The close reasons. Only CloseRevoked is preceded by a Socket.IO DISCONNECT
// packet; every other close ends the transport, so that the stock client
// reconnects.
const (
	CloseClient        CloseReason = "client_disconnect" // the client said DISCONNECT: no recovery
	CloseTransport     CloseReason = "transport_close"   // the socket went away
	ClosePingTimeout   CloseReason = "ping_timeout"
	CloseFrameTimeout  CloseReason = "frame_timeout" // a message began and did not end
	CloseParseError    CloseReason = "parse_error"
	CloseTooLarge      CloseReason = "payload_too_large"
	CloseSlow          CloseReason = "slow_consumer"
	CloseReplaced      CloseReason = "replaced" // another connection recovered this session
	CloseNotIdentified CloseReason = "not_identified"
	CloseUnauthorized  CloseReason = "unauthorized"
	CloseRateLimited   CloseReason = "rate_limited"
	CloseRevoked       CloseReason = "session_revoked"
	CloseDraining      CloseReason = "draining"
	CloseReader        CloseReason = "reader_failed" // the system failed the reading of sockets, such as epoll_wait
	CloseInternal      CloseReason = "internal"
)

// Recoverable reports whether a session may be taken up again by a new
// connection after its last one ended for this reason.
func (r CloseReason) Recoverable() bool {
	switch r {
	case CloseClient, CloseRevoked, CloseNotIdentified, CloseUnauthorized, CloseInternal, CloseReplaced:
		return false
	}
	return true
}

// Hello is what a client said when it connected.
type Hello struct {
	Dialect  Dialect
	RemoteIP string
	// Token is Socket.IO's auth.token or the bearer of /ws' Authorization
	// header; empty when there was none.
	Token string
	// PID and Offset ask for connection state recovery. HasOffset is false
	// when the client has never received an event with an offset.
	PID       string
	Offset    string
	HasOffset bool
}

// Welcome is the answer to Hello: Socket.IO's CONNECT {sid, pid}.
type Welcome struct {
	SID       string // the session's public id; kept by a recovery
	PID       string // the session's secret id: whoever knows it may recover the session
	Recovered bool
}

// Acceptor is what a transport needs of the world above: one call per logical
// connection (a Socket.IO CONNECT to "/", or a /ws upgrade).
//
// Open calls conn.Welcome before it returns a Session; for a session that lives on
// another node it is called soon after, but before any Push. The frames that a
// recovered session has missed are pushed right after it. On an error nothing was
// sent, and the transport refuses the client with it (Socket.IO: CONNECT_ERROR
// {message, data: {code, message, retryable}}).
type Acceptor interface {
	Open(conn Conn, hello Hello) (Session, *Error)
}

// Inbound is one event of a client as its dialect decoded it.
type Inbound struct {
	Event string
	// Data is the raw JSON of the first argument, nil when there was none.
	// Binary attachments stand in it as {"$binary":"<base64>"}. The bytes
	// belong to the reader and are valid only until Receive returns.
	Data []byte
	// Ack is the client's ack id when WantsAck is set.
	Ack      uint64
	WantsAck bool
}

// Session takes what a connection receives. One goroutine at a time calls it,
// in the order of arrival; no method blocks.
type Session interface {
	Receive(in Inbound)
	// Closed is called exactly once for every conn that was opened, also
	// when the session closed it itself. A conn that another one has
	// replaced may be closed later; the session ignores that.
	Closed(conn Conn, reason CloseReason)
}

// Conn is the way back to one client. All methods may be called from any
// goroutine, never block, and do nothing once the connection is closed.
// Calls made in order by one goroutine are written in that order.
type Conn interface {
	// Welcome confirms the connection. Called once, first.
	Welcome(w Welcome)
	// Push queues a shared frame. A queue over its bound in bytes or age
	// closes the connection with CloseSlow.
	Push(f *Frame)
	// Ack answers the inbound event with that ack id. data is one JSON
	// value; the conn takes ownership of it.
	Ack(id uint64, data []byte)
	// Close ends the connection after what was queued before it, within a
	// bounded time. It never waits for that.
	Close(reason CloseReason)
}

// Batch marks what belongs together: frames that are pushed between Begin and
// End, to any connections of a transport, need not be written before End, so
// that several for one connection go out in one write. Batches may overlap;
// an End may let frames of others go. Neither method blocks.
type Batch interface {
	Begin()
	End()
}

// Batcher is an Acceptor that marks batches. The transport hands it its Batch
// before the first Open.
type Batcher interface{ UseBatch(b Batch) }

// InjectedMessage is a message that the back end posts. ID is empty unless
// the back end has stored it already in a table of its own, or its request had
// an idempotency key (see Mirrored).
type InjectedMessage struct {
	ID         string
	SenderID   string
	SenderName string
	CreatedAt  time.Time // zero: now
	// Mirrored is set when the back end has the message already: it gave the
	// ID. An ID without it is derived from the request's idempotency key, so
	// that a repeat finds the first one; the message is then like any other.
	Mirrored bool
	SendMessage
}

// Posted is the outcome of InjectedMessage.
type Posted struct {
	MessageID      string
	ConversationID string
	Seq            int64
	// Delivered counts the sockets of this node that the event went to.
	Delivered int
}

// Emission is an event of the back end's own that is passed on, not stored.
// Exactly one of ConversationID and UserIDs is set.
type Emission struct {
	Event          string
	Data           json.RawMessage
	ConversationID string
	UserIDs        []string
}

// MembershipChange adds and removes participants of a conversation.
type MembershipChange struct {
	ConversationID string
	Add            []string
	Remove         []string
}

// PresenceStatus is one user's presence. LastSeen is zero when unknown.
type PresenceStatus struct {
	Online   bool
	LastSeen time.Time
}

// Injector is what the webhook needs of the world above. Every error is, or
// wraps, an *Error. Calls return when the effect is committed (where there is
// one to commit) and the event has been handed to the sockets.
type Injector interface {
	PostMessage(ctx context.Context, m InjectedMessage) (Posted, error)
	UpdateMessage(ctx context.Context, messageID, content string) (Posted, error)
	DeleteMessage(ctx context.Context, messageID string) (Posted, error)
	Emit(ctx context.Context, e Emission) (delivered int, err error)
	ChangeMembership(ctx context.Context, c MembershipChange) error
	Revoke(ctx context.Context, userID string) (closed int, err error)
	Presence(ctx context.Context, userIDs []string) (map[string]PresenceStatus, error)
}

// Identity is who a token or an identify said the client is.
type Identity struct {
	UserID   string
	Username string
	// Expires is zero when the identity does not expire.
	Expires time.Time
	// Conversations is the token's `conversations` claim.
	Conversations []string
}

// Verifier checks a token. It returns an *Error with CodeUnauthorized or
// CodeTokenExpired.
type Verifier interface {
	Verify(ctx context.Context, token string) (Identity, error)
}
