package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/dustin/go-humanize/english"

	"github.com/corrillo/corrillo/bench/peers"
	"github.com/corrillo/corrillo/bench/run/results"
	"github.com/corrillo/corrillo/bench/scenario"
)

// measuring does the turns of a plan and writes the set after each.
type measuring struct {
	set      *results.Set
	path     string
	short    bool
	duration time.Duration // of a crowd's talk; 0: as the work has it
	revision string        // Corrillo's
	out      io.Writer
}

var errBroken = errors.New("a figure is void")

func (m *measuring) say(format string, args ...any) {
	_, _ = fmt.Fprintf(m.out, format+"\n", args...) // progress for who looks on
}

// all does the plan. Its error wraps errBroken when a server broke a rule or
// a run could not be done; the rest of the plan is done all the same.
func (m *measuring) all(ctx context.Context, plan []turn, o peers.Options) (err error) {
	bed, err := peers.Open(ctx, o)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, bed.Close()) }()
	if err := m.facts(ctx, bed, plan); err != nil {
		return err
	}
	m.revision = bed.Revision(ctx)
	bad := 0
	for i := range plan {
		t := &plan[i]
		r := m.once(ctx, bed, t)
		if ctx.Err() != nil {
			return fmt.Errorf("interrupted; what was measured is in %s: %w", m.path, ctx.Err())
		}
		m.set.Put(r)
		if err := m.set.Save(m.path); err != nil {
			return err
		}
		if !r.OK() {
			bad++
		}
		m.say("[%d/%d] %-12s round %d  %-26s %s; %s to go", i+1, len(plan), t.work.Name, t.round, t.kind.Name,
			headline(&r), roughly(takes(plan[i+1:], m.short)))
	}
	if bad > 0 {
		return fmt.Errorf("%w: %s of %d", errBroken, english.Plural(bad, "run", ""), len(plan))
	}
	return nil
}

// facts notes the versions, those of earlier runs included.
func (m *measuring) facts(ctx context.Context, bed *peers.Bed, plan []turn) error {
	var kinds []peers.Kind
	for i := range plan {
		kinds = append(kinds, plan[i].kind)
	}
	versions, err := bed.Versions(ctx, kinds)
	if err != nil {
		return fmt.Errorf("find out the versions: %w", err)
	}
	if m.set.Versions == nil {
		m.set.Versions = map[string]string{}
	}
	for name, version := range versions {
		if old := m.set.Versions[name]; old != "" && old != version && len(m.set.Runs) > 0 {
			return fmt.Errorf("%s has runs with %s %s, and here is %s: measure all again with --redo", m.path, name, old, version)
		}
		m.set.Versions[name] = version
	}
	return nil
}

// once does one turn with a fresh server.
func (m *measuring) once(ctx context.Context, bed *peers.Bed, t *turn) results.Run {
	r := results.Run{Work: t.work.Name, Server: t.kind.Name, Round: t.round, Began: time.Now().UTC().Truncate(time.Second), Load: results.LoadAverage()}
	if t.kind.Ours {
		r.Revision = m.revision
	}
	// A run that hangs ends by itself: nothing here takes thrice its time.
	interrupted := ctx
	ctx, cancel := context.WithTimeout(ctx, 3*t.takes(m.short)+2*time.Minute)
	defer cancel()
	s, err := bed.Start(ctx, t.kind)
	if err != nil {
		r.Failure = bounded(err)
		return r
	}
	c := t.work.Config(t.kind, m.short)
	if c.Duration > 0 && m.duration > 0 {
		c.Duration = m.duration
	}
	report, err := scenario.Named()[t.work.Scenario](ctx, c, s)
	if err == nil {
		r.Report = &report
	}
	if output := s.Output(); output != "" && (err != nil || !report.OK()) && interrupted.Err() == nil {
		m.say("%s said:\n%s", t.kind.Name, output)
	}
	if err := errors.Join(err, s.Stop()); err != nil {
		r.Failure = bounded(err)
	}
	return r
}

// bounded is an error's text for the file: a thousand clients may all have
// failed alike.
func bounded(err error) string {
	const most = 1000
	text := err.Error()
	return text[:min(len(text), most)]
}
