package main

import (
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"

	"github.com/dustin/go-humanize"

	"github.com/corrillo/corrillo/bench/peers"
	"github.com/corrillo/corrillo/bench/run/results"
	"github.com/corrillo/corrillo/bench/run/works"
)

const nothingYet = "Nothing has been measured yet: `make bench` does it.\n"

// facts says what the figures were measured with.
func facts(set *results.Set) string {
	if len(set.Runs) == 0 {
		return nothingYet
	}
	m := set.Machine
	var versions []string
	for _, name := range slices.Sorted(maps.Keys(set.Versions)) {
		versions = append(versions, name+" "+set.Versions[name])
	}
	var loads []float64
	revisions := map[string]bool{}
	first, last := set.Runs[0].Began, set.Runs[0].Began
	for i := range set.Runs {
		r := &set.Runs[i]
		loads = append(loads, r.Load)
		if r.Revision != "" {
			revisions[r.Revision] = true
		}
		if r.Began.Before(first) {
			first = r.Began
		}
		if r.Began.After(last) {
			last = r.Began
		}
	}
	when := first.Format("2 January 2006")
	if until := last.Format("2 January 2006"); until != when {
		when += " to " + until
	}
	load := over(loads)
	return fmt.Sprintf("%d cores (%s), %s of memory, Linux %s; %s. Corrillo at %s. %s runs, %s; load average before a run %.1f (%.1f to %.1f).\n",
		m.Cores, m.CPU, humanize.IBytes(uint64(max(0, m.MemoryMB))<<20), m.Kernel, strings.Join(versions, ", "),
		orUnknown(slices.Sorted(maps.Keys(revisions))), humanize.Comma(int64(len(set.Runs))), when, load.median, load.least, load.most)
}

func orUnknown(names []string) string {
	if len(names) == 0 {
		return "an unknown revision"
	}
	return strings.Join(names, ", ")
}

// goals holds Corrillo on MariaDB against what it is to reach.
func goals(set *results.Set) string {
	if len(set.Runs) == 0 {
		return nothingYet
	}
	var out strings.Builder
	out.WriteString("| work | figure | Corrillo, MariaDB | goal | reached | ÷ Node, MariaDB | ÷ Centrifugo, history | verdict |\n|---|---|---|---|---|---|---|---|\n")
	for _, f := range figures() {
		if f.goal == 0 || len(set.Of(f.work, peers.CorrilloMariaDB)) == 0 {
			continue
		}
		s, void := measured(set, f.work, peers.CorrilloMariaDB, f.value)
		sign, reached := ">=", s.median >= f.goal
		if f.less {
			sign, reached = "<=", s.runs > 0 && s.median <= f.goal
		}
		fmt.Fprintf(&out, "| %s | %s | %s | %s %s | %s | %s | %s | %s |\n", f.work, f.name, cell(s, void), sign, number(f.goal), yes(reached),
			times(ratio(set, f.work, peers.CorrilloMariaDB, peers.Reference, f.value)),
			times(ratio(set, f.work, peers.CorrilloMariaDB, peers.CentrifugoHistory, f.value)),
			verdict(set.Of(f.work, peers.CorrilloMariaDB)))
	}
	return out.String()
}

// tables are all that was measured, a table for each work.
func tables(set *results.Set) string {
	if len(set.Runs) == 0 {
		return nothingYet
	}
	var parts []string
	for _, w := range works.All() {
		if t := table(set, &w); t != "" {
			parts = append(parts, t)
		}
	}
	return strings.Join(parts, "\n")
}

func table(set *results.Set, w *works.Work) string {
	list := figuresOf(w.Name)
	var rows strings.Builder
	for _, k := range peers.Kinds() {
		runs := set.Of(w.Name, k.Name)
		if len(runs) == 0 {
			continue
		}
		fmt.Fprintf(&rows, "| %s |", k.Title)
		for _, f := range list {
			s, void := measured(set, w.Name, k.Name, f.value)
			fmt.Fprintf(&rows, " %s |", cell(s, void))
		}
		for _, f := range list {
			if f.main {
				fmt.Fprintf(&rows, " %s | %s |", times(ratioTo(set, w.Name, k.Name, peers.Reference, f)), times(ratioTo(set, w.Name, k.Name, peers.CentrifugoHistory, f)))
			}
		}
		fmt.Fprintf(&rows, " %s |\n", verdict(runs))
	}
	if rows.Len() == 0 {
		return ""
	}
	var out strings.Builder
	fmt.Fprintf(&out, "**%s**: %s\n\n| |", w.Name, w.Title)
	for _, f := range list {
		fmt.Fprintf(&out, " %s |", f.name)
	}
	out.WriteString(" ÷ Node, MariaDB | ÷ Centrifugo, history | verdict |\n|---|")
	out.WriteString(strings.Repeat("---|", len(list)+3) + "\n")
	out.WriteString(rows.String())
	return out.String()
}

// ratioTo is ratio, but for a server beside itself.
func ratioTo(set *results.Set, work, server, other string, f figure) spread {
	if server == other {
		return spread{}
	}
	return ratio(set, work, server, other, f.value)
}

// verdict says of a server's runs of a work whether every one kept the rules
// of delivery, and what the first one broke that did not.
func verdict(runs []results.Run) string {
	messages, deliveries := int64(0), int64(0)
	for i := range runs {
		r := &runs[i]
		switch {
		case r.Report == nil || r.Failure != "":
			return "**void**: " + inCell(r.Failure)
		case r.Report.Failure != "":
			return "**void**: " + inCell(r.Report.Failure)
		case !r.OK():
			rules := slices.Sorted(maps.Keys(r.Report.Verdict.Count))
			return "**void**: " + inCell(string(rules[0]))
		}
		messages, deliveries = messages+r.Report.Verdict.Messages, deliveries+r.Report.Verdict.Deliveries
	}
	if messages == 0 {
		return "done"
	}
	return fmt.Sprintf("kept: %s acked, %s delivered", humanize.Comma(messages), humanize.Comma(deliveries))
}

// inCell is text that may stand in a table.
func inCell(text string) string {
	line, _, _ := strings.Cut(text, "\n")
	const most = 120
	return strings.ReplaceAll(line[:min(len(line), most)], "|", "/")
}

// cell is a median and, of more than one run, the least and the most.
func cell(s spread, void bool) string {
	switch {
	case void:
		return "void"
	case s.runs == 0:
		return ""
	case s.runs == 1:
		return number(s.median)
	}
	return fmt.Sprintf("%s (%s to %s)", number(s.median), number(s.least), number(s.most))
}

// times is cell for a ratio.
func times(s spread) string {
	switch s.runs {
	case 0:
		return ""
	case 1:
		return fmt.Sprintf("%.2f", s.median)
	}
	return fmt.Sprintf("%.2f (%.2f to %.2f)", s.median, s.least, s.most)
}

// number shows three digits or so, and thousands apart.
func number(v float64) string {
	switch a := math.Abs(v); {
	case a >= 100:
		return humanize.Comma(int64(math.Round(v)))
	case v == math.Trunc(v):
		return fmt.Sprintf("%.0f", v)
	case a >= 10:
		return fmt.Sprintf("%.1f", v)
	}
	return fmt.Sprintf("%.2f", v)
}

func yes(reached bool) string {
	if reached {
		return "yes"
	}
	return "no"
}
