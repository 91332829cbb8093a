package scenario

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/corrillo/corrillo/bench/judge"
	"github.com/corrillo/corrillo/bench/server"
)

// talk gathers a crowd, starts it, runs disturb beside it, and judges.
func talk(ctx context.Context, c Config, t Target, name string, disturb func(ctx context.Context, w *crowd) error) (Report, error) {
	if err := c.defaults(); err != nil {
		return Report{}, err
	}
	r := c.report(name)
	w, err := gather(ctx, c, t.Addr())
	if err != nil {
		return r, err
	}
	defer w.disperse()
	before := meterOf(t)
	begun := time.Now()
	close(w.started)
	err = pause(ctx, c.Duration, func(ctx context.Context) error {
		if disturb == nil {
			return nil
		}
		return disturb(ctx, w)
	})
	err = errors.Join(err, w.drain(ctx))
	after := meterOf(t)
	if err == nil {
		err = pause(ctx, settle, nil)
	}
	if err == nil && c.Rest > 0 && t.PID() != 0 {
		err = pause(ctx, c.Rest, nil)
		r.RSSRestedMB = mb(usage(t).RSS)
	}
	w.disperse()

	evidence := w.evidence()
	if t.Database() != "" {
		err = errors.Join(err, w.addRows(ctx, evidence, t.Database()))
	}
	r.Verdict = judge.Judge(evidence)
	r.measure(w, begun)
	r.cost(before, after, r.Verdict.Deliveries)
	if err != nil {
		r.Failure = err.Error()
	}
	return r, nil
}

// measure fills in what the clients' logs say about speed.
func (r *Report) measure(w *crowd, begun time.Time) {
	var waits []uint32
	last := begun
	for _, m := range w.members {
		s := m.sender
		if s == nil {
			continue
		}
		waits = append(waits, s.waits...)
		r.Refused += s.refused
		if s.last.After(last) {
			last = s.last
		}
	}
	r.Returns = w.returns.Load()
	r.Seconds = last.Sub(begun).Seconds()
	if len(waits) == 0 || r.Seconds == 0 {
		return
	}
	slices.Sort(waits)
	at := func(q float64) float64 { return float64(waits[int(q*float64(len(waits)-1))]) / 1e3 }
	r.Ack = &Latency{P50: at(0.5), P90: at(0.9), P99: at(0.99), Max: at(1), Count: len(waits)}
	r.AckedPerSecond = float64(r.Verdict.Messages) / r.Seconds
	r.DeliveriesPerSecond = float64(r.Verdict.Deliveries) / r.Seconds
}

// pause runs beside for as long as d at least, and returns its error at once.
func pause(ctx context.Context, d time.Duration, beside func(context.Context) error) error {
	over := time.After(d)
	if beside != nil {
		if err := beside(ctx); err != nil {
			return err
		}
	}
	select {
	case <-over:
		return nil
	case <-ctx.Done():
		return fmt.Errorf("interrupted: %w", ctx.Err())
	}
}

func meterOf(t Target) meter { return meter{server: usage(t), own: server.OwnCPU()} }

func mb(bytes int64) float64 { return float64(bytes) / (1 << 20) }
