package scenario

import (
	"cmp"
	"context"
	"errors"
	"time"

	"github.com/corrillo/corrillo/bench/client"
	"github.com/corrillo/corrillo/bench/server"
)

// Rooms has senders talk in rooms without a pause: the next message when one
// is acked.
func Rooms(ctx context.Context, c Config, t Target) (Report, error) {
	if c.Dialect == client.Polling || !client.HasLoop {
		return talk(ctx, c, t, "rooms", nil)
	}
	return swarmTalk(ctx, c, t, conduct{name: "rooms", speak: (*swarm).closedLoop})
}

// Fanout is one room of all connections, with a few senders.
func Fanout(ctx context.Context, c Config, t Target) (Report, error) {
	c.Connections = cmp.Or(c.Connections, 1000)
	c.RoomSize = c.Connections
	c.Senders = cmp.Or(c.Senders, min(4, c.Connections))
	return swarmTalk(ctx, c, t, conduct{name: "fanout", speak: (*swarm).closedLoop})
}

// OpenLoop sends at a fixed rate whatever the server does, and measures from
// when each message should have been sent.
func OpenLoop(ctx context.Context, c Config, t Target) (Report, error) {
	return swarmTalk(ctx, c, t, conduct{name: "openloop", speak: (*swarm).openLoop})
}

// closedLoop keeps InFlight messages of each sender under way.
func (w *swarm) closedLoop() error {
	w.onAck = func(m *swarmMember) { w.post(m, w.loop.Clock()) }
	for _, m := range w.voices() {
		for range w.c.InFlight {
			w.post(m, w.loop.Clock())
		}
		m.sock.Flush()
	}
	return w.pause(w.c.Duration)
}

// openLoop lets all senders take turns.
func (w *swarm) openLoop() error {
	end := w.loop.Clock() + w.c.Duration
	return w.keepTime(w.voices(), func(due time.Duration) bool { return due >= end })
}

// keepTime lets voices take turns, one message at each beat of the run's rate,
// until over says so of when the next one is due.
func (w *swarm) keepTime(voices []*swarmMember, over func(due time.Duration) bool) error {
	beat := time.Duration(float64(time.Second) / w.c.Rate)
	due := w.loop.Clock()
	for i := 0; ; {
		now := w.loop.Clock()
		for ; due <= now && !over(due); due += beat {
			m := voices[i%len(voices)]
			w.post(m, due)
			m.sock.Flush()
			i++
		}
		if over(due) {
			return w.broken
		}
		if err := w.pause(min(due-w.loop.Clock(), step)); err != nil {
			return err
		}
	}
}

// apart gives the waits that are measured while something is done, which count
// for the run as well.
func (w *swarm) apart(do func() error) (acks, delivered histogram, err error) {
	allAcks, allDelivered := w.acks, w.delivered
	w.acks, w.delivered = histogram{}, histogram{}
	err = do()
	acks, delivered = w.acks, w.delivered
	w.acks.merge(&allAcks)
	w.delivered.merge(&allDelivered)
	return acks, delivered, err
}

// settle is how long a run still listens when all has arrived, for what comes
// twice.
const settle = 500 * time.Millisecond

// conduct is what a swarm does.
type conduct struct {
	name string
	// gather makes everybody join; as fast as it goes when nil.
	gather func(*swarm) error
	speak  func(*swarm) error
}

// swarmTalk gathers a swarm, lets it talk, and judges.
func swarmTalk(ctx context.Context, c Config, t Target, do conduct) (Report, error) {
	if err := c.defaults(); err != nil {
		return Report{}, err
	}
	if do.gather == nil {
		do.gather = func(w *swarm) error { return w.gather(c.Connections) }
	}
	r := c.report(do.name)
	w, err := newSwarm(ctx, c, t)
	if err != nil {
		return r, err
	}
	defer w.close()
	begun := time.Now()
	if err := do.gather(w); err != nil {
		return r, err
	}
	r.ConnectsPerSecond = float64(c.Connections) / time.Since(begun).Seconds()
	w.seat()
	before := w.meter()
	w.firstSend = w.loop.Clock()
	err = do.speak(w)
	err = errors.Join(err, w.drain())
	after := w.meter()
	if err == nil {
		err = w.pause(settle)
	}
	if err == nil && c.Rest > 0 && t.PID() != 0 {
		err = w.pause(c.Rest)
		r.RSSRestedMB = mb(usage(t).RSS)
	}
	verdict, rowsErr := w.verdict()
	r.Verdict = verdict
	w.measure(&r, before, after)
	if err = errors.Join(err, rowsErr); err != nil {
		r.Failure = err.Error()
	}
	return r, nil
}

// report is what a Config says of a run.
func (c *Config) report(name string) Report {
	r := Report{
		Scenario: name, Dialect: string(c.Dialect), Connections: c.Connections, RoomSize: c.RoomSize,
		Senders: c.Senders, InFlight: c.InFlight,
	}
	if name == "openloop" || name == "hop" || name == "join" {
		r.Rate = c.Rate
	}
	return r
}

// meter is what has been used so far.
type meter struct {
	server server.Usage
	own    time.Duration
	loop   client.Stats
}

func (w *swarm) meter() meter {
	m := meterOf(w.target)
	m.loop = w.loop.Stats()
	return m
}

// measure fills in what the run says about speed and cost.
func (w *swarm) measure(r *Report, before, after meter) {
	r.Refused = w.refused
	r.Seconds = (w.lastAck - w.firstSend).Seconds()
	r.Ack, r.Delivery = w.acks.latency(), w.delivered.latency()
	if r.Seconds > 0 {
		r.AckedPerSecond, r.DeliveriesPerSecond = float64(w.acked)/r.Seconds, float64(w.got)/r.Seconds
	}
	r.cost(before, after, w.got)
	if reads := after.loop.Reads - before.loop.Reads; reads > 0 {
		r.PerRead = float64(w.got+w.acked) / float64(reads)
	}
}

// cost fills in CPU and memory.
func (r *Report) cost(before, after meter, deliveries int64) {
	r.RSSIdleMB, r.RSSAfterMB = mb(before.server.RSS), mb(after.server.RSS)
	r.ServerCPUSeconds, r.OwnCPUSeconds = (after.server.CPU - before.server.CPU).Seconds(), (after.own - before.own).Seconds()
	if deliveries > 0 {
		r.ServerCPUUs, r.OwnCPUUs = r.ServerCPUSeconds*1e6/float64(deliveries), r.OwnCPUSeconds*1e6/float64(deliveries)
	}
}
