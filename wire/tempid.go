package wire

import (
	"bytes"
	"encoding/json"
	"strings"
)

// claimedTempIDWithin bounds what ClaimedTempID looks at, in bytes.
const claimedTempIDWithin = 64 << 10

// ClaimedTempID finds the tempId of a send_message that is refused before it
// was decoded, so that the app can tell which of its messages failed. It is
// empty for other events, and where there is no tempId that a message could
// have.
func ClaimedTempID(in Inbound) string {
	if in.Event != EventSendMessage || len(in.Data) > claimedTempIDWithin {
		return ""
	}
	var fields map[string]json.RawMessage // not a struct, whose names any case fits
	if json.NewDecoder(bytes.NewReader(in.Data)).Decode(&fields) != nil {
		return ""
	}
	given := fields["tempId"]
	if len(given) > 0 && (given[0] == '-' || given[0] >= '0' && given[0] <= '9') {
		if len(given) < MaxIDLength {
			return numberMark + string(given)
		}
		return ""
	}
	var id string
	if json.Unmarshal(given, &id) != nil || !ValidID(id) {
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
