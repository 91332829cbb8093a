package storms

import (
	"context"
	"fmt"
	"slices"
)

// speakers talk in the one room.
const speakers = 2

// oneRoom lets everyone leave and join one room at once, again and again,
// while some talk in it. Whoever joins asks for what was missed, so that in
// the end everyone has every message.
func oneRoom(ctx context.Context, g *Ground, r *Result) error {
	h, err := g.herd(ctx, "room")
	if err != nil {
		return err
	}
	defer h.close()
	members := h.addRoom(g.Size.Clients).members
	r.Clients = len(members)
	if err := h.gather(g.Size.Back); err != nil {
		return err
	}
	var took []uint32
	h.measured = &took
	h.talk(members[:speakers], g.Size.Think)
	done := 0
	var turn func(m *member, left int)
	turn = func(m *member, left int) {
		if left == 0 {
			done++
			return
		}
		m.onJoined = func() {
			m.onJoined = nil
			turn(m, left-1)
		}
		h.leave(m, func() { h.join(m) })
	}
	since, others := h.loop.Clock(), members[speakers:]
	for _, m := range others {
		turn(m, g.Size.Rounds)
		m.sock.Flush()
	}
	if err := h.until("everyone to have left and joined", 3*g.Size.Back, func() bool { return done == len(others) }); err != nil {
		return err
	}
	seconds := (h.loop.Clock() - since).Seconds()
	if err := h.hush(g.Size.Back); err != nil {
		return err
	}
	peak, err := g.peak()
	if err != nil {
		return err
	}
	r.add("left and joined", float64(len(others)*g.Size.Rounds), "times")
	r.add("in", seconds, "s")
	r.add("p99 to a delivery meanwhile", quantile(took, 0.99), "ms")
	r.add("peak RSS", peak, "MB")
	if h.lost > 0 {
		return fmt.Errorf("%d connections were lost: %s", h.lost, h.state())
	}
	return h.end(g, r)
}

// quantile is in milliseconds; it sorts what it is given.
func quantile(us []uint32, q float64) float64 {
	if len(us) == 0 {
		return 0
	}
	slices.Sort(us)
	return float64(us[int(q*float64(len(us)-1))]) / 1000
}
