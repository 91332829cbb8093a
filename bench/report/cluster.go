package main

import (
	"fmt"
	"strings"

	"github.com/corrillo/corrillo/bench/peers"
	"github.com/corrillo/corrillo/bench/run/results"
	"github.com/corrillo/corrillo/bench/run/works"
	"github.com/corrillo/corrillo/bench/scenario"
)

const noClusterYet = "Nothing has been measured yet: `make bench-cluster` does it.\n"

// clusters is what a cluster costs, in tables.
func clusters(set *results.Set) string {
	if len(set.Runs) == 0 {
		return noClusterYet
	}
	parts := []string{facts(set)}
	for _, w := range works.Clustered() {
		var t string
		switch w.Name {
		case works.Hop:
			t = hopTable(set, &w)
		case works.Join:
			t = joinTable(set, &w)
		default:
			t = nodesTable(set, &w)
		}
		if t != "" {
			parts = append(parts, t)
		}
	}
	return strings.Join(parts, "\n")
}

// column is a figure of a table that is read from a report.
type column struct {
	name  string
	value func(*scenario.Report) float64
}

func row(out *strings.Builder, cells ...string) {
	fmt.Fprintf(out, "| %s |\n", strings.Join(cells, " | "))
}

// heading is the title and the first two lines of a work's table.
func heading(out *strings.Builder, w *works.Work, names ...string) {
	fmt.Fprintf(out, "**%s**: %s\n\n", w.Name, w.Title)
	row(out, names...)
	fmt.Fprintf(out, "|%s\n", strings.Repeat("---|", len(names)))
}

// nodesTable is a work done by one server and by nodes. Ratios are to the first
// of the servers that has done it.
func nodesTable(set *results.Set, w *works.Work) string {
	columns := []column{
		{"acked/s", func(r *scenario.Report) float64 { return r.AckedPerSecond }},
		{"deliveries/s", func(r *scenario.Report) float64 { return r.DeliveriesPerSecond }},
		{"us of CPU per delivery, all nodes", func(r *scenario.Report) float64 { return r.ServerCPUUs }},
		{"ack p50, ms", func(r *scenario.Report) float64 { return latency(r.Ack).P50 }},
		{"p99, ms", func(r *scenario.Report) float64 { return latency(r.Ack).P99 }},
		{"RSS of all nodes, all joined, MB", func(r *scenario.Report) float64 { return r.RSSIdleMB }},
	}
	speed := columns[0]
	if w.Scenario == "openloop" { // it sends as many in any case
		speed = columns[3]
	}
	var out strings.Builder
	base := ""
	for _, k := range peers.Clusters() {
		runs := set.Of(w.Name, k.Name)
		if len(runs) == 0 {
			continue
		}
		if base == "" {
			base = k.Name
			names := []string{""}
			for _, c := range columns {
				names = append(names, c.name)
			}
			heading(&out, w, append(names, speed.name+" ÷ "+k.Title, "CPU ÷ "+k.Title, "verdict")...)
		}
		cells := []string{k.Title}
		for _, c := range columns {
			cells = append(cells, cell(measured(set, w.Name, k.Name, c.value)))
		}
		var ratios [2]spread
		if k.Name != base {
			ratios[0] = ratio(set, w.Name, k.Name, base, speed.value)
			ratios[1] = ratio(set, w.Name, k.Name, base, columns[2].value)
		}
		row(&out, append(cells, times(ratios[0]), times(ratios[1]), verdict(runs))...)
	}
	return out.String()
}

// hopTable has a line for each way of a message, and one for how they differ
// within a run.
func hopTable(set *results.Set, w *works.Work) string {
	runs := set.Of(w.Name, peers.Nodes2)
	if len(runs) == 0 {
		return ""
	}
	columns := []struct {
		name  string
		value func(*scenario.Way) float64
	}{
		{"ack p50, ms", func(w *scenario.Way) float64 { return latency(w.Ack).P50 }},
		{"p99, ms", func(w *scenario.Way) float64 { return latency(w.Ack).P99 }},
		{"delivery p50, ms", func(w *scenario.Way) float64 { return latency(w.Delivery).P50 }},
		{"us of CPU per message, both nodes", func(w *scenario.Way) float64 { return w.ServerCPUUs }},
		{"items between nodes per message", func(w *scenario.Way) float64 { return w.LinkItems }},
		{"bytes", func(w *scenario.Way) float64 { return w.LinkBytes }},
	}
	names := []string{"the conversation is looked after by"}
	own, other, more := []string{"the sender's node"}, []string{"the other node"}, []string{"the hop"}
	counted, void := counted(set, w.Name, peers.Nodes2)
	for _, c := range columns {
		var v [3][]float64
		for i := range counted {
			if h := counted[i].Report.Hop; h != nil {
				a, b := c.value(&h.Own), c.value(&h.Other)
				v[0], v[1], v[2] = append(v[0], a), append(v[1], b), append(v[2], b-a)
			}
		}
		names = append(names, c.name)
		own, other, more = append(own, cell(over(v[0]), void)), append(other, cell(over(v[1]), void)), append(more, cell(over(v[2]), void))
	}
	var out strings.Builder
	heading(&out, w, append(names, "verdict")...)
	row(&out, append(own, verdict(runs))...)
	row(&out, append(other, "")...)
	row(&out, append(more, "")...)
	return out.String()
}

// joinTable is what came of a node's coming.
func joinTable(set *results.Set, w *works.Work) string {
	runs := set.Of(w.Name, peers.Nodes2)
	if len(runs) == 0 {
		return ""
	}
	lines := []struct {
		name  string
		value func(*scenario.Join) float64
	}{
		{"from its start until it takes clients, s", func(j *scenario.Join) float64 { return j.Seconds }},
		{"conversations that move, %", func(j *scenario.Join) float64 {
			return 100 * divided(float64(j.MovedConversations), float64(j.Conversations))
		}},
		{"users that move, %", func(j *scenario.Join) float64 { return 100 * divided(float64(j.MovedUsers), float64(j.Users)) }},
		{"commands held meanwhile, what nodes say of their clients included", func(j *scenario.Join) float64 { return float64(j.Held) }},
		{"ack p50 before, ms", func(j *scenario.Join) float64 { return latency(j.Before).P50 }},
		{"ack p50 from its start on, ms", func(j *scenario.Join) float64 { return latency(j.After).P50 }},
		{"ack p99 before, ms", func(j *scenario.Join) float64 { return latency(j.Before).P99 }},
		{"ack p99 from its start on, ms", func(j *scenario.Join) float64 { return latency(j.After).P99 }},
		{"longest wait for an ack before, ms", func(j *scenario.Join) float64 { return latency(j.Before).Max }},
		{"longest wait for an ack from its start on, ms", func(j *scenario.Join) float64 { return latency(j.After).Max }},
		{"between nodes before, KB/s", func(j *scenario.Join) float64 { return j.LinkBytesPerSec / 1024 }},
		{"between nodes from its start on, KB/s", func(j *scenario.Join) float64 { return divided(float64(j.LinkBytes)/1024, j.AfterSeconds) }},
	}
	var out strings.Builder
	heading(&out, w, "", "2 nodes, and the third")
	counted, void := counted(set, w.Name, peers.Nodes2)
	for _, l := range lines {
		var v []float64
		for i := range counted {
			if j := counted[i].Report.Join; j != nil {
				v = append(v, l.value(j))
			}
		}
		row(&out, l.name, cell(over(v), void))
	}
	row(&out, "verdict", verdict(runs))
	return out.String()
}
