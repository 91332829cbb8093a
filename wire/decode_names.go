package wire

// name is a top-level field that some payload knows.
type name uint8

const (
	nameOther name = iota // a field that nobody knows
	nameConversationID
	nameReceiverID
	nameDirectID
	nameSenderID
	nameSenderName
	nameUserID
	nameUsername
	nameToken
	nameUserIDs
	nameMessageID
	nameContent
	nameTempID
	nameType
	nameMetadata
	nameReplyTo
	nameIsTyping
	nameSeq
	nameRev
	nameAfterSeq
	nameAfterRev
	nameBeforeSeq
	nameLimit
	nameCursor
	nameID
	nameCreatedAt
	nameEditedAt
	nameDeletedAt
	nameDeletedBy
	nameMessage
	nameEvent
	nameData
	nameAdd
	nameRemove
	names
)

var nameText = [names]string{
	nameConversationID: "conversationId",
	nameReceiverID:     "receiverId",
	nameDirectID:       "directId",
	nameSenderID:       "senderId",
	nameSenderName:     "senderName",
	nameUserID:         "userId",
	nameUsername:       "username",
	nameToken:          "token",
	nameUserIDs:        "userIds",
	nameMessageID:      "messageId",
	nameContent:        "content",
	nameTempID:         "tempId",
	nameType:           "type",
	nameMetadata:       "metadata",
	nameReplyTo:        "replyTo",
	nameIsTyping:       "isTyping",
	nameSeq:            "seq",
	nameRev:            "rev",
	nameAfterSeq:       "afterSeq",
	nameAfterRev:       "afterRev",
	nameBeforeSeq:      "beforeSeq",
	nameLimit:          "limit",
	nameCursor:         "cursor",
	nameID:             "id",
	nameCreatedAt:      "createdAt",
	nameEditedAt:       "editedAt",
	nameDeletedAt:      "deletedAt",
	nameDeletedBy:      "deletedBy",
	nameMessage:        "message",
	nameEvent:          "event",
	nameData:           "data",
	nameAdd:            "add",
	nameRemove:         "remove",
}

// nameOf finds the name of an unescaped key. It is the inverse of nameText as
// a switch, which compares no more than a few strings and allocates nothing.
func nameOf(key []byte) name {
	switch string(key) {
	case "conversationId":
		return nameConversationID
	case "receiverId":
		return nameReceiverID
	case "directId":
		return nameDirectID
	case "senderId":
		return nameSenderID
	case "senderName":
		return nameSenderName
	case "userId":
		return nameUserID
	case "username":
		return nameUsername
	case "token":
		return nameToken
	case "userIds":
		return nameUserIDs
	case "messageId":
		return nameMessageID
	case "content":
		return nameContent
	case "tempId":
		return nameTempID
	case "type":
		return nameType
	case "metadata":
		return nameMetadata
	case "replyTo":
		return nameReplyTo
	case "isTyping":
		return nameIsTyping
	case "seq":
		return nameSeq
	case "rev":
		return nameRev
	case "afterSeq":
		return nameAfterSeq
	case "afterRev":
		return nameAfterRev
	case "beforeSeq":
		return nameBeforeSeq
	case "limit":
		return nameLimit
	case "cursor":
		return nameCursor
	case "id":
		return nameID
	case "createdAt":
		return nameCreatedAt
	case "editedAt":
		return nameEditedAt
	case "deletedAt":
		return nameDeletedAt
	case "deletedBy":
		return nameDeletedBy
	case "message":
		return nameMessage
	case "event":
		return nameEvent
	case "data":
		return nameData
	case "add":
		return nameAdd
	case "remove":
		return nameRemove
	}
	return nameOther
}

// nameSet is a set of names.
type nameSet uint64

func setOf(list ...name) nameSet {
	var s nameSet
	for _, n := range list {
		s |= 1 << n
	}
	return s
}

func (s nameSet) has(n name) bool { return s&(1<<n) != 0 }
