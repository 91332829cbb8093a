package nodes

import "time"

// clocks is a moment, as the clocks of this machine show it. The monotonic one
// stands still while the machine is suspended, where the system's clock that
// counts it, boot, does not; and both stand still while a hypervisor holds a
// guest, whose wall clock is set right after that. The wall clock alone may go
// back.
type clocks struct {
	mono, boot time.Duration
	wall       time.Time
}

// clocks are the clocks now.
func (k *Keeper) clocks() clocks {
	return clocks{mono: k.now(), boot: sinceBoot(), wall: time.Now().Round(0)}
}

// since is how much time may have passed since an earlier moment: the most that
// any of them says.
func (c clocks) since(earlier *clocks) time.Duration {
	return max(c.mono-earlier.mono, c.boot-earlier.boot, c.wall.Sub(earlier.wall))
}
