package nodes

import "time"

// clocks is a moment as three clocks of this machine show it. No one of them is
// enough to tell how much time has passed: the monotonic clock stands still while
// the machine is suspended; boot, the time since the machine was started, goes on
// then, but both stand still while a hypervisor pauses the machine; the wall clock is
// set right after that, but may be set back as well.
type clocks struct {
	mono, boot time.Duration
	wall       time.Time
}

// clocks reads the clocks.
func (k *Keeper) clocks() clocks {
	return clocks{mono: k.now(), boot: sinceBoot(), wall: time.Now().Round(0)}
}

// since returns how much time may have passed since an earlier moment: the most
// that any of the clocks shows.
func (c clocks) since(earlier *clocks) time.Duration {
	return max(c.mono-earlier.mono, c.boot-earlier.boot, c.wall.Sub(earlier.wall))
}
