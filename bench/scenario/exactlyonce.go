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

// Target is the server under test.
type Target struct {
	// PID is the server's process, for its CPU and memory; 0: not known.
	PID int
	// Database is where its messages are (rows.Read); empty: not looked at.
	Database string
}

// Report is the outcome of a run.
type Report struct {
	Scenario    string `json:"scenario"`
	Dialect     string `json:"dialect"`
	Connections int    `json:"connections"`
	RoomSize    int    `json:"roomSize"`
	Senders     int    `json:"senders"`
	InFlight    int    `json:"inFlight"`

	Seconds             float64 `json:"seconds"` // from the first send to the last ack
	AckedPerSecond      float64 `json:"ackedPerSecond"`
	DeliveriesPerSecond float64 `json:"deliveriesPerSecond"`
	AckP50Ms            float64 `json:"ackP50Ms"`
	AckP99Ms            float64 `json:"ackP99Ms"`
	// CPUPerDeliveryUs is user and system time of the server's process in
	// the run, for each new_message that reached a client.
	CPUPerDeliveryUs float64 `json:"cpuPerDeliveryUs,omitempty"`
	RSSIdleMB        float64 `json:"rssIdleMB,omitempty"` // all joined, nobody sent yet
	RSSAfterMB       float64 `json:"rssAfterMB,omitempty"`
	Refused          int     `json:"refused"` // retryable refusals, sent again
	Kills            int     `json:"kills,omitempty"`
	Returns          int64   `json:"returns,omitempty"` // connections made again

	Verdict judge.Verdict `json:"verdict"`
	// Failure is why a run ended early; empty: it did not.
	Failure string `json:"failure,omitempty"`
}

// OK reports that the run went to its end and broke no rule.
func (r *Report) OK() bool { return r.Failure == "" && r.Verdict.OK() }

// settle is how long a run still listens when all has arrived, for what comes
// twice.
const settle = 500 * time.Millisecond

// ExactlyOnce lets a crowd talk and judges every message of it. The error is
// for a run that could not begin; what went wrong later is in the Report.
func ExactlyOnce(ctx context.Context, c Config, t Target) (Report, error) {
	return talk(ctx, c, t, "exactly-once", nil)
}

// talk gathers a crowd, starts it, runs disturb beside it, and judges.
func talk(ctx context.Context, c Config, t Target, name string, disturb func(ctx context.Context, w *crowd) error) (Report, error) {
	if err := c.defaults(); err != nil {
		return Report{}, err
	}
	r := Report{
		Scenario: name, Dialect: string(c.Dialect),
		Connections: c.Connections, RoomSize: c.RoomSize, Senders: c.Senders, InFlight: c.InFlight,
	}
	w, err := gather(ctx, c)
	if err != nil {
		return r, err
	}
	defer w.disperse()
	before := usage(t.PID)
	begun := time.Now()
	close(w.started)
	err = pause(ctx, c.Duration, func(ctx context.Context) error {
		if disturb == nil {
			return nil
		}
		return disturb(ctx, w)
	})
	err = errors.Join(err, w.drain(ctx))
	after := usage(t.PID)
	if err == nil {
		err = pause(ctx, settle, nil)
	}
	r.RSSIdleMB, r.RSSAfterMB = mb(before.RSS), mb(after.RSS)
	w.disperse()

	evidence := w.evidence()
	if t.Database != "" {
		err = errors.Join(err, w.addRows(ctx, evidence, t.Database))
	}
	r.Verdict = judge.Judge(evidence)
	r.measure(w, begun)
	if n := r.Verdict.Deliveries; n > 0 {
		r.CPUPerDeliveryUs = float64((after.CPU - before.CPU).Nanoseconds()) / 1e3 / float64(n)
	}
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
	r.AckP50Ms, r.AckP99Ms = at(0.5), at(0.99)
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

// usage is the zero Usage when the process is not known or gone.
func usage(pid int) server.Usage {
	if pid == 0 {
		return server.Usage{}
	}
	u, err := server.UsageOf(pid)
	if err != nil {
		return server.Usage{}
	}
	return u
}

func mb(bytes int64) float64 { return float64(bytes) / (1 << 20) }
