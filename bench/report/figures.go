package main

import (
	"fmt"

	"github.com/corrillo/corrillo/bench/run/works"
	"github.com/corrillo/corrillo/bench/scenario"
)

// figure is one column of a work's table.
type figure struct {
	work  string
	name  string
	value func(*scenario.Report) float64 // 0: not measured
	// less says that less is better.
	less bool
	// goal is Corrillo's on MariaDB; 0: none.
	goal float64
	// main has its ratios shown: one of each work's figures.
	main bool
}

func figures() []figure {
	acked := func(r *scenario.Report) float64 { return r.AckedPerSecond }
	delivered := func(r *scenario.Report) float64 { return r.DeliveriesPerSecond }
	cpu := func(r *scenario.Report) float64 { return r.ServerCPUUs }
	p50 := func(r *scenario.Report) float64 { return latency(r.Ack).P50 }
	p99 := func(r *scenario.Report) float64 { return latency(r.Ack).P99 }
	back := func(r *scenario.Report) float64 { return divided(r.RSSRestedMB, r.RSSIdleMB) }
	perConversation := func(r *scenario.Report) float64 { return slope(r.Steps) * (1 << 20) }
	const (
		us   = "us of server CPU per delivery"
		rest = "RSS after 10 s of rest ÷ idle"
	)
	list := []figure{
		{work: works.Rooms1, name: "acked/s", value: acked, goal: 14_500, main: true},
		{work: works.Rooms1, name: us, value: cpu, less: true, goal: 7.5},
		{work: works.Rooms1, name: "ack p50, ms", value: p50, less: true},
		{work: works.Rooms1, name: "p99, ms", value: p99, less: true},
		{work: works.Rooms1, name: rest, value: back, less: true, goal: 1.3},
		{work: works.Rooms4, name: "acked/s", value: acked, goal: 28_000, main: true},
		{work: works.Rooms4, name: us, value: cpu, less: true, goal: 3.3},
		{work: works.Rooms4, name: "ack p50, ms", value: p50, less: true},
		{work: works.Rooms4, name: "p99, ms", value: p99, less: true},
		{work: works.Open300, name: "ack p50, ms", value: p50, less: true, goal: 0.7, main: true},
		{work: works.Open300, name: "p99, ms", value: p99, less: true, goal: 2},
		{work: works.Open300, name: us, value: cpu, less: true},
		{work: works.Fanout1000, name: "deliveries/s", value: delivered, goal: 450_000, main: true},
		{work: works.Fanout1000, name: us, value: cpu, less: true, goal: 2.3},
		{work: works.Fanout5000, name: "deliveries/s", value: delivered, goal: 350_000, main: true},
		{work: works.Fanout5000, name: us, value: cpu, less: true, goal: 3.3},
		{work: works.Connect, name: "connections/s", value: func(r *scenario.Report) float64 { return r.ConnectsPerSecond }, goal: 8000, main: true},
		{work: works.Memory, name: "KB of RSS per connection", value: func(r *scenario.Report) float64 { return r.KBPerConnection }, less: true, goal: 2.5, main: true},
		{work: works.Polling, name: "acked/s", value: acked, main: true},
		{work: works.Polling, name: us, value: cpu, less: true},
		{work: works.Polling, name: "ack p50, ms", value: p50, less: true},
		{work: works.Touched, name: "bytes of RSS per conversation", value: perConversation, less: true, main: true},
	}
	return append(list, pages()...)
}

// pages are the figures of the work that reads history: one for each size of
// the table.
func pages() []figure {
	var list []figure
	for _, w := range works.All() {
		if w.Name != works.History {
			continue
		}
		for i, rows := range w.Full.At {
			list = append(list, figure{
				work: w.Name, name: fmt.Sprintf("p50 with %s rows, ms", number(float64(rows))), less: true, main: i == 0,
				value: func(r *scenario.Report) float64 { return latency(at(r.Steps, rows).Latency).P50 },
			})
		}
	}
	return list
}

func figuresOf(work string) []figure {
	var list []figure
	for _, f := range figures() {
		if f.work == work {
			list = append(list, f)
		}
	}
	return list
}

// latency is l, or zeros.
func latency(l *scenario.Latency) scenario.Latency {
	if l == nil {
		return scenario.Latency{}
	}
	return *l
}

// at is the reading at a size; the zero Step when there is none.
func at(steps []scenario.Step, size int) scenario.Step {
	for _, s := range steps {
		if s.At == size {
			return s
		}
	}
	return scenario.Step{}
}

func divided(a, b float64) float64 {
	if b == 0 {
		return 0
	}
	return a / b
}

// slope is the least-squares slope of RSS in MB over the sizes of the steps.
func slope(steps []scenario.Step) float64 {
	var n, x, y, xx, xy float64
	for _, s := range steps {
		size := float64(s.At)
		n, x, y, xx, xy = n+1, x+size, y+s.RSSMB, xx+size*size, xy+size*s.RSSMB
	}
	return divided(n*xy-x*y, n*xx-x*x)
}
