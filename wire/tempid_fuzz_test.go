package wire_test

import (
	"bytes"
	"encoding/json"
	"testing"

	"github.com/corrillo/corrillo/wire"
)

// FuzzTempID: the tempId with which a message is answered, refused or not, is
// the one that it came with, as encoding/json reads both.
func FuzzTempID(f *testing.F) {
	for _, id := range []string{
		`"t1"`, `7`, `-0`, `1e400`, `0.1`, `"7"`, `" 7"`, `" ]"`, `"\u0020x"`, `""`, `null`, `{}`, `[1]`, `true`, `"a\nb"`, `"\ud800"`, `1,"TEMPID":2`, `1,"tempId":"b"`, `1} x`,
	} {
		f.Add([]byte(`{"conversationId":"c","content":"x","tempId":` + id + `}`))
		f.Add([]byte(`{"tempId":` + id + `}`))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		if len(data) > 32<<10 {
			return
		}
		in := wire.Inbound{Event: wire.EventSendMessage, Data: data}
		var fields map[string]json.RawMessage
		_ = json.NewDecoder(bytes.NewReader(data)).Decode(&fields) // nothing is found in what is no object
		claimed := wire.ClaimedTempID(in)
		if claimed != "" {
			checkTempID(t, claimed, fields["tempId"])
		}
		if nack := wire.AppendNack(nil, claimed, wire.Errorf(wire.CodeInvalidPayload, "x")); !json.Valid(nack) {
			t.Fatalf("%s is refused by %s", data, nack)
		}
		cmd, refused := wire.Decode(in, nil)
		if refused != nil {
			return
		}
		m, _ := cmd.(wire.SendMessage)
		if m.TempID != claimed {
			t.Fatalf("%s: taken as %q, refused as %q", data, m.TempID, claimed)
		}
	})
}

// checkTempID: a string comes back as that string, a number as it was
// written.
func checkTempID(t *testing.T, id string, given json.RawMessage) {
	t.Helper()
	back := wire.AppendTempID(nil, id)
	var want, got string
	if json.Unmarshal(given, &want) == nil {
		if err := json.Unmarshal(back, &got); err != nil || got != want {
			t.Fatalf("%s came back as %s", given, back)
		}
		return
	}
	if !bytes.Equal(given, back) {
		t.Fatalf("%s came back as %s", given, back)
	}
}
