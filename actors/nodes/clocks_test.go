package nodes

import (
	"testing"
	"time"
)

// What a node believes of its lease half a second after the last renewal, when
// a clock has gone further meanwhile: that of a machine that was suspended, or
// the wall clock of a guest that was held.
func TestKeeper_LeaseByEveryClock(t *testing.T) {
	const s = time.Second
	for name, c := range map[string]struct {
		boot, wall        time.Duration
		valid, undisputed bool
	}{
		"all go alike":                     {0, 0, true, true},
		"a step of the wall clock":         {0, s, true, true},
		"the wall clock goes back":         {0, -time.Hour, true, true},
		"suspended for a moment":           {s, s, true, true},
		"suspended for 2 s":                {2 * s, 2 * s, false, true},
		"suspended for 4 s":                {4 * s, 4 * s, false, false},
		"suspended, and the clock not set": {time.Hour, 0, false, false},
		"held for 2 s":                     {0, 2 * s, false, true},
		"held for an hour":                 {0, time.Hour, false, false},
	} {
		t.Run(name, func(t *testing.T) {
			k := &Keeper{begun: time.Now().Add(-time.Minute), core: core{ttl: testTTL, lease: lease{ttl: testTTL}}}
			before := func(mono time.Duration) *clocks {
				at := k.clocks()
				at.mono, at.boot, at.wall = at.mono-mono, at.boot-mono-c.boot, at.wall.Add(-mono-c.wall)
				return &at
			}
			sent := before(s / 2)
			k.renewed.Store(sent)
			k.validUntil.Store(int64(sent.mono + k.core.lease.validFor()))
			if k.Valid() != c.valid || k.Undisputed() != c.undisputed {
				t.Errorf("valid %v, undisputed %v", k.Valid(), k.Undisputed())
			}
			// The registry is away for all, who have said so half a second ago.
			k.renewed.Store(before(time.Hour))
			k.agreed.Store(before(s / 2))
			if k.Valid() || k.Undisputed() != c.undisputed {
				t.Errorf("while the registry is away: valid %v, undisputed %v", k.Valid(), k.Undisputed())
			}
			k.validUntil.Store(0)
			if k.Undisputed() {
				t.Error("undisputed when it is lost")
			}
		})
	}
	k := &Keeper{begun: time.Now()}
	if k.Valid() || k.Undisputed() {
		t.Error("valid before there was a lease")
	}
}
