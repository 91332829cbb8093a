package storms

import (
	"context"
	"fmt"
	"time"

	"github.com/corrillo/corrillo/bench/scenario"
	"github.com/corrillo/corrillo/bench/server"
)

// forgetWithin is how long the server may take to forget conversations that
// nobody is in: they are asked to go after a minute at the latest.
const forgetWithin = 3 * time.Minute

const conversationActors = `corrillo_actors{kind="conversation"}`

// touch lets a handful of clients send one message to each of very many
// conversations. When they are gone and a minute has passed, so are the
// conversations, and most of the memory.
func touch(ctx context.Context, g *Ground, r *Result) error {
	before, err := g.rss()
	if err != nil {
		return err
	}
	begun := time.Now()
	c := scenario.Config{At: []int{g.Size.Conversations}, Connections: 10, Rest: settle, Patience: g.Size.Back, Run: "storm-touch"}
	report, err := scenario.Touched(ctx, c, g.Server)
	if err != nil {
		return err
	}
	took := time.Since(begun)
	r.Clients, r.Verdict = c.Connections, report.Verdict
	if report.Failure != "" {
		return fmt.Errorf("touch: %s", report.Failure)
	}
	actors, err := server.Metric(ctx, g.Admin, conversationActors)
	if err != nil {
		return err
	}
	r.add("conversations", float64(g.Size.Conversations), "")
	r.add("touched in", took.Seconds(), "s")
	r.add("RSS before", before, "MB")
	r.add("RSS with all of them", report.RSSAfterMB, "MB")
	r.add("awake then", actors, "")
	if !g.Size.Forget { // so few rest after a minute only
		if actors < float64(g.Size.Conversations) {
			return fmt.Errorf("%.0f conversations are awake of %d that were just touched", actors, g.Size.Conversations)
		}
		return nil
	}
	return g.forget(ctx, r, before, report.RSSAfterMB)
}

// forget waits until no conversation is awake and memory has gone down.
func (g *Ground) forget(ctx context.Context, r *Result, before, most float64) error {
	tick := time.NewTicker(500 * time.Millisecond)
	defer tick.Stop()
	late := time.After(forgetWithin)
	begun, forgotten := time.Now(), time.Duration(0)
	bound := before + (most-before)/2
	for {
		actors, err := server.Metric(ctx, g.Admin, conversationActors)
		if err != nil {
			return err
		}
		rss, err := g.rss()
		if err != nil {
			return err
		}
		if actors == 0 && forgotten == 0 {
			forgotten = time.Since(begun)
			r.add("forgotten after", forgotten.Seconds(), "s")
		}
		if actors == 0 && rss <= bound {
			r.add("RSS after", rss, "MB")
			return nil
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-late:
			return fmt.Errorf("after %v %.0f conversations are awake and the RSS is %.0f MB, of %.0f and %.0f before", forgetWithin, actors, rss, most, before)
		case <-tick.C:
		}
	}
}
