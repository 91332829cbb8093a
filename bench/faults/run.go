package faults

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"text/tabwriter"
	"time"

	"github.com/corrillo/corrillo/bench/judge"
)

// Outcome is the result of one run.
type Outcome struct {
	Store   string  `json:"store"` // the rig
	Reader  string  `json:"reader"`
	Nemesis string  `json:"nemesis"`
	Seed    uint64  `json:"seed"`
	Steps   []Step  `json:"steps"`
	Seconds float64 `json:"seconds"`
	// BackSeconds is the longest time from the end of a strike until everyone
	// was joined, every node was ready, and every conversation had acked a
	// message.
	BackSeconds float64 `json:"backSeconds"`
	// SilentSeconds is the longest time, from the beginning of a strike on, in
	// which some conversation acked nothing.
	SilentSeconds float64       `json:"silentSeconds"`
	Facts         judge.Facts   `json:"facts"`
	Verdict       judge.Verdict `json:"verdict"`
	// Trial is the log and the tables that the judge has compared.
	Trial *judge.Trial `json:"-"`
	// Failure says why the run did not reach its end; empty when it did.
	Failure string `json:"failure,omitempty"`
}

// OK reports whether the run reached its end and no promise was broken.
func (o *Outcome) OK() bool { return o.Failure == "" && o.Verdict.OK() }

// Bounds on the log of a Run: each step has room for some 6,000 records a second, for
// less than half a minute.
const (
	leastRecords   = 2_000_000
	recordsOfAStep = 200_000
)

// Run lets a fleet talk while the steps strike, and judges the result. Each step strikes
// when everyone is back from the one before and messages are acked again.
func Run(ctx context.Context, a *Arena, o Options, steps []Step) (Outcome, error) {
	out := Outcome{Seed: o.Seed, Steps: steps}
	if o.Records == 0 {
		o.Records = max(leastRecords, len(steps)*recordsOfAStep)
	}
	begun := time.Now()
	f, err := Launch(ctx, o, "http://"+a.front(), a.clients())
	if err != nil {
		return out, err
	}
	back, silent, err := f.suffer(ctx, a, steps)
	t := f.Disperse()
	if readErr := f.addTables(ctx, t, a.stored()); readErr != nil {
		return out, errors.Join(err, readErr)
	}
	t.Retold = a.Cluster != nil
	out.Verdict, out.Facts = t.Judge()
	out.Trial = t
	out.Seconds, out.BackSeconds, out.SilentSeconds = time.Since(begun).Seconds(), back.Seconds(), silent.Seconds()
	switch {
	case err != nil:
		out.Failure = err.Error()
	case f.log.Lost():
		out.Failure = "the log was too small for this run: no verdict holds"
	case out.Facts.Unacked > 0:
		out.Failure = fmt.Sprintf("%d messages were never acked", out.Facts.Unacked)
	case out.Facts.Unchanged > 0:
		out.Failure = fmt.Sprintf("%d edits and deletions were never acked", out.Facts.Unchanged)
	}
	return out, nil
}

// suffer lets the steps strike. It returns the longest time that it took until messages
// were acked everywhere again, and the longest silence of a conversation.
func (f *Fleet) suffer(ctx context.Context, a *Arena, steps []Step) (back, silent time.Duration, err error) {
	if err := f.Together(ctx); err != nil {
		return 0, 0, fmt.Errorf("before the first step: %w", err)
	}
	for i, s := range steps {
		if err := wait(ctx, s.After); err != nil {
			return back, silent, err
		}
		if f.log.Filling() { // strikes that the log no longer records must not count
			return back, silent, fmt.Errorf("step %d, %s: the log is full, and nobody talks any more", i+1, s.Nemesis)
		}
		silence := f.listen()
		struck := find(s.Nemesis).Strike(ctx, a, s.Hold)
		healed := time.Now()
		if struck == nil {
			struck = errors.Join(a.whole(ctx), f.Together(ctx))
		}
		silent = max(silent, silence())
		if struck != nil {
			return back, silent, fmt.Errorf("step %d, %s: %w", i+1, s.Nemesis, struck)
		}
		back = max(back, time.Since(healed))
	}
	return back, silent, f.Finish(ctx)
}

// Print writes a table with a line for each outcome, and below it the promises that were
// broken.
func Print(w io.Writer, outcomes []Outcome) error {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', tabwriter.AlignRight)
	_, _ = fmt.Fprintln(t, "nemesis\tstore\treader\tfaults\tseconds\tback\tsilent\tsent\tacked\tresent\tdeferred\treturns\tresumed\tlive\tfetched\trepeats\tmarks\tmarks back\tchanges\tagain\theard\tfetched\tpassed over\tverdict\t") // Flush says what failed
	for i := range outcomes {
		o := &outcomes[i]
		verdict := "kept"
		if !o.OK() {
			verdict = "BROKEN"
		}
		n := &o.Facts
		_, _ = fmt.Fprintf(t, "%s\t%s\t%s\t%d\t%.1f\t%.1f\t%.1f\t%d\t%d\t%d\t%d\t%d\t%d\t%d\t%d\t%d\t%d\t%d\t%d\t%d\t%d\t%d\t%d\t%s\t\n", o.Nemesis, o.Store, o.Reader, len(o.Steps), o.Seconds, o.BackSeconds, o.SilentSeconds,
			n.Sent, n.Acked, n.Emitted-n.Sent, n.Deferred, n.Returns, n.Resumed, n.Live, n.Fetched, n.Repeats, n.Marks, n.MarksBack,
			n.Changes, n.ChangesAgain, n.ChangesHeard, n.ChangesFetched, n.PassedOver, verdict)
	}
	if err := t.Flush(); err != nil {
		return err
	}
	for i := range outcomes {
		o := &outcomes[i]
		if o.OK() {
			continue
		}
		if _, err := fmt.Fprintf(w, "\n%s on %s, seed %d: %s\n", o.Nemesis, o.Store, o.Seed, o.Failure); err != nil {
			return err
		}
		for _, e := range o.Verdict.Examples {
			if _, err := fmt.Fprintf(w, "  %s (%d in all): %s: %s\n", e.Rule, o.Verdict.Count[e.Rule], e.Room, e.Detail); err != nil {
				return err
			}
		}
	}
	return nil
}

// Write puts the outcomes into a file, as JSON.
func Write(file string, outcomes []Outcome) error {
	b, err := json.MarshalIndent(outcomes, "", "  ")
	if err != nil {
		return err
	}
	return os.WriteFile(file, append(b, '\n'), 0o644) //nolint:gosec // figures, no secret
}
