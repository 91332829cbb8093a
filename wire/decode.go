package wire

import (
	"math"
	"unicode/utf8"
)

// Bounds of single fields, in bytes unless said otherwise.
const (
	MaxTokenLength   = 8 << 10
	MaxCursorLength  = 1 << 10
	MaxPresenceUsers = 200 // ids in one get_presence
	defaultPage      = 50  // messages, conversations or members
)

// Decode turns an inbound event into a validated Command. isPassthrough says
// whether the operator listed an event name; nil means none. Any name that is
// neither ours nor listed is CodeInvalidPayload, and a name of ours (Reserved)
// is never a passthrough. The Command owns its bytes: in.Data may be reused
// when Decode returns.
//
// Every error is CodeInvalidPayload with a sentence that begins with the name
// of the field at fault, or with "payload". The rules, beside those in the
// comments of the commands:
//
//   - Field names are case-sensitive. The last of several equal names counts.
//   - null is the same as absent, and so is "" for an id or a type.
//   - An id is a string of 1 to MaxIDLength bytes without control characters
//     and without a space at either end, or an integer, which becomes its
//     digits: 7 is "7". Fractions and exponents are refused.
//   - A tempId may be any number, too; it comes back as the number it was.
//   - identify, typing, join_conversation and leave_conversation take a bare
//     id for the object that has it, mark_read and read_message a bare message
//     id.
//   - content may be empty or absent only beside metadata, beside a field of
//     the app's own that carries a file (an array, an object, or a name that
//     ends with "url"), or with a type other than "text". An edit may empty it: what stands beside it is not known
//     here.
//   - seqs, revs and limits are integers, not strings. A limit above the
//     largest page is lowered to it; one below 1 is refused.
//   - Nothing nests deeper than MaxDepth, and text is valid UTF-8. A lone
//     surrogate escape becomes U+FFFD.
//   - Unknown fields are ignored, except in send_message and in passthrough
//     events, which take MaxExtraFields of them. Of those, send_message drops
//     every name that the server writes into new_message.
//   - The payload of heartbeat is not looked at.
func Decode(in Inbound, isPassthrough func(event string) bool) (Command, *Error) {
	switch in.Event {
	case EventSendMessage:
		return decodeSendMessage(in.Data)
	case EventTyping:
		return decodeTyping(in.Data)
	case EventMarkRead, EventReadMessage:
		return decodeMarkRead(in.Event, in.Data)
	case EventHeartbeat:
		return Heartbeat{}, nil
	case EventJoinConversation:
		return decodeJoin(in.Data)
	case EventLeaveConversation:
		return decodeLeave(in.Data)
	case EventIdentify:
		return decodeIdentify(in.Data)
	case EventEditMessage:
		return decodeEdit(in.Data)
	case EventDeleteMessage:
		return decodeDelete(in.Data)
	case EventGetHistory:
		return decodeHistory(in.Data)
	case EventGetConversations:
		return decodeConversations(in.Data)
	case EventGetMembers:
		return decodeMembers(in.Data)
	case EventGetPresence:
		return decodePresence(in.Data)
	}
	if isPassthrough != nil && !Reserved(in.Event) && isPassthrough(in.Event) {
		return decodePassthrough(in.Event, in.Data)
	}
	return nil, Errorf(CodeInvalidPayload, "payload: unknown event")
}

// messageNames are the fields of new_message: what a client sends under one
// of these names is either decoded or dropped, and never passed along beside
// what the server writes.
var messageNames = setOf(nameID, nameConversationID, nameReceiverID, nameDirectID, nameSeq, nameRev,
	nameSenderID, nameSenderName, nameContent, nameType, nameMetadata, nameReplyTo, nameTempID,
	nameCreatedAt, nameEditedAt, nameDeletedAt, nameDeletedBy)

func decodeSendMessage(data []byte) (Command, *Error) {
	var p payload
	p.scan(data, true, messageNames)
	if p.err != nil {
		return nil, p.err
	}
	m := p.sendMessage()
	return done(&p, m)
}

