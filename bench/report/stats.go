package main

import (
	"slices"

	"github.com/corrillo/corrillo/bench/run/results"
	"github.com/corrillo/corrillo/bench/scenario"
)

// spread is what the runs of one figure come to.
type spread struct {
	median, least, most float64
	runs                int
}

// over is the spread of some values; without any, runs is 0.
func over(values []float64) spread {
	if len(values) == 0 {
		return spread{}
	}
	v := slices.Sorted(slices.Values(values))
	middle := len(v) / 2
	median := v[middle]
	if len(v)%2 == 0 {
		median = (v[middle-1] + v[middle]) / 2
	}
	return spread{median: median, least: v[0], most: v[len(v)-1], runs: len(v)}
}

// counted are a server's runs of a work. One run that broke a rule voids them
// all: void says so, and nothing counts.
func counted(set *results.Set, work, server string) (runs []results.Run, void bool) {
	runs = set.Of(work, server)
	for i := range runs {
		if !runs[i].OK() {
			return nil, true
		}
	}
	return runs, false
}

// measured is the spread of a figure over a server's runs of a work.
func measured(set *results.Set, work, server string, value func(*scenario.Report) float64) (s spread, void bool) {
	runs, void := counted(set, work, server)
	var values []float64
	for i := range runs {
		if v := value(runs[i].Report); v > 0 {
			values = append(values, v)
		}
	}
	return over(values), void
}

// ratio is the spread of a server's figure divided by another's in the same
// round: what else the machine did then, it did to both.
func ratio(set *results.Set, work, server, other string, value func(*scenario.Report) float64) spread {
	ours, _ := counted(set, work, server)
	theirs, _ := counted(set, work, other)
	var values []float64
	for i := range ours {
		for j := range theirs {
			if ours[i].Round != theirs[j].Round {
				continue
			}
			if a, b := value(ours[i].Report), value(theirs[j].Report); a > 0 && b > 0 {
				values = append(values, a/b)
			}
		}
	}
	return over(values)
}
