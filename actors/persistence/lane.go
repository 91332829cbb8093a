package persistence

import (
	"context"
	"fmt"
	"log/slog"
	"runtime/debug"
	"strconv"
	"sync/atomic"
	"time"

	"github.com/asynkron/protoactor-go/actor"

	"github.com/corrillo/corrillo/actors/message"
	"github.com/corrillo/corrillo/actors/supervision"
	"github.com/corrillo/corrillo/repo"
)

// Options are what all lanes of a node share. Zero fields take the default in
// their comment; the parts without a default must be set.
type Options struct {
	Store repo.Store
	Log   *slog.Logger
	// Report sends a group's outcome to its conversation.
	Report   func(conversationID string, m *message.GroupSaved)
	Failures *supervision.Failures
	Unknown  *atomic.Int64
	// BatchRows and BatchBytes bound one transaction. Defaults 500 rows and
	// 4 MiB.
	BatchRows  int
	BatchBytes int
	// PendingBytes bounds what waits for a flush; over it groups are refused
	// with message.ErrOverloaded. Default 64 MiB.
	PendingBytes int
	// Timeout bounds one flush, retries included. Default 10 s.
	Timeout time.Duration
	// OnFlush is told of every flush. Default: nobody.
	OnFlush func(rows int, d time.Duration, err error)
}

func (o *Options) defaults() {
	if o.BatchRows == 0 {
		o.BatchRows = 500
	}
	if o.BatchBytes == 0 {
		o.BatchBytes = 4 << 20
	}
	if o.PendingBytes == 0 {
		o.PendingBytes = 64 << 20
	}
	if o.Timeout == 0 {
		o.Timeout = 10 * time.Second
	}
	if o.OnFlush == nil {
		o.OnFlush = func(int, time.Duration, error) {}
	}
}

// Lane is the actor of one writer lane, and of all its restarts: the flush
// under way goes on.
type Lane struct {
	o    Options
	name string

	pending      []repo.Group
	pendingBytes int
	flushing     bool
	load         *Load
}

// Load is what a lane has to do, readable from outside.
type Load struct {
	Groups  atomic.Int64 // waiting or in a flush
	Bytes   atomic.Int64 // waiting
	Refused atomic.Int64 // messages and changes that came when it was full
}

// flushed says that the flush under way has come back.
type flushed struct{ groups int }

// NewLane makes the actor of lane number n, which keeps load up to date.
func NewLane(n int, o Options, load *Load) *Lane {
	o.defaults()
	return &Lane{o: o, name: strconv.Itoa(n), load: load}
}

// Receive implements actor.Actor.
func (l *Lane) Receive(ctx actor.Context) {
	msg := ctx.Message()
	defer supervision.Guard(l.o.Log, l.o.Failures, "persistence", l.name, msg)
	switch m := msg.(type) {
	case *actor.Started:
	case *message.SaveGroup:
		l.onSave(ctx, m)
	case flushed:
		l.onFlushed(ctx, m)
	case *actor.Restarting, *actor.Stopping:
		l.giveUp()
	case *actor.Stopped:
	default:
		l.o.Unknown.Add(1)
		l.o.Log.Warn("unknown message", "kind", "persistence")
	}
}

// onSave takes a group up, or reports why not: a conversation waits for the
// outcome for as long as it takes.
func (l *Lane) onSave(ctx actor.Context, m *message.SaveGroup) {
	size := m.Group.Size()
	if l.pendingBytes > 0 && l.pendingBytes+size > l.o.PendingBytes {
		l.load.Refused.Add(int64(len(m.Group.Messages) + len(m.Group.Changes)))
		l.report(&m.Group, fmt.Errorf("%d bytes wait for the store: %w", l.pendingBytes, message.ErrOverloaded))
		return
	}
	l.pending = append(l.pending, m.Group)
	l.pendingBytes += size
	l.load.Groups.Add(1)
	l.load.Bytes.Add(int64(size))
	if !l.flushing {
		l.flush(ctx)
	}
}