// sendMessage reads the fields that a client's message and a back end's have
// in common.
func (p *payload) sendMessage() SendMessage {
	m := SendMessage{
		Address:  p.requiredAddress(),
		SenderID: p.id(nameSenderID),
		Content:  p.text(nameContent, math.MaxInt),
		TempID:   p.tempID(),
		Type:     p.messageType(),
		Metadata: p.raw(nameMetadata),
		ReplyTo:  p.raw(nameReplyTo),
		Extra:    p.extra(),
	}
	if m.Content == "" && m.Metadata == nil && m.Type == defaultType && !p.carriesFile() {
		p.fail(nameContent, "must be a string that is not empty")
	}
	return m
}

const defaultType = "text"

// messageType reads `type`; most messages have none, or the usual one, which
// costs nothing.
func (p *payload) messageType() string {
	if v := p.value[nameType]; len(v) == 0 || string(v) == `"text"` {
		return defaultType
	}
	if p.has(nameType) && p.value[nameType][0] != '"' {
		p.fail(nameType, "must be a string")
		return ""
	}
	if t := p.id(nameType); t != "" {
		return t
	}
	return defaultType
}

func decodeTyping(data []byte) (Command, *Error) {
	id, bare, err := bareID(data, nameConversationID)
	if bare {
		return orError(Typing{Address: Address{ConversationID: id}, IsTyping: true}, err)
	}
	var p payload
	p.scan(data, false, 0)
	if p.err != nil {
		return nil, p.err
	}
	c := Typing{Address: p.requiredAddress(), IsTyping: p.boolean(nameIsTyping, true)}
	return done(&p, c)
}

func decodeMarkRead(event string, data []byte) (Command, *Error) {
	id, bare, err := bareID(data, nameMessageID)
	if bare {
		return orError(MarkRead{Event: event, MessageID: id}, err)
	}
	var p payload
	p.scan(data, false, 0)
	if p.err != nil {
		return nil, p.err
	}
	c := MarkRead{Event: event, Address: p.address(), MessageID: p.id(nameMessageID)}
	if c.MessageID == "" {
		if c.Seq = max(p.whole(nameSeq, 1), 0); c.Seq == 0 {
			p.fail(nameMessageID, problemID+", or seq must be given")
		} else if c.Address == (Address{}) {
			p.fail(nameConversationID, "must be given beside seq")
		}
	}
	return done(&p, c)
}

func decodeJoin(data []byte) (Command, *Error) {
	id, bare, err := bareID(data, nameConversationID)
	if bare {
		return orError(JoinConversation{Address: Address{ConversationID: id}, AfterSeq: -1, AfterRev: -1}, err)
	}
	var p payload
	p.scan(data, false, 0)
	if p.err != nil {
		return nil, p.err
	}
	c := JoinConversation{Address: p.requiredAddress(), AfterSeq: p.whole(nameAfterSeq, 0), AfterRev: p.whole(nameAfterRev, 0)}
	return done(&p, c)
}

func decodeLeave(data []byte) (Command, *Error) {
	id, bare, err := bareID(data, nameConversationID)
	if bare {
		return orError(LeaveConversation{Address{ConversationID: id}}, err)
	}
	var p payload
	p.scan(data, false, 0)
	if p.err != nil {
		return nil, p.err
	}
	c := LeaveConversation{p.requiredAddress()}
	return done(&p, c)
}

func decodeIdentify(data []byte) (Command, *Error) {
	id, bare, err := bareID(data, nameUserID)
	if bare {
		return orError(Identify{UserID: id, Username: id}, err)
	}
	var p payload
	p.scan(data, false, 0)
	if p.err != nil {
		return nil, p.err
	}
	c := Identify{UserID: p.requiredID(nameUserID), Username: p.personName(nameUsername), Token: p.text(nameToken, MaxTokenLength)}
	if c.Username == "" {
		c.Username = c.UserID
	}
	return done(&p, c)
}

func decodeEdit(data []byte) (Command, *Error) {
	var p payload
	p.scan(data, false, 0)
	if p.err != nil {
		return nil, p.err
	}
	c := EditMessage{Address: p.address(), MessageID: p.requiredID(nameMessageID), Content: p.requiredText(nameContent)}
	return done(&p, c)
}

