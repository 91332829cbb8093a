package wire_test

import (
	"strings"
	"testing"

	"github.com/corrillo/corrillo/wire"
)

func TestClaimedTempID(t *testing.T) {
	for label, tt := range map[string]struct{ event, data, want string }{
		"a message without content":       {"send_message", `{"tempId":"t1"}`, "t1"},
		"a number":                        {"send_message", `{"tempId":1795574070532}`, " 1795574070532"},
		"no tempId":                       {"send_message", `{"content":"x"}`, ""},
		"not an object":                   {"send_message", `"t1"`, ""},
		"not JSON":                        {"send_message", `{"tempId":"t1"`, ""},
		"a tempId of no use":              {"send_message", `{"tempId":"` + strings.Repeat("x", 192) + `"}`, ""},
		"a string that would be a number": {"send_message", `{"tempId":" 7"}`, ""},
		"a string that would be no JSON":  {"send_message", `{"tempId":" x"}`, ""},
		"a name in another case":          {"send_message", `{"tempId":"t1","TEMPID":"t2"}`, "t1"},
		"another event":                   {"typing", `{"tempId":"t1"}`, ""},
		"nothing":                         {"send_message", ``, ""},
	} {
		t.Run(label, func(t *testing.T) {
			if got := wire.ClaimedTempID(wire.Inbound{Event: tt.event, Data: []byte(tt.data)}); got != tt.want {
				t.Errorf("got %q, want %q", got, tt.want)
			}
		})
	}
}

// What an app compares with === comes back as it was, number or string.
func TestAppendTempID(t *testing.T) {
	for _, given := range []string{`"t1"`, `"7"`, `7`, `1795574070532`, `-0.5`, `0.8240193840571`, `1e3`} {
		in := wire.Inbound{Event: "send_message", Data: []byte(`{"conversationId":"c","content":"x","tempId":` + given + `}`)}
		cmd, e := wire.Decode(in, nil)
		if e != nil {
			t.Errorf("%s: %v", given, e)
			continue
		}
		m, ok := cmd.(wire.SendMessage)
		if got := string(wire.AppendTempID(nil, m.TempID)); !ok || got != given {
			t.Errorf("%s came back as %s", given, got)
		}
	}
}
