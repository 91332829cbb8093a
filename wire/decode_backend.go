package wire

import (
	"math"
	"strconv"
	"time"
)

// Bounds of what a back end sends in one request.
const (
	MaxEmissionUsers     = 1000 // ids in `userIds`
	MaxMembershipChanges = 500  // users in `add` and `remove` together
)

// These functions decode what a back end posts to the webhook, by the rules of
// Decode. Every error is CodeInvalidPayload and begins with the field's name.

// DecodeInjectedMessage decodes a message, flat or as {"message": {...}}. In
// the second form the fields beside `message` count for nothing, except for
// conversationId, receiverId, senderId and senderName where the message itself
// has none. It takes what send_message takes, and id, senderName and createdAt
// (an RFC 3339 time or milliseconds since 1970). senderId is required: nobody
// else says who speaks. Mirrored is set when there is an id.
func DecodeInjectedMessage(body []byte) (InjectedMessage, *Error) {
	var p payload
	p.scan(body, true, messageNames)
	if p.err == nil && p.isWrapper() {
		p = p.unwrap()
	}
	if p.err != nil {
		return InjectedMessage{}, p.err
	}
	m := InjectedMessage{
		ID:          p.id(nameID),
		SenderID:    p.requiredID(nameSenderID),
		SenderName:  p.personName(nameSenderName),
		CreatedAt:   p.time(nameCreatedAt),
		SendMessage: p.sendMessage(),
	}
	m.Mirrored = m.ID != ""
	if p.err != nil {
		return InjectedMessage{}, p.err
	}
	return m, nil
}

// isWrapper tells {"message": {...}} from a flat message that happens to have
// a field of that name.
func (p *payload) isWrapper() bool {
	inner := p.value[nameMessage]
	return len(inner) > 0 && inner[0] == '{' && !p.has(nameContent)
}

func (p *payload) unwrap() payload {
	var inner payload
	inner.scan(p.value[nameMessage], true, messageNames)
	if !inner.has(nameConversationID) && !inner.has(nameReceiverID) {
		inner.value[nameConversationID] = p.value[nameConversationID]
		inner.value[nameReceiverID] = p.value[nameReceiverID]
	}
	for _, n := range []name{nameSenderID, nameSenderName} {
		if !inner.has(n) {
			inner.value[n] = p.value[n]
		}
	}
	return inner
}

// maxMillis is the end of the year 9999, the last that the store's DATETIME
// can hold.
const maxMillis = 253402300799999

// time reads a time in UTC, cut to milliseconds; absent gives the zero time.
func (p *payload) time(n name) time.Time {
	if !p.has(n) {
		return time.Time{}
	}
	v := p.value[n]
	if v[0] == '"' {
		t, err := time.Parse(time.RFC3339, unquote(v))
		if ms := t.UnixMilli(); err == nil && ms >= 0 && ms <= maxMillis {
			return t.UTC().Truncate(time.Millisecond)
		}
	} else if ms, err := strconv.ParseInt(string(v), 10, 64); err == nil && ms >= 0 && ms <= maxMillis {
		return time.UnixMilli(ms).UTC()
	}
	p.fail(n, "must be an RFC 3339 time or milliseconds since 1970")
	return time.Time{}
}

// MessageChange is an edit or, without Content, a deletion.
type MessageChange struct {
	MessageID string
	Content   string
}

// DecodeMessageUpdate decodes {messageId, content}.
func DecodeMessageUpdate(body []byte) (MessageChange, *Error) {
	var p payload
	p.scan(body, false, 0)
	c := MessageChange{MessageID: p.requiredID(nameMessageID), Content: p.requiredText(nameContent)}
	return c, p.err
}

// DecodeMessageDeletion decodes {messageId}.
func DecodeMessageDeletion(body []byte) (MessageChange, *Error) {
	var p payload
	p.scan(body, false, 0)
	c := MessageChange{MessageID: p.requiredID(nameMessageID)}
	return c, p.err
}

// DecodeEmission decodes {event, data, userId, userIds or conversationId}.
// event is the name when the endpoint fixes it: the body may then leave it out
// but not say another. Names that are Reserved are refused, except for
// EventNotification. Without `data` the fields that are not named here become
// the data.
func DecodeEmission(body []byte, event string) (Emission, *Error) {
	var p payload
	p.scan(body, true, setOf(nameEvent, nameData, nameUserID, nameUserIDs, nameConversationID))
	if p.err != nil {
		return Emission{}, p.err
	}
	e := Emission{Event: p.emitted(event), ConversationID: p.id(nameConversationID), UserIDs: p.ids(nameUserIDs, MaxEmissionUsers)}
	if id := p.id(nameUserID); id != "" {
		e.UserIDs = append(e.UserIDs, id)
	}
	e.UserIDs = distinct(e.UserIDs)
	if (e.ConversationID == "") == (len(e.UserIDs) == 0) {
		p.fail(nameConversationID, "must be given, or else userId or userIds, not both")
	}
	if e.Data = p.raw(nameData); e.Data == nil {
		e.Data = append(append([]byte{'{'}, p.extra()...), '}')
	}
	if p.err != nil {
		return Emission{}, p.err
	}
	return e, nil
}

// emitted reads the name of the event to emit.
func (p *payload) emitted(fixed string) string {
	given := p.text(nameEvent, math.MaxInt)
	switch {
	case fixed != "":
		if given != "" && given != fixed {
			p.fail(nameEvent, "is always "+fixed+" here")
		}
		return fixed
	case !ValidID(given):
		p.fail(nameEvent, problemID)
	case Reserved(given) && given != EventNotification:
		p.fail(nameEvent, "is a name of the protocol's own")
	}
	return given
}

// DecodeMembershipChange decodes {conversationId, add, remove}: at least one
// id in the lists together, none in both, MaxMembershipChanges at most (repeats
// do not count); more is CodePayloadTooLarge.
func DecodeMembershipChange(body []byte) (MembershipChange, *Error) {
	var p payload
	p.scan(body, false, 0)
	c := MembershipChange{
		ConversationID: p.requiredID(nameConversationID),
		Add:            distinct(p.ids(nameAdd, math.MaxInt)),
		Remove:         distinct(p.ids(nameRemove, math.MaxInt)),
	}
	if IsDirect(c.ConversationID) {
		p.fail(nameConversationID, "a direct conversation has its two people and no others")
	}
	if len(c.Add)+len(c.Remove) == 0 {
		p.fail(nameAdd, "must be an array of ids, or else remove")
	}
	if p.err == nil && len(c.Add)+len(c.Remove) > MaxMembershipChanges {
		p.err = Errorf(CodePayloadTooLarge, "add: has, with remove, more than %d users", MaxMembershipChanges)
	}
	adding := make(map[string]bool, len(c.Add))
	for _, id := range c.Add {
		adding[id] = true
	}
	for _, id := range c.Remove {
		if adding[id] {
			p.fail(nameRemove, "has a user who is in add, too")
		}
	}
	if p.err != nil {
		return MembershipChange{}, p.err
	}
	return c, nil
}

// DecodeRevocation decodes {userId}.
func DecodeRevocation(body []byte) (userID string, refused *Error) {
	var p payload
	p.scan(body, false, 0)
	userID = p.requiredID(nameUserID)
	return userID, p.err
}

// distinct drops repeats in place, keeping the first of each.
func distinct(ids []string) []string {
	seen := make(map[string]bool, len(ids))
	kept := ids[:0]
	for _, id := range ids {
		if !seen[id] {
			seen[id] = true
			kept = append(kept, id)
		}
	}
	return kept
}
