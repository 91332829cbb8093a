package wire

// Reserved reports whether an event name belongs to this protocol or to
// Socket.IO itself, so that neither an operator's passthrough list nor the
// back end may use it. EventNotification counts as reserved here, though the
// back end is free to emit it: only clients must not.
func Reserved(event string) bool {
	switch event {
	case EventIdentify, EventJoinConversation, EventLeaveConversation, EventSendMessage,
		EventTyping, EventMarkRead, EventReadMessage, EventHeartbeat, EventEditMessage,
		EventDeleteMessage, EventGetHistory, EventGetConversations, EventGetMembers, EventGetPresence:
		return true
	case EventMessageAck, EventNewMessage, EventHeartbeatAck, EventMessageRead, EventPresence,
		EventMessageUpdated, EventMessageDeleted, EventNotification, EventSessionRevoked, EventError:
		return true
	case "connect", "connect_error", "disconnect", "disconnecting", "newListener", "removeListener":
		// The names that socket.io-client throws on or fires by itself.
		return true
	}
	return false
}

// ClientEvents lists the events that clients send, in the order of
// docs/PROTOCOL.md.
func ClientEvents() []string {
	return []string{
		EventIdentify, EventJoinConversation, EventLeaveConversation, EventSendMessage,
		EventTyping, EventMarkRead, EventReadMessage, EventHeartbeat, EventEditMessage,
		EventDeleteMessage, EventGetHistory, EventGetConversations, EventGetMembers, EventGetPresence,
	}
}

// ServerEvents lists the events that the server sends under a name of its
// own, in the order of docs/PROTOCOL.md.
func ServerEvents() []string {
	return []string{
		EventMessageAck, EventNewMessage, EventTyping, EventHeartbeatAck, EventMessageRead,
		EventPresence, EventMessageUpdated, EventMessageDeleted, EventNotification,
		EventSessionRevoked, EventError,
	}
}

// Codes lists the error codes, in the order of docs/PROTOCOL.md.
func Codes() []Code {
	return []Code{
		CodeNotIdentified, CodeUnauthorized, CodeTokenExpired, CodeForbidden, CodeNotFound,
		CodeInvalidPayload, CodePayloadTooLarge, CodeConflict, CodeRateLimited, CodeOverloaded,
		CodeUnavailable, CodeDraining, CodeInternal,
	}
}
