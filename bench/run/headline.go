package main

import (
	"fmt"
	"strings"

	"github.com/dustin/go-humanize"

	"github.com/corrillo/corrillo/bench/run/results"
	"github.com/corrillo/corrillo/bench/scenario"
)

// headline is a run in one line, for who looks on.
func headline(r *results.Run) string {
	if r.Report == nil {
		return "could not be done: " + firstLine(r.Failure)
	}
	var say []string
	add := func(value float64, format string) {
		if value > 0 {
			say = append(say, fmt.Sprintf(format, humanize.CommafWithDigits(value, 1)))
		}
	}
	add(r.Report.AckedPerSecond, "%s acked/s")
	add(r.Report.DeliveriesPerSecond, "%s deliveries/s")
	add(r.Report.ServerCPUUs, "%s us each")
	if a := r.Report.Ack; a != nil {
		add(a.P50, "ack p50 %s")
		add(a.P99, "p99 %s ms")
	}
	add(r.Report.ConnectsPerSecond, "%s connects/s")
	add(r.Report.KBPerConnection, "%s KB per connection")
	for _, s := range r.Report.Steps {
		add(s.RSSMB, fmt.Sprintf("%%s MB at %s", humanize.Comma(int64(s.At))))
		if s.Latency != nil {
			add(s.Latency.P50, fmt.Sprintf("p50 %%s ms at %s", humanize.Comma(int64(s.At))))
		}
	}
	if h := r.Report.Hop; h != nil {
		for _, way := range []struct {
			name string
			scenario.Way
		}{{"own node", h.Own}, {"another node", h.Other}} {
			if way.Ack != nil {
				say = append(say, fmt.Sprintf("%s: p50 %.2f p99 %.2f ms, %.0f us of CPU, %.0f bytes between nodes for each message",
					way.name, way.Ack.P50, way.Ack.P99, way.ServerCPUUs, way.LinkBytes))
			}
		}
	}
	if j := r.Report.Join; j != nil {
		say = append(say, fmt.Sprintf("joined in %.1f s, %d of %d users and %d of %d conversations moved, %d commands held, the longest wait %.0f ms",
			j.Seconds, j.MovedUsers, j.Users, j.MovedConversations, j.Conversations, j.Held, maximum(j.After)))
	}
	switch {
	case r.Failure != "":
		say = append(say, "FAILED: "+firstLine(r.Failure))
	case r.Report.Failure != "":
		say = append(say, "FAILED: "+firstLine(r.Report.Failure))
	case !r.OK():
		say = append(say, "BROKEN")
		for rule, n := range r.Report.Verdict.Count {
			say = append(say, fmt.Sprintf("%s (%d times)", rule, n))
		}
	default:
		say = append(say, "kept")
	}
	return strings.Join(say, ", ")
}

func maximum(l *scenario.Latency) float64 {
	if l == nil {
		return 0
	}
	return l.Max
}

func firstLine(s string) string {
	line, _, _ := strings.Cut(s, "\n")
	return line
}
