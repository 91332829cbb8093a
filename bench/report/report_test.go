package main

import (
	"bytes"
	"encoding/xml"
	"errors"
	"flag"
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/corrillo/corrillo/bench/judge"
	"github.com/corrillo/corrillo/bench/peers"
	"github.com/corrillo/corrillo/bench/run/results"
	"github.com/corrillo/corrillo/bench/run/works"
	"github.com/corrillo/corrillo/bench/scenario"
)

var update = flag.Bool("update", false, "write what comes out as what is expected")

// The page and the charts that are committed are what the committed results
// give: `make bench-report` makes them.
func TestCommitted(t *testing.T) {
	const docs = "../../docs"
	page, err := os.ReadFile(filepath.Join(docs, "BENCHMARKS.md"))
	if err != nil {
		t.Fatal(err)
	}
	set, err := results.Load(filepath.Join(docs, "bench", "results.json"))
	if err != nil {
		t.Fatal(err)
	}
	cluster, err := results.Load(filepath.Join(docs, "bench", "cluster.json"))
	if err != nil {
		t.Fatal(err)
	}
	want, err := render(set, cluster, page)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(page, want.page) {
		t.Error("docs/BENCHMARKS.md has other tables; run make bench-report")
	}
	files, err := filepath.Glob(filepath.Join(docs, "img", "bench-*.svg"))
	if err != nil {
		t.Fatal(err)
	}
	for _, path := range files {
		name := filepath.Base(path)
		got, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(got, want.charts[name]) {
			t.Errorf("docs/img/%s is another; run make bench-report", name)
		}
		delete(want.charts, name)
	}
	for name := range want.charts {
		t.Errorf("docs/img/%s is missing; run make bench-report", name)
	}
}

