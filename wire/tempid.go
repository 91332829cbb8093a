package wire

import "encoding/json"

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
	var p struct {
		TempID string `json:"tempId"`
	}
	if json.Unmarshal(in.Data, &p) != nil || len(p.TempID) > MaxIDLength {
		return ""
	}
	return p.TempID
}
