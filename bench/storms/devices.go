package storms

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/corrillo/corrillo/bench/client"
)

// devices lets all devices of one user come, hear a message, and go and come
// again at once. A friend of the user's watches the presence.
func devices(ctx context.Context, g *Ground, r *Result) error {
	h, err := g.herd(ctx, "devices")
	if err != nil {
		return err
	}
	defer h.close()
	room := h.addRoom(1)
	friend, ann := room.members[0], h.o.prefix+"ann"
	if err := h.gather(g.Size.Back); err != nil {
		return err
	}
	for range g.Size.Devices {
		h.addMember(room, ann)
	}
	all := room.members[1:]
	r.Clients = len(all)
	since := h.loop.Clock()
	if err := h.gather(g.Size.Back); err != nil {
		return err
	}
	r.add("all there after", (h.loop.Clock() - since).Seconds(), "s")
	if err := oneTooMany(ctx, g, ann); err != nil {
		return err
	}
	if err := h.toAll(g, r, friend, all, ann); err != nil {
		return err
	}
	if err := h.comeAndGo(g, r, friend, all, ann); err != nil {
		return err
	}
	return h.end(g, r)
}

// oneTooMany: one more device than may be is refused, for now.
func oneTooMany(ctx context.Context, g *Ground, user string) (err error) {
	c, err := client.Dial(ctx, client.Options{Addr: g.Server.Addr(), Dialect: client.Plain})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, c.Close()) }()
	if err := c.SetDeadline(time.Now().Add(g.Size.Back)); err != nil {
		return err
	}
	id := c.Request("identify", fmt.Appendf(nil, `{"userId":%q}`, user))
	for {
		p, err := c.Next()
		if err != nil {
			return err
		}
		if len(p.Event) > 0 || p.Ack != id {
			continue
		}
		if !bytes.Contains(p.Data, []byte(`"rate_limited"`)) {
			return fmt.Errorf("one device more than may be is answered %s", p.Data)
		}
		return nil
	}
}

// toAll sends a message to the room and one to the person: each device gets
// each once.
func (h *herd) toAll(g *Ground, r *Result, from *member, all []*member, user string) error {
	since := h.loop.Clock()
	h.post(from)
	h.request(from, ownID, "send_message", fmt.Sprintf(`{"receiverId":%q,"content":"to all of you"}`, user))
	from.sock.Flush()
	err := h.until("all devices to hear it", g.Size.Back, func() bool {
		return !slices.ContainsFunc(all, func(m *member) bool { return m.others == 0 || len(m.deliveries) == 0 })
	})
	if err != nil {
		return err
	}
	r.add("both messages at all of them after", float64((h.loop.Clock()-since).Microseconds())/1000, "ms")
	if err := h.pause(settle); err != nil {
		return err
	}
	for _, m := range all {
		if m.others != 1 || len(m.deliveries) != 1 {
			return fmt.Errorf("device %d got the message to the room %d times, and the one to the person %d times", m.index, len(m.deliveries), m.others)
		}
	}
	return nil
}

// toldAgain is after what time a change of presence is told at once again:
// within a second of the last one only what it has come to is.
const toldAgain = 1100 * time.Millisecond

// comeAndGo: half of the devices lose their connection at once, then all of
// them, and come back within the grace: nobody hears that. When all stay away
// it is told once.
func (h *herd) comeAndGo(g *Ground, r *Result, friend *member, all []*member, user string) error {
	heard := []string{user + " online"}
	check := func(when string) error {
		if !slices.Equal(friend.presence, heard) {
			return fmt.Errorf("%s: a friend has heard %q, want %q", when, friend.presence, heard)
		}
		return nil
	}
	if err := check("all have come"); err != nil {
		return err
	}
	for _, wave := range [][]*member{all[:len(all)/2], all} {
		if err := h.pause(toldAgain); err != nil {
			return err
		}
		since := h.loop.Clock()
		for _, m := range wave {
			h.cut(m)
		}
		if err := h.until("the devices to be back", g.Size.Back, func() bool { return h.there == len(h.members) }); err != nil {
			return err
		}
		took := h.loop.Clock() - since
		r.add(fmt.Sprintf("%d cut, back after", len(wave)), took.Seconds(), "s")
	}
	if err := h.pause(g.Size.Grace + settle); err != nil { // it would be told by now
		return err
	}
	if err := check("all have gone and come"); err != nil {
		return err
	}
	h.away = true
	since := h.loop.Clock()
	for _, m := range all {
		h.cut(m)
	}
	if err := h.until("the friend to hear that the user is gone", g.Size.Grace+g.Size.Back, func() bool { return len(friend.presence) > len(heard) }); err != nil {
		return err
	}
	r.add("told as offline after", (h.loop.Clock() - since).Seconds(), "s")
	if err := h.pause(settle); err != nil {
		return err
	}
	heard = append(heard, user+" offline")
	if err := check("all have gone"); err != nil {
		return err
	}
	h.away = false
	return h.gather(g.Size.Back)
}
