package outbox_test

import (
	"context"
	"errors"
	"log/slog"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/corrillo/corrillo/actors/message"
	"github.com/corrillo/corrillo/actors/outbox"
)

// Whoever counts what finds no room does not count what finds no link, since the
// node has just come or is going; both are told to try again.
func TestOutbox_TellsWantOfRoomFromWantOfALink(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var link atomic.Pointer[error]
		o := outbox.New(func(string, []byte) error { return *link.Load() }, 1<<20, slog.New(slog.DiscardHandler))
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		go o.Run(ctx)
		is := func(err error) {
			link.Store(&err)
			time.Sleep(time.Second) // what waits is tried again
			synctest.Wait()
		}
		try := func(refused, unlinked int64) {
			t.Helper()
			err := o.Try("b", &message.PresenceAnswered{Ask: 1})
			if taken := *link.Load() == nil; taken != (err == nil) || !taken && !errors.Is(err, message.ErrOverloaded) {
				t.Errorf("the link says %v, the sender is told %v", *link.Load(), err)
			}
			if s := o.Stats(); s.Refused != refused || s.Unlinked != unlinked {
				t.Errorf("%+v, want %d and %d", s, refused, unlinked)
			}
		}
		is(message.ErrNotLinked)
		try(0, 1)
		o.Must("b", &message.PresenceAnswered{Ask: 1})
		try(0, 2) // behind what waits
		is(message.ErrOverloaded)
		try(1, 2)
		is(nil)
		try(1, 2)
		is(message.ErrOverloaded)
		o.Must("b", &message.PresenceAnswered{Ask: 1})
		try(2, 2)
		is(errors.New("the links are closed"))
		try(2, 3)
	})
}
