package storms

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/corrillo/corrillo/bench/client"
)

// settle is how long a storm still listens when all has arrived, for what
// comes twice.
const settle = 200 * time.Millisecond

// herd makes the crowd of one storm.
func (g *Ground) herd(ctx context.Context, name string) (*herd, error) {
	return newHerd(ctx, herdOptions{addr: g.Server.Addr(), prefix: "storm-" + name + "-", unit: g.Size.Unit, content: 32})
}

// inRooms puts so many into rooms of ten. One of every tenth room talks.
func (h *herd) inRooms(clients int) (senders []*member) {
	for i := 0; i < clients; i += 10 {
		if r := h.addRoom(min(10, clients-i)); i%100 == 0 {
			senders = append(senders, r.members[0])
		}
	}
	return senders
}

// talking makes the crowd of a storm that comes while all are there, in rooms of
// ten, and have talked for a while. The caller closes it.
func (g *Ground) talking(ctx context.Context, name string, r *Result) (*herd, error) {
	h, err := g.herd(ctx, name)
	if err != nil {
		return nil, err
	}
	senders := h.inRooms(g.Size.Clients)
	r.Clients = len(h.members)
	if err = h.gather(g.Size.Back); err == nil {
		h.talk(senders, g.Size.Think)
		err = h.pause(g.Size.Talk)
	}
	if err != nil {
		h.close()
		return nil, err
	}
	return h, nil
}

// end waits for what is under way and judges.
func (h *herd) end(g *Ground, r *Result) error {
	if err := h.hush(g.Size.Back); err != nil {
		return err
	}
	if err := h.pause(settle); err != nil {
		return err
	}
	var err error
	r.Verdict, err = h.verdict(g.Server.Database())
	return err
}

// beside runs do, and lets things happen until done says so as well. It
// returns when do has.
func (h *herd) beside(what string, within time.Duration, do func() error, done func(finished bool) bool) error {
	result := make(chan error, 1)
	go func() { result <- do() }()
	var failed error
	finished := false
	err := h.until(what, within, func() bool {
		select {
		case failed = <-result:
			finished = true
		default:
		}
		return failed != nil || done(finished)
	})
	if !finished {
		failed = <-result
	}
	return cmp.Or(failed, err)
}

// kill kills the server under everyone (SIGKILL) and starts it again at once.
func kill(ctx context.Context, g *Ground, r *Result) error {
	h, err := g.talking(ctx, "kill", r)
	if err != nil {
		return err
	}
	defer h.close()
	before, err := g.questions(ctx)
	if err != nil {
		return err
	}
	lost, since, ready := h.lost, h.loop.Clock(), time.Duration(0)
	restart := func() error { return errors.Join(g.Server.Kill(), g.Server.Restart(ctx)) }
	err = h.beside("everyone to be back", g.Size.Back, restart, func(finished bool) bool {
		if finished && ready == 0 {
			ready = h.loop.Clock() - since
		}
		return finished && h.lost-lost >= len(h.members) && h.there == len(h.members)
	})
	back := h.loop.Clock() - since
	if err != nil {
		return err
	}
	after, err := g.questions(ctx)
	if err != nil {
		return err
	}
	peak, err := g.peak()
	if err != nil {
		return err
	}
	r.add("server ready after", ready.Seconds(), "s")
	r.add("the last one back after", back.Seconds(), "s")
	r.add("attempts to come back", float64(h.lost-lost), "")
	if after > 0 {
		r.add("statements asked of the database", float64(after-before), "")
	}
	r.add("peak RSS of the new process", peak, "MB")
	if err := h.pause(g.Size.Talk); err != nil {
		return err
	}
	return h.end(g, r)
}

// drain tells the server to end (SIGTERM) under everyone. What it has acked is
// judged when it runs again and everyone has caught up.
func drain(ctx context.Context, g *Ground, r *Result) error {
	h, err := g.talking(ctx, "drain", r)
	if err != nil {
		return err
	}
	defer h.close()
	h.away = true
	acked, since := h.acked, h.loop.Clock()
	ended := time.Duration(0)
	err = h.beside("the server to end", g.Size.Gone, g.Server.Stop, func(finished bool) bool { // its exit code is not 0: an error
		if finished && ended == 0 {
			ended = h.loop.Clock() - since
		}
		return finished && h.there+h.opening == 0
	})
	if err != nil {
		return err
	}
	if err := h.checkFarewells(g, r, since); err != nil {
		return err
	}
	r.add("the process ended after", ended.Seconds(), "s")
	r.add("messages acked meanwhile", float64(h.acked-acked), "")
	if err := g.Server.Restart(ctx); err != nil {
		return err
	}
	h.away = false
	if err := h.gather(g.Size.Back); err != nil {
		return err
	}
	return h.end(g, r)
}

// checkFarewells: everyone was told to connect again, and not all in one
// moment.
func (h *herd) checkFarewells(g *Ground, r *Result, since time.Duration) error {
	times := make([]time.Duration, 0, len(h.members))
	for _, m := range h.members {
		if !errors.Is(m.loss, client.ErrClosed) || !strings.Contains(m.loss.Error(), "1012 draining") {
			return fmt.Errorf("%s was not told that the server goes down: %w", m.user, m.loss)
		}
		times = append(times, m.lostAt-since)
	}
	slices.Sort(times)
	first, last := times[0], times[len(times)-1]
	// Any tenth of the drain, wherever it begins.
	most, from := 0, 0
	for i, at := range times {
		for at-times[from] > g.Size.Drain/10 {
			from++
		}
		most = max(most, i+1-from)
	}
	r.add("the first one told after", first.Seconds(), "s")
	r.add("the last one after", last.Seconds(), "s")
	share := float64(most) / float64(len(times))
	r.add("most of them in a tenth of the drain", 100*share, "%")
	if share > g.Size.AtOnce {
		return fmt.Errorf("%d of %d were sent away within %v", most, len(times), g.Size.Drain/10)
	}
	return nil
}
