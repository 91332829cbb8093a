package wire_test

import (
	"strings"
	"testing"

	"github.com/corrillo/corrillo/wire"
)

func TestClaimedTempID(t *testing.T) {
	for label, tt := range map[string]struct{ event, data, want string }{
		"a message without content": {"send_message", `{"tempId":"t1"}`, "t1"},
		"no tempId":                 {"send_message", `{"content":"x"}`, ""},
		"not an object":             {"send_message", `"t1"`, ""},
		"not JSON":                  {"send_message", `{"tempId":"t1"`, ""},
		"a tempId of no use":        {"send_message", `{"tempId":"` + strings.Repeat("x", 192) + `"}`, ""},
		"another event":             {"typing", `{"tempId":"t1"}`, ""},
		"nothing":                   {"send_message", ``, ""},
	} {
		t.Run(label, func(t *testing.T) {
			if got := wire.ClaimedTempID(wire.Inbound{Event: tt.event, Data: []byte(tt.data)}); got != tt.want {
				t.Errorf("got %q, want %q", got, tt.want)
			}
		})
	}
}