// requiredText reads a string that must be there, but may be empty.
func (p *payload) requiredText(n name) string {
	if !p.has(n) {
		p.fail(n, "must be a string")
	}
	return p.text(n, math.MaxInt)
}

func decodeDelete(data []byte) (Command, *Error) {
	var p payload
	p.scan(data, false, 0)
	if p.err != nil {
		return nil, p.err
	}
	c := DeleteMessage{Address: p.address(), MessageID: p.requiredID(nameMessageID)}
	return done(&p, c)
}

func decodeHistory(data []byte) (Command, *Error) {
	var p payload
	p.scan(data, false, 0)
	if p.err != nil {
		return nil, p.err
	}
	c := GetHistory{
		Address:   p.requiredAddress(),
		BeforeSeq: p.whole(nameBeforeSeq, 0),
		AfterSeq:  p.whole(nameAfterSeq, 0),
		Limit:     p.limit(defaultPage, MaxHistoryLimit),
	}
	if c.BeforeSeq >= 0 && c.AfterSeq >= 0 {
		p.fail(nameBeforeSeq, "must not be given beside afterSeq")
	}
	return done(&p, c)
}

func decodeConversations(data []byte) (Command, *Error) {
	if len(data) == 0 || string(data) == "null" {
		return GetConversations{Limit: defaultPage}, nil
	}
	var p payload
	p.scan(data, false, 0)
	if p.err != nil {
		return nil, p.err
	}
	c := GetConversations{Limit: p.limit(defaultPage, MaxHistoryLimit), Cursor: p.text(nameCursor, MaxCursorLength)}
	return done(&p, c)
}

func decodeMembers(data []byte) (Command, *Error) {
	var p payload
	p.scan(data, false, 0)
	if p.err != nil {
		return nil, p.err
	}
	c := GetMembers{
		Address: p.requiredAddress(),
		Limit:   p.limit(defaultPage, MaxHistoryLimit),
		Cursor:  p.text(nameCursor, MaxCursorLength),
	}
	return done(&p, c)
}

func decodePresence(data []byte) (Command, *Error) {
	var p payload
	p.scan(data, false, 0)
	if p.err != nil {
		return nil, p.err
	}
	if !p.has(nameUserIDs) {
		p.fail(nameUserIDs, "must be an array of ids")
	}
	c := GetPresence{UserIDs: p.ids(nameUserIDs, MaxPresenceUsers)}
	return done(&p, c)
}

func decodePassthrough(event string, data []byte) (Command, *Error) {
	var p payload
	p.scan(data, true, setOf(nameSenderID))
	if p.err != nil {
		return nil, p.err
	}
	c := Passthrough{Address: p.requiredAddress(), Event: event, Fields: p.extra()}
	return done(&p, c)
}

// bareID reads data as an id that stands where an object is expected. bare is
// false when data is something else.
func bareID(data []byte, n name) (id string, bare bool, err *Error) {
	start := skipSpace(data, 0)
	if start == len(data) || data[start] != '"' && data[start] != '-' && !isDigit(data[start]) {
		return "", false, nil
	}
	end := skipValue(data, start, 0)
	if end < 0 || skipSpace(data, end) != len(data) {
		return "", true, Errorf(CodeInvalidPayload, "payload: not valid JSON")
	}
	if !utf8.Valid(data) {
		return "", true, Errorf(CodeInvalidPayload, "payload: must be valid UTF-8")
	}
	id, problem := readID(data[start:end])
	if problem == "" && id == "" {
		problem = problemID
	}
	if problem != "" {
		return "", true, Errorf(CodeInvalidPayload, "%s: %s", nameText[n], problem)
	}
	return id, true, nil
}

// done returns the command unless something in the payload did not fit.
func done[C Command](p *payload, c C) (Command, *Error) { return orError(c, p.err) }

func orError[C Command](c C, err *Error) (Command, *Error) {
	if err != nil {
		return nil, err
	}
	return c, nil
}
