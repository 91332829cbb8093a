package rules

import (
	"time"

	"github.com/corrillo/corrillo/actors/message"
)

// idle is the Load of a node that has little to do.
type idle struct{}

// Sheds implements message.Load.
func (idle) Sheds(message.Work) bool { return false }

// Shed implements message.Load.
func (idle) Shed(message.Work) {}

// withDefaults replaces zero fields by what Options' comments promise.
func (o Options) withDefaults() Options {
	setInt := func(v *int, d int) {
		if *v == 0 {
			*v = d
		}
	}
	setTime := func(v *time.Duration, d time.Duration) {
		if *v == 0 {
			*v = d
		}
	}
	if o.Load == nil {
		o.Load = idle{}
	}
	setInt(&o.BroadcastLimit, 100)
	setTime(&o.Coalesce, time.Second)
	setTime(&o.TypingExpiry, 6*time.Second)
	setTime(&o.CheckTTL, 5*time.Second)
	setTime(&o.SettleAfter, 6*time.Second)
	setInt(&o.GroupRows, 500)
	setInt(&o.GroupBytes, 1<<20)
	setInt(&o.Waiting, 1000)
	setInt(&o.Members, 100_000)
	setInt(&o.FencedTries, 5)
	setTime(&o.FencedFor, 10*time.Second)
	setInt(&o.RecentKeys, 1024)
	setInt(&o.RecentMessages, 128)
	return o
}
