package actors_test

import (
	"strings"
	"testing"

	"github.com/corrillo/corrillo/actors"
	"github.com/corrillo/corrillo/wire"
)

// What a client says before it identifies is bounded in bytes as in number:
// nobody knows yet who it is.
func TestSystem_EarlyEventsHaveBounds(t *testing.T) {
	const big = 400_000
	sys := start(t, actors.Options{})
	for name, tc := range map[string]struct{ size, sent, kept int }{
		"in number":               {1, 70, 64},
		"in bytes":                {big, 5, 2},
		"but one may be so large": {2 << 20, 2, 1},
	} {
		p := connect(t, sys, wire.Hello{})
		content := strings.Repeat("x", tc.size)
		last := uint64(0)
		for range tc.sent {
			last = p.emit("send_message", object{"conversationId": name, "content": content})
		}
		r := p.next(func(r received) bool { return r.Event == "ack" && r.Ack == last })
		if code(r.Data) != "not_identified" {
			t.Errorf("%s: over the bound: %v", name, r.Data)
		}
		if r := p.ask("identify", object{"userId": "alice"}); r["status"] != "ok" {
			t.Fatal(r)
		}
		for i := range tc.kept {
			if m := p.event("message_ack").Data; m["status"] != "sent" || m["seq"] != float64(i+1) {
				t.Errorf("%s: kept %d: %v", name, i, m)
			}
		}
		if r := p.ask("join_conversation", name); r["lastSeq"] != float64(tc.kept) {
			t.Errorf("%s: %v", name, r)
		}
		p.session.Closed(p, wire.CloseClient)
	}
}
