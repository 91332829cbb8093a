package outbox_test

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/corrillo/corrillo/actors/message"
)

// What must be told waits for as long as it takes. Of a node that takes less
// than there is, it is said that there is too much, by items and by bytes, and
// no more once it has taken them.
func TestOutbox_Choked(t *testing.T) {
	for name, c := range map[string]struct{ items, bytes, want int }{
		"items": {3, 1 << 20, 4}, "bytes": {1 << 20, 40, 3},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				o, l := newOutbox(t, 1<<20)
				o.ChokedOver(c.items, c.bytes)
				l.room = 0
				for n := 1; !o.Choked("a"); n++ {
					if n > c.want {
						t.Fatalf("%d messages wait, and it is not too much", n-1)
					}
					o.Must("a", &message.EndUser{UserID: "1234567890"})
				}
				if n := o.Stats().Waiting; n != c.want {
					t.Errorf("%d messages are too much, want %d", n, c.want)
				}
				if o.Choked("b") {
					t.Error("another node is choked, too")
				}
				l.room = -1
				ctx, stop := context.WithCancel(t.Context())
				defer stop()
				go o.Run(ctx)
				time.Sleep(time.Second)
				synctest.Wait()
				if o.Choked("a") || len(l.got) != c.want {
					t.Errorf("choked %v after it has taken %d", o.Choked("a"), len(l.got))
				}
			})
		})
	}
}