func TestRender(t *testing.T) {
	in, err := os.ReadFile("testdata/page.in.md")
	if err != nil {
		t.Fatal(err)
	}
	got, err := render(invented(), inventedCluster(), in)
	if err != nil {
		t.Fatal(err)
	}
	const golden = "testdata/page.out.md"
	if *update {
		if err := os.WriteFile(golden, got.page, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(golden)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got.page, want) {
		t.Errorf("the page differs from %s; look at it after go test ./bench/report -update:\n%s", golden, got.page)
	}
	again, err := render(invented(), inventedCluster(), got.page)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(again.page, got.page) || !maps.EqualFunc(again.charts, got.charts, bytes.Equal) {
		t.Error("the second time gives other bytes")
	}
	files := slices.Sorted(maps.Keys(got.charts))
	wantFiles := []string{"bench-cpu.svg", "bench-fanout-1000.svg", "bench-history.svg", "bench-memory-growth.svg", "bench-memory.svg", "bench-rooms-1.svg"}
	if !slices.Equal(files, wantFiles) {
		t.Errorf("charts %q, want %q", files, wantFiles)
	}
	for name, svg := range got.charts {
		text := characters(t, name, svg)
		if !strings.Contains(text, "Corrillo, MariaDB") {
			t.Errorf("%s does not name Corrillo: %s", name, text)
		}
		if name == "bench-rooms-1.svg" && strings.Contains(text, "Node, nothing stored") {
			t.Errorf("%s shows a figure that is void", name)
		}
	}
}

// characters is the text of an SVG; the test fails when it is not XML.
func characters(t *testing.T, name string, svg []byte) string {
	t.Helper()
	var text strings.Builder
	d := xml.NewDecoder(bytes.NewReader(svg))
	for {
		token, err := d.Token()
		if errors.Is(err, io.EOF) {
			return text.String()
		}
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if chars, ok := token.(xml.CharData); ok {
			text.Write(chars)
		}
	}
}

func TestRender_refuses(t *testing.T) {
	page := []byte("<!-- generated: goals -->\n<!-- end of generated -->\n")
	if _, err := render(&results.Set{}, &results.Set{}, page); !errors.Is(err, errNoPlace) {
		t.Errorf("a page without the places: %v", err)
	}
	if _, err := render(&results.Set{Short: true}, &results.Set{}, nil); !errors.Is(err, errShort) {
		t.Errorf("short runs: %v", err)
	}
	if _, err := render(&results.Set{}, &results.Set{Short: true}, nil); !errors.Is(err, errShort) {
		t.Errorf("short runs of a cluster: %v", err)
	}
}

// invented are results that nobody measured: two rounds, one server of them
// with a broken rule, one that did not start.
func invented() *results.Set {
	set := &results.Set{
		Machine:  results.Machine{Cores: 8, CPU: "Pentium", MemoryMB: 16384, Kernel: "6.1"},
		Versions: map[string]string{"Go": "1.26", "Node": "20.1"},
	}
	began := time.Date(2026, 11, 30, 23, 50, 0, 0, time.UTC)
	add := func(work, server string, round int, r *scenario.Report, failure string) {
		run := results.Run{Work: work, Server: server, Round: round, Began: began, Load: float64(len(set.Runs)) / 10, Report: r, Failure: failure}
		if strings.HasPrefix(server, "corrillo") {
			run.Revision = "abc"
		}
		set.Runs, began = append(set.Runs, run), began.Add(time.Minute)
	}
	rooms := func(acked, us float64) *scenario.Report {
		return &scenario.Report{
			RoomSize: 10, AckedPerSecond: acked, DeliveriesPerSecond: 10 * acked, ServerCPUUs: us,
			Ack: &scenario.Latency{P50: 1e4 / acked, P99: 3e4 / acked}, RSSIdleMB: 40, RSSRestedMB: 50,
			Verdict: judge.Verdict{Messages: int64(acked), Deliveries: int64(10 * acked)},
		}
	}
	for round := 1; round <= 2; round++ {
		add(works.Rooms1, peers.CorrilloMariaDB, round, rooms(15_000+1000*float64(round), 7), "")
		add(works.Rooms1, peers.Reference, round, rooms(4000+100*float64(round), 20.5), "")
		broken := rooms(8000, 9)
		if round == 2 {
			broken.Verdict.Count = map[judge.Rule]int{judge.Lost: 1}
		}
		add(works.Rooms1, peers.ReferenceNoStore, round, broken, "")
	}
	add(works.Rooms1, peers.CentrifugoHistory, 1, nil, "it ended by itself\nsecond line")
	fanout := rooms(300, 2.1)
	fanout.RoomSize, fanout.DeliveriesPerSecond = 1000, 300_000
	add(works.Fanout1000, peers.CorrilloMariaDB, 1, fanout, "")
	add(works.Memory, peers.CorrilloMariaDB, 1, &scenario.Report{
		KBPerConnection: 2.2, Steps: []scenario.Step{{At: 2000, RSSMB: 30}, {At: 15_000, RSSMB: 58}},
	}, "")
	add(works.History, peers.CorrilloMariaDB, 1, &scenario.Report{Steps: []scenario.Step{
		{At: 10_000, Latency: &scenario.Latency{P50: 0.5}}, {At: 1_000_000, Latency: &scenario.Latency{P50: 0.6}}, {At: 10_000_000, Latency: &scenario.Latency{P50: 0.7}},
	}}, "")
	return set
}

// inventedCluster is the same of a cluster: two rounds, in which three nodes
// have lost a message.
func inventedCluster() *results.Set {
	set := &results.Set{Machine: results.Machine{Cores: 8, CPU: "Pentium", MemoryMB: 16384, Kernel: "6.1"}, Versions: map[string]string{"Go": "1.26"}}
	add := func(work, server string, round int, r *scenario.Report) {
		set.Runs = append(set.Runs, results.Run{Work: work, Server: server, Round: round, Began: time.Date(2026, 11, 30, 12, 0, 0, 0, time.UTC), Revision: "abc", Report: r})
	}
	verdict := judge.Verdict{Messages: 1000, Deliveries: 10_000}
	wait := func(p50 float64) *scenario.Latency { return &scenario.Latency{P50: p50, P99: 3 * p50, Max: 10 * p50} }
	for round := 1; round <= 2; round++ {
		f := float64(round)
		talk := func(acked float64) *scenario.Report {
			return &scenario.Report{
				AckedPerSecond: acked + f, DeliveriesPerSecond: 10 * acked, ServerCPUUs: 1e5 / acked, Ack: wait(1e4 / acked), RSSIdleMB: 40, Verdict: verdict,
			}
		}
		for server, acked := range map[string]float64{peers.Alone: 10_000, peers.Nodes2: 8000} {
			add(works.Rooms1, server, round, talk(acked))
			add(works.Open300, server, round, talk(acked))
		}
		lost := talk(6000)
		lost.Verdict.Count = map[judge.Rule]int{judge.Lost: 1}
		add(works.Rooms1, peers.Nodes3, round, lost)
		add(works.Hop, peers.Nodes2, round, &scenario.Report{Verdict: verdict, Hop: &scenario.Hop{
			Own: scenario.Way{Ack: wait(1), Delivery: wait(1), ServerCPUUs: 100 * f}, Other: scenario.Way{Ack: wait(1.5), Delivery: wait(2), ServerCPUUs: 130 * f, LinkItems: 2, LinkBytes: 500},
		}})
		add(works.Join, peers.Nodes2, round, &scenario.Report{Verdict: verdict, Join: &scenario.Join{
			Seconds: f, Users: 2000, MovedUsers: 600, Conversations: 1000, MovedConversations: 350, Held: 40, Before: wait(1), After: wait(2),
			LinkBytes: 1 << 20, AfterSeconds: 2, LinkBytesPerSec: 1 << 10,
		}})
	}
	return set
}
