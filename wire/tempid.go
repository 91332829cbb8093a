package wire

import "strings"

// ClaimedTempID finds the tempId of a send_message that is refused before it
// was decoded, so that the app can tell which of its messages failed. It is
// empty for other events, and where there is no tempId that a message could
// have. What is refused for being too much costs no more than to look at it.
func ClaimedTempID(in Inbound) string {
	if in.Event != EventSendMessage {
		return ""
	}
	var p payload
	p.scan(in.Data, false, 0)
	id := p.tempID()
	if p.err != nil {
		return ""
	}
	return id
}

// numberMark begins a tempId that was a number. No id that was a string begins
// with a space, so the two are told apart wherever they are kept.
const numberMark = " "

// AppendTempID appends a tempId as the client gave it: a string, or the same
// number.
func AppendTempID(dst []byte, tempID string) []byte {
	if number, ok := strings.CutPrefix(tempID, numberMark); ok && number != "" {
		return append(dst, number...)
	}
	return AppendString(dst, tempID)
}
