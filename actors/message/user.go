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

// SessionEnded says that a session is gone for good, or has become someone
// else's.
type SessionEnded struct {
	Session SessionRef
	At      time.Time
}

// Beat renews presence.
type Beat struct{ At time.Time }

// ConversationJoined and ConversationLeft say in which conversations a session
// shows this user's presence. The session's node tells them, behind what it
// tells of the session itself; SessionEnded says that it has left all of them.
type (
	// ConversationJoined says that a session has joined.
	ConversationJoined struct {
		ConversationID string
		Session        SessionRef // zero from a node of the version before: of no use
	}
	// ConversationLeft says that a session has left, and goes on elsewhere.
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

// GraceOver is the user's own timer.
type GraceOver struct{ Generation uint64 }
