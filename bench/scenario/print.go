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
	line(r.Scenario, "%d connections in rooms of %d, %d senders with %d in flight, %s", r.Connections, r.RoomSize, r.Senders, r.InFlight, r.Dialect)
	line("messages", "%d acked, %d delivered, %d rows, %d refused and sent again", r.Verdict.Messages, r.Verdict.Deliveries, r.Verdict.Rows, r.Refused)
	if r.Kills > 0 {
		line("kills", "%d, and %d connections made again", r.Kills, r.Returns)
	}
	line("speed", "%.0f acked/s, %.0f deliveries/s over %.1f s", r.AckedPerSecond, r.DeliveriesPerSecond, r.Seconds)
	line("ack", "p50 %.2f ms, p99 %.2f ms", r.AckP50Ms, r.AckP99Ms)
	if r.CPUPerDeliveryUs > 0 {
		line("server", "%.2f us of CPU per delivery, RSS %.0f MB idle, %.0f MB after", r.CPUPerDeliveryUs, r.RSSIdleMB, r.RSSAfterMB)
	}
	if r.Failure != "" {
		line("FAILED", "%s", r.Failure)
	}
	if r.Verdict.OK() {
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

// Print writes the report as a small table.
func (r *MemoryReport) Print(out io.Writer) error {
	t := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	_, _ = fmt.Fprintf(t, "connections\tRSS, MB\n") // Flush reports it
	for _, s := range r.Steps {
		_, _ = fmt.Fprintf(t, "%d\t%.1f\n", s.Connections, s.RSSMB)
	}
	_, _ = fmt.Fprintf(t, "slope\t%.2f KB per connection (%s)\n", r.KBPerConnection, r.Dialect)
	_, _ = fmt.Fprintf(t, "connect\t%.0f/s\n", r.ConnectsPerSecond)
	return t.Flush()
}
