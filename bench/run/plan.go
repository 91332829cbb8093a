package main

import (
	"fmt"
	"time"

	"github.com/corrillo/corrillo/bench/peers"
	"github.com/corrillo/corrillo/bench/run/results"
	"github.com/corrillo/corrillo/bench/run/works"
)

// turn is one run that is to be done.
type turn struct {
	work  works.Work
	kind  peers.Kind
	round int
}

// planned gives the turns that the set does not have yet, in their order. A
// run that broke a rule is not tried again by itself: it is a finding.
func planned(set *results.Set, kinds []peers.Kind, list []works.Work, rounds int) []turn {
	var plan []turn
	for _, w := range list {
		n := rounds
		if w.Rounds > 0 {
			n = min(n, w.Rounds)
		}
		for round := 1; round <= n; round++ {
			for _, k := range kinds {
				if !w.Can(k) {
					continue
				}
				if r := set.Find(w.Name, k.Name, round); r != nil && r.Report != nil {
					continue
				}
				plan = append(plan, turn{work: w, kind: k, round: round})
			}
		}
	}
	return plan
}

// shortTakes is what a short run takes, the start of its server included.
const shortTakes = 5 * time.Second

func (t *turn) takes(short bool) time.Duration {
	if short {
		return shortTakes
	}
	return t.work.Takes
}

func takes(plan []turn, short bool) (sum time.Duration) {
	for i := range plan {
		sum += plan[i].takes(short)
	}
	return sum
}

// roughly is a duration for somebody who waits.
func roughly(d time.Duration) string {
	switch {
	case d >= time.Hour:
		return fmt.Sprintf("%d h %02d min", int(d.Hours()), int(d.Minutes())%60)
	case d >= 2*time.Minute:
		return fmt.Sprintf("%d min", int(d.Round(time.Minute).Minutes()))
	}
	return fmt.Sprintf("%d s", int(d.Seconds()))
}
