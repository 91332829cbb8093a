package actors_test

import (
	"testing"
	"time"

	"github.com/corrillo/corrillo/actors"
	"github.com/corrillo/corrillo/wire"
)

// That a session has come goes to a node that has just lost the user, and back. The
// session's node dies before or after it has told the next one. Then nobody says any
// more that the session has ended, and the user is offline all the same, for ever.
func TestCluster_NoGhostIsLeftOfASessionWhoseUserMoves(t *testing.T) {
	for _, when := range []string{"nobody has it", "it is coming back", "the next node has it"} {
		t.Run(when, func(t *testing.T) {
			f, nodes := cluster(t, 3, actors.Options{PresenceGrace: 20 * time.Millisecond})
			v := nodes[0].sys.View()
			room, dave := roomAt(v, "N3"), userMoving(v, "N2", "N4", "dave")
			bob := identify(t, nodes[2].sys, "bob")
			bob.ask("join_conversation", room)
			resume := f.stall("N1", "N2")
			p := identify(t, nodes[0].sys, dave)
			p.emit("join_conversation", room)
			n4 := f.add()
			if when == "it is coming back" {
				f.stall("N2", "N1")
			}
			f.view(nil)
			if when != "nobody has it" {
				resume()
			}
			if when == "the next node has it" {
				f.settle()
				bob.sees(dave, "online")
				p.session.Closed(p, wire.CloseClient) // and dies with it
			}
			f.kill(nodes[0])
			f.view(nil)
			f.settle()
			eventually(t, "dave", func() bool {
				users := int64(0) // bob is one
				for _, m := range []*member{nodes[1], nodes[2], n4} {
					users += m.sys.Stats().Locator.Users
				}
				return bob.status(dave) == "offline" && users == 1
			}, func() string { return "is looked after, though he is nowhere" })
		})
	}
}
