package actors_test

import (
	"fmt"
	"testing"

	"github.com/corrillo/corrillo/actors"
)

// A join of the old identity that comes to nothing must not take the new
// one's with it.
func TestSystem_NewIdentityJoinsWhatTheOldOneIsJoining(t *testing.T) {
	sys := start(t, actors.Options{})
	carol := identify(t, sys, "carol")
	for i := range 40 {
		p := identify(t, sys, "alice")
		room := fmt.Sprint("r", i)
		p.emit("join_conversation", room)
		p.emit("identify", object{"userId": "bob"})
		if r := p.ask("join_conversation", room); r["status"] != "ok" {
			t.Fatalf("the new identity's join: %v", r)
		}
		p.ask("typing", object{"conversationId": room}) // what was on its way has come
		carol.ask("send_message", object{"conversationId": room, "content": "x"})
		p.event("new_message")
	}
}
