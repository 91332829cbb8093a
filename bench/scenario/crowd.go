package scenario

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/corrillo/corrillo/bench/judge"
	"github.com/corrillo/corrillo/bench/rows"
)

// crowd is every client of a run.
type crowd struct {
	c       Config
	addr    string
	rooms   []*room
	members []*member
	started chan struct{}
	over    atomic.Bool // senders send nothing new
	// comeBack lets clients connect again after a lost connection, as after a
	// kill. Without it a lost connection is a violation.
	comeBack atomic.Bool
	up       atomic.Int64
	errors   atomic.Int64 // `error` events
	lost     atomic.Int64 // connections lost without leave to come back
	returns  atomic.Int64

	lastFailure atomic.Pointer[error] // to come back
	running     sync.WaitGroup
	cancel      context.CancelFunc
}

// gather connects everyone and returns when all have joined.
func gather(ctx context.Context, c Config, addr string) (*crowd, error) {
	w := &crowd{c: c, addr: addr, started: make(chan struct{})}
	count := (c.Connections + c.RoomSize - 1) / c.RoomSize
	for i := range count {
		w.rooms = append(w.rooms, &room{id: fmt.Sprintf("%s%d", c.prefix(), i)})
	}
	for i := range c.Connections {
		m := &member{crowd: w, index: i, name: fmt.Sprintf("u%d-%s", i, c.Run), room: w.rooms[i/c.RoomSize]}
		w.members = append(w.members, m)
	}
	for i := range c.Senders {
		w.seat(i, count)
	}
	ctx, w.cancel = context.WithCancel(ctx)
	slots := make(chan struct{}, c.Dialing)
	failed := make(chan error, c.Connections)
	for _, m := range w.members {
		slots <- struct{}{}
		w.running.Go(func() {
			m.run(ctx, func(err error) {
				<-slots
				failed <- err
			})
		})
	}
	var first error
	for range w.members {
		if err := <-failed; err != nil && first == nil {
			first = err
			w.cancel()
		}
	}
	if first != nil {
		w.disperse()
		return nil, fmt.Errorf("gather %d clients: %w", c.Connections, first)
	}
	return w, nil
}

// seat makes a sender of somebody: the rooms take turns.
func (w *crowd) seat(i, rooms int) {
	at := (i%rooms)*w.c.RoomSize + i/rooms
	for at >= len(w.members) || w.members[at].sender != nil { // the last room may be smaller
		at = (at + 1) % len(w.members)
	}
	m := w.members[at]
	m.sender = newSender(uint32(i), m.room.id, w.c.Content) //nolint:gosec // at most Connections
}

// awaitStart returns true when the senders may begin.
func (w *crowd) awaitStart(ctx context.Context) bool {
	select {
	case <-w.started:
		return true
	case <-ctx.Done():
		return false
	}
}

var (
	errTooLate = errors.New("waited too long")
	errLost    = errors.New("connections were lost")
)

// until polls: the members only count, so that counting costs them nothing.
func (w *crowd) until(ctx context.Context, what string, patience time.Duration, done func() bool) error {
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	late := time.After(patience)
	for !done() {
		select {
		case <-tick.C:
		case <-late:
			err := fmt.Errorf("%w for %s", errTooLate, what)
			if last := w.lastFailure.Load(); last != nil {
				err = fmt.Errorf("%w (a client's last failure: %w)", err, *last)
			}
			return err
		case <-ctx.Done():
			return fmt.Errorf("wait for %s: %w", what, ctx.Err())
		}
	}
	return nil
}

// drain waits until everything under way has arrived: as long as that goes
// on, and for Patience when nothing moves any more.
func (w *crowd) drain(ctx context.Context) error {
	w.over.Store(true)
	for {
		before := w.progress()
		err := w.until(ctx, "all messages to arrive", w.c.Patience, func() bool {
			return w.complete() || w.lost.Load() > 0 || w.progress() != before
		})
		switch {
		case err != nil || w.complete():
			return err
		case w.lost.Load() > 0:
			return fmt.Errorf("%d %w", w.lost.Load(), errLost)
		}
	}
}

func (w *crowd) progress() (n int64) {
	for _, m := range w.members {
		n += m.received.Load()
	}
	for _, r := range w.rooms {
		n += r.acked.Load()
	}
	return n
}

// complete reports that nothing waits for an ack and that every member has as
// many messages as were acked in its room.
func (w *crowd) complete() bool {
	for _, m := range w.members { // first: what is acked later is not counted yet
		if m.sender != nil && m.sender.waiting.Load() > 0 {
			return false
		}
	}
	for _, m := range w.members {
		if m.received.Load() < m.room.acked.Load() {
			return false
		}
	}
	return true
}

// disperse closes all connections and waits for the members to end.
func (w *crowd) disperse() {
	w.cancel()
	for _, m := range w.members {
		if c := m.closer.Load(); c != nil {
			_ = (*c).Close() // it may be closed already
		}
	}
	w.running.Wait()
}

// evidence is what the judge wants to know, after disperse.
func (w *crowd) evidence() []judge.Room {
	index := make(map[*room]int, len(w.rooms))
	out := make([]judge.Room, len(w.rooms))
	for i, r := range w.rooms {
		index[r], out[i].ID = i, r.id
	}
	for _, m := range w.members {
		r := &out[index[m.room]]
		r.Members = append(r.Members, judge.Member{Name: m.name, Deliveries: m.deliveries})
		r.Unexpected = append(r.Unexpected, m.unexpected...)
		if m.sender == nil {
			continue
		}
		for n := range m.sender.next {
			r.Sent = append(r.Sent, judge.Key{Sender: m.sender.id, N: n})
		}
		r.Acks = append(r.Acks, m.sender.acks...)
	}
	return out
}

// addRows puts the table's rows beside the rest of the evidence.
func (w *crowd) addRows(ctx context.Context, evidence []judge.Room, database string) error {
	stored, err := rows.Read(ctx, database, w.c.prefix())
	if err != nil {
		return err
	}
	index := make(map[string]int, len(evidence))
	for i := range evidence {
		index[evidence[i].ID], evidence[i].HasRows = i, true
	}
	for _, row := range stored {
		i, ok := index[row.ConversationID]
		if !ok {
			return fmt.Errorf("the table has a conversation %q, which this run did not make", row.ConversationID)
		}
		r := judge.Row{Key: foreign, Seq: row.Seq, ID: judge.Fingerprint([]byte(row.ID))}
		if key, ok := parseKey([]byte(row.TempID)); ok {
			r.Key = key
		}
		evidence[i].Rows = append(evidence[i].Rows, r)
	}
	return nil
}
