package message

import "time"

// Messages to a user: the actor that knows all of a person's sessions.

// SessionAttached says that a session of this user is connected: after
// identify, or after a recovery. Of two messages about one session the one
// with the higher Generation is the truth, whatever order they come in.
type SessionAttached struct {
	Session    SessionRef
	Generation uint64
}

// SessionDetached says that a session lost its connection. It may come back.
type SessionDetached struct {
	Session    SessionRef
	Generation uint64
	At         time.Time
}

// SessionEnded says that a session is gone for good, or has identified as another
// user.
type SessionEnded struct {
	Session SessionRef
	At      time.Time
}

// Beat says that a client of the user has sent `heartbeat`, which renews presence.
type Beat struct{ At time.Time }

// ConversationJoined and ConversationLeft say in which conversations this user's
// presence is to be shown. The session's node sends them behind its messages about
// the session itself. After SessionEnded the session counts as joined to none.
type (
	// ConversationJoined says that a session has joined.
	ConversationJoined struct {
		ConversationID string
		Session        SessionRef // zero from a node of the version before: then it is ignored
	}
	// ConversationLeft says that a session has left a conversation but still lives.
	ConversationLeft struct {
		ConversationID string
		Session        SessionRef
	}
)

// EmitToUser passes the back end's event to all of the user's sessions; the
// call is answered with how many there were.
type EmitToUser struct {
	Origin Origin
	Event  string
	Data   []byte
}

// RevokeUser ends all of the user's sessions with session_revoked.
type RevokeUser struct{ Origin Origin }

// GraceOver is the timer of the user's actor: the time during which a user without
// a connection still counts as online is over. One of an older Generation is ignored.
type GraceOver struct{ Generation uint64 }