func (l *Lane) onFlushed(ctx actor.Context, m flushed) {
	l.load.Groups.Add(-int64(m.groups))
	l.flushing = false
	if len(l.pending) > 0 {
		l.flush(ctx)
	}
}

// flush takes a batch off the front and saves it beside the actor.
func (l *Lane) flush(ctx actor.Context) {
	n, rows, bytes := 0, 0, 0
	for n < len(l.pending) {
		g := &l.pending[n]
		r, b := len(g.Messages)+len(g.Changes)+len(g.Participants), g.Size()
		if n > 0 && (rows+r > l.o.BatchRows || bytes+b > l.o.BatchBytes) {
			break
		}
		n, rows, bytes = n+1, rows+r, bytes+b
	}
	batch := make([]repo.Group, n)
	copy(batch, l.pending)
	rest := copy(l.pending, l.pending[n:])
	clear(l.pending[rest:])
	l.pending = l.pending[:rest]
	if rest == 0 && cap(l.pending) > 2*l.o.BatchRows {
		l.pending = nil // it was a burst
	}
	l.pendingBytes -= bytes
	l.load.Bytes.Add(-int64(bytes))
	l.flushing = true
	self, root := ctx.Self(), ctx.ActorSystem().Root
	go func() {
		defer root.Send(self, flushed{groups: n})
		defer func() {
			if reason := recover(); reason != nil { // every group has its outcome
				supervision.Report(l.o.Log, l.o.Failures, "persistence", l.name, flushed{}, reason)
			}
		}()
		l.save(batch, rows)
	}()
}

// report tells a group's conversation that it was not saved.
func (l *Lane) report(g *repo.Group, err error) {
	l.o.Report(g.ConversationID, &message.GroupSaved{Serial: g.Serial, Result: repo.GroupResult{Err: err}})
}

// save runs one flush and reports every group's outcome.
func (l *Lane) save(batch []repo.Group, rows int) {
	start := time.Now()
	results := l.results(batch)
	var failed error
	for i := range results {
		if err := results[i].Err; err != nil && failed == nil {
			failed = err
		}
		l.o.Report(batch[i].ConversationID, &message.GroupSaved{Serial: batch[i].Serial, Result: results[i]})
	}
	d := time.Since(start)
	l.o.OnFlush(rows, d, failed)
	if failed != nil {
		l.o.Log.Warn("not all of a batch was saved", "lane", l.name, "groups", len(batch), "rows", rows, "took", d.Round(time.Millisecond).String(), "err", failed)
	}
}

// results calls the store; whatever happens there, every group gets one.
func (l *Lane) results(batch []repo.Group) (results []repo.GroupResult) {
	defer func() {
		if reason := recover(); reason != nil {
			l.o.Log.Error("saving panicked", "lane", l.name, "panic", reason, "stack", string(debug.Stack()))
			results = unavailable(len(batch), fmt.Errorf("saving panicked: %w", repo.ErrUnavailable))
		}
	}()
	ctx, cancel := context.WithTimeout(context.Background(), l.o.Timeout)
	defer cancel()
	results = l.o.Store.Save(ctx, batch)
	if len(results) != len(batch) {
		return unavailable(len(batch), fmt.Errorf("%d results for %d groups: %w", len(results), len(batch), repo.ErrUnavailable))
	}
	return results
}

func unavailable(n int, err error) []repo.GroupResult {
	results := make([]repo.GroupResult, n)
	for i := range results {
		results[i].Err = err
	}
	return results
}

// giveUp answers what waits when the lane stops or has failed. A flush under
// way reports by itself.
func (l *Lane) giveUp() {
	for i := range l.pending {
		l.report(&l.pending[i], fmt.Errorf("the lane has stopped: %w", repo.ErrUnavailable))
	}
	l.load.Groups.Add(-int64(len(l.pending)))
	l.load.Bytes.Add(-int64(l.pendingBytes))
	l.pending, l.pendingBytes = nil, 0
}
