package scenario

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/corrillo/corrillo/bench/server"
)

// Memory connects idle clients, identified and joined, up to each number of
// c.At, and reads the server's RSS, what it did in the meantime, and the
// kernel's memory after a rest at each.
func Memory(ctx context.Context, c Config, t Target) (Report, error) {
	if c.At == nil {
		c.At = []int{2000, 5000, 10000, 15000}
	}
	if t.PID() == 0 || len(c.At) < 2 || !slices.IsSorted(c.At) || c.At[0] < 1 {
		return Report{}, errors.New("memory needs the server's process id, and two rising numbers of connections at least")
	}
	c.Connections, c.Senders = c.At[len(c.At)-1], 1
	if err := c.defaults(); err != nil {
		return Report{}, err
	}
	r := c.report("memory")
	r.Senders, r.InFlight = 0, 0
	w, err := newSwarm(ctx, c, t)
	if err != nil {
		return r, err
	}
	defer w.close()
	r.RSSIdleMB = mb(usage(t).RSS)
	begun := time.Now()
	for _, want := range c.At {
		had, since := len(w.members), time.Now()
		if err := w.gather(want); err != nil {
			return r, err
		}
		took := time.Since(since)
		before, resting := usage(t), time.Now()
		if err := w.pause(c.Rest); err != nil {
			return r, fmt.Errorf("rest with %d clients: %w", want, err)
		}
		after := usage(t)
		r.Steps = append(r.Steps, Step{
			At: want, What: "connections", RSSMB: mb(after.RSS), PerSecond: float64(want-had) / took.Seconds(),
			KernelMB:  mb(server.KernelMemory()),
			IdleCPUUs: (after.CPU - before.CPU).Seconds() * 1e6 / time.Since(resting).Seconds() / float64(want),
		})
	}
	r.Seconds = time.Since(begun).Seconds()
	r.KBPerConnection = slope(r.Steps, func(s Step) float64 { return s.RSSMB }) * 1024
	r.KernelKBPerSocket = slope(r.Steps, func(s Step) float64 { return s.KernelMB }) * 1024 / 2
	return r, nil
}

// slope is the least-squares slope of a reading over connections.
func slope(steps []Step, of func(Step) float64) float64 {
	var n, x, y, xx, xy float64
	for _, s := range steps {
		c := float64(s.At)
		n, x, y, xx, xy = n+1, x+c, y+of(s), xx+c*c, xy+c*of(s)
	}
	return (n*xy - x*y) / (n*xx - x*x)
}

// ConnectRate connects and identifies as fast as it can, and joins nothing.
func ConnectRate(ctx context.Context, c Config, t Target) (Report, error) {
	if err := c.defaults(); err != nil {
		return Report{}, err
	}
	r := c.report("connect")
	r.RoomSize, r.Senders, r.InFlight = 0, 0, 0
	w, err := newSwarm(ctx, c, t)
	if err != nil {
		return r, err
	}
	defer w.close()
	w.goal = identified
	before, begun := w.meter(), time.Now()
	if err := w.gather(c.Connections); err != nil {
		return r, err
	}
	r.Seconds = time.Since(begun).Seconds()
	r.ConnectsPerSecond = float64(c.Connections) / r.Seconds
	r.cost(before, w.meter(), 0)
	if c.Rest > 0 {
		err = w.pause(c.Rest)
		r.RSSRestedMB = mb(usage(t).RSS)
	}
	if err != nil {
		r.Failure = err.Error()
	}
	return r, nil
}
