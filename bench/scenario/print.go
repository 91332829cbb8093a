package scenario

import (
	"fmt"
	"io"
	"text/tabwriter"
)

// Print writes the report as a small table.
func (r *Report) Print(out io.Writer) error {
	t := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	line := func(name, format string, args ...any) {
		_, _ = fmt.Fprintf(t, name+"\t"+format+"\n", args...) // Flush reports it
	}
	line(r.Scenario, "%s", r.who())
	if r.Verdict.Messages > 0 {
		line("messages", "%d acked, %d delivered, %d rows, %d refused and sent again", r.Verdict.Messages, r.Verdict.Deliveries, r.Verdict.Rows, r.Refused)
		line("speed", "%.0f acked/s, %.0f deliveries/s over %.1f s", r.AckedPerSecond, r.DeliveriesPerSecond, r.Seconds)
	}
	if r.Kills > 0 {
		line("kills", "%d, and %d connections made again", r.Kills, r.Returns)
	}
	for _, l := range []struct {
		name string
		*Latency
	}{{"ack", r.Ack}, {"delivery", r.Delivery}} {
		if l.Latency != nil {
			line(l.name, "%s", l.Latency)
		}
	}
	if r.PerRead > 0 {
		line("a read brings", "%.2f deliveries and acks", r.PerRead)
	}
	if r.ServerCPUUs > 0 {
		line("CPU per delivery", "%.2f us in the server, %.2f us in the load client", r.ServerCPUUs, r.OwnCPUUs)
	}
	if r.ServerCPUUs == 0 && r.ServerCPUSeconds > 0 {
		line("CPU", "%.2f s in the server, %.2f s in the load client", r.ServerCPUSeconds, r.OwnCPUSeconds)
	}
	if r.RSSIdleMB > 0 {
		line("server's memory", "%s", r.memory())
	}
	if r.ConnectsPerSecond > 0 {
		line("connect", "%.0f/s", r.ConnectsPerSecond)
	}
	r.printSteps(line)
	if r.Failure != "" {
		line("FAILED", "%s", r.Failure)
	}
	if r.Verdict.OK() && r.Verdict.Deliveries > 0 {
		line("verdict", "every message acked once, delivered once to each member, in one order; seq without gaps")
	}
	for rule, n := range r.Verdict.Count {
		line("BROKEN", "%s (%d times)", rule, n)
	}
	for _, v := range r.Verdict.Examples {
		line("", "%s: %s: %s", v.Rule, v.Room, v.Detail)
	}
	return t.Flush()
}

// who says who did what.
func (r *Report) who() string {
	s := fmt.Sprintf("%d connections", r.Connections)
	if r.RoomSize > 0 {
		s += fmt.Sprintf(" in rooms of %d", r.RoomSize)
	}
	switch {
	case r.Rate > 0:
		s += fmt.Sprintf(", %d senders, %.0f messages per second", r.Senders, r.Rate)
	case r.Senders > 0:
		s += fmt.Sprintf(", %d senders with %d in flight", r.Senders, r.InFlight)
	}
	return s + ", " + r.Dialect
}

func (r *Report) memory() string {
	s := fmt.Sprintf("%.0f MB idle", r.RSSIdleMB)
	if r.RSSAfterMB > 0 {
		s += fmt.Sprintf(", %.0f MB after", r.RSSAfterMB)
	}
	if r.RSSRestedMB > 0 {
		s += fmt.Sprintf(", %.0f MB rested", r.RSSRestedMB)
	}
	return s
}

func (r *Report) printSteps(line func(name, format string, args ...any)) {
	for _, s := range r.Steps {
		what := fmt.Sprintf("%d %s", s.At, s.What)
		if s.PrepareSeconds > 0 {
			line(what, "written in %.1f s", s.PrepareSeconds)
			what = ""
		}
		if s.KernelMB > 0 {
			line(what, "%.1f MB, kernel %.1f MB, %.2f us of CPU per connection and second of rest, %.0f/s", s.RSSMB, s.KernelMB, s.IdleCPUUs, s.PerSecond)
		} else {
			line(what, "%.1f MB, %.0f/s", s.RSSMB, s.PerSecond)
		}
		if s.Latency != nil {
			line("", "%s", s.Latency)
		}
	}
	if r.KBPerConnection != 0 {
		line("slope", "%.2f KB per connection", r.KBPerConnection)
	}
	if r.KernelKBPerSocket != 0 {
		line("", "%.2f KB of the kernel's per socket, this machine having both ends of each connection", r.KernelKBPerSocket)
	}
}

// String gives the distribution in words.
func (l *Latency) String() string {
	return fmt.Sprintf("p50 %.2f ms, p90 %.2f ms, p99 %.2f ms, max %.1f ms", l.P50, l.P90, l.P99, l.Max)
}
