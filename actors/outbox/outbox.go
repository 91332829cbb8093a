// Package outbox is the way out of a node to others: it encodes messages, cuts
// up what is too large for a link, and decides what becomes of one when the link
// to its node is full.
package outbox

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/corrillo/corrillo/actors/envelope"
	"github.com/corrillo/corrillo/actors/message"
)

// Outbox sends messages to other nodes. Safe for concurrent use; nothing
// blocks. Messages that one goroutine sends to one node go in order.
type Outbox struct {
	send func(node string, item []byte) error
	most int // bytes of an item
	log  *slog.Logger

	mu      sync.Mutex
	nodes   map[string]*waiting
	members map[string]bool // nil: whoever is sent to
	// tooMany and tooMuch are the items and bytes of which Choked says more wait.
	tooMany, tooMuch int

	stats struct{ refused, unlinked, left, large atomic.Int64 }
}

// ErrTooLarge says that a message has no room in one item, and cannot be cut up.
var ErrTooLarge = errors.New("too large for the link to another node")

// retryAfter is the pause before what could not be sent is tried again.
const retryAfter = 20 * time.Millisecond

// waiting is what could not be sent to a node and must be.
type waiting struct {
	items [][]byte
	bytes int  // of them
	lost  int  // 1 + the place of message.AnswersLost among them; 0: it is not
	full  bool // when the first of them was tried last, there was no room
}

func (w *waiting) add(item []byte) {
	w.items = append(w.items, item)
	w.bytes += len(item)
}

// What waits for a node, beside what is on its link, when it is as good as not
// there: a hundred thousand clients that come, join and go are far less.
const (
	tooMany = 1_000_000
	tooMuch = 256 << 20
)

// isFull tells want of room from want of a link.
func isFull(err error) bool {
	return errors.Is(err, message.ErrOverloaded) && !errors.Is(err, message.ErrNotLinked)
}

// New returns an outbox over send, which takes an item of at most that many
// bytes for a node or refuses it without blocking: with message.ErrOverloaded
// when it may be taken later, message.ErrNotLinked among them.
func New(send func(node string, item []byte) error, most int, log *slog.Logger) *Outbox {
	return &Outbox{send: send, most: most, log: log, nodes: map[string]*waiting{}, tooMany: tooMany, tooMuch: tooMuch}
}

// Only says who the other nodes are from now on. What waits for any other one is
// dropped, and whatever is still sent to it: it has gone, or it never was there.
func (o *Outbox) Only(nodes []string) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.members = make(map[string]bool, len(nodes))
	for _, node := range nodes {
		o.members[node] = true
	}
	for node := range o.nodes {
		if !o.members[node] {
			delete(o.nodes, node)
		}
	}
}

// gone reports whether nobody is there to send to. Under the lock.
func (o *Outbox) gone(node string) bool { return o.members != nil && !o.members[node] }

// Try sends m, or returns message.ErrOverloaded or ErrTooLarge.
func (o *Outbox) Try(node string, m any) error {
	item, err := o.encode(m)
	switch {
	case err != nil:
		return err
	case len(item) > o.most:
		return fmt.Errorf("%T of %d bytes: %w", m, len(item), ErrTooLarge)
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.gone(node) {
		return nil
	}
	full := false
	if w := o.nodes[node]; w != nil {
		full = w.full
	} else if err = o.send(node, item); err == nil {
		return nil
	} else {
		full = isFull(err)
	}
	if !full {
		o.stats.unlinked.Add(1)
		return message.ErrNotLinked
	}
	o.stats.refused.Add(1)
	return fmt.Errorf("%w: too much waits for another node", message.ErrOverloaded)
}

// Must sends m, at once or as soon as there is room. It is for what is little
// or bounded by something else; Choked says where it has become too much all the
// same.
func (o *Outbox) Must(node string, m any) {
	items, _ := o.items(m)
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.gone(node) {
		return
	}
	for _, item := range items {
		if w := o.nodes[node]; w != nil {
			w.add(item)
		} else if err := o.send(node, item); errors.Is(err, message.ErrOverloaded) {
			o.nodes[node] = &waiting{items: [][]byte{item}, bytes: len(item), full: isFull(err)}
		} else if err != nil {
			o.log.Error("a message for another node was not sent", "node", node, "message", fmt.Sprintf("%T", m), "err", err)
		}
	}
}

// Relay sends events and answers for the sessions of a node. Where there is no
// room they are left out, and the node is told that they were. An answer that is
// too large for a link is refused instead, as payload_too_large.
func (o *Outbox) Relay(node string, m any) {
	items, all := o.items(m)
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.gone(node) {
		return
	}
	w := o.nodes[node]
	full := false
	for len(items) > 0 && w == nil {
		if err := o.send(node, items[0]); err != nil {
			full = isFull(err)
			break
		}
		items = items[1:]
	}
	if len(items) == 0 && all {
		return
	}
	o.stats.left.Add(1)
	if w == nil {
		w = &waiting{full: full}
		o.nodes[node] = w
	}
	if w.lost == 0 {
		if lost, err := o.encode(&message.AnswersLost{}); err == nil {
			w.add(lost)
			w.lost = len(w.items)
		}
	}
}

func (o *Outbox) encode(m any) ([]byte, error) {
	item, err := envelope.Append(nil, m)
	if err != nil {
		o.log.Error("a message for another node cannot be encoded", "err", err)
	}
	return item, err
}

// Choked reports whether so much waits for a node, which takes less than there
// is to tell it, that the cluster is to go on without it.
func (o *Outbox) Choked(node string) bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	w := o.nodes[node]
	return w != nil && (len(w.items) > o.tooMany || w.bytes > o.tooMuch)
}

// Stats counts what an Outbox did.
type Stats struct {
	Waiting  int   // messages that must be sent and could not be yet
	Refused  int64 // that were refused for want of room, since the start
	Unlinked int64 // that were refused for want of a link, since the start
	Left     int64 // events and answers that were left out since the start
	Large    int64 // answers that were too large and refused, since the start
}

// Stats returns the counts.
func (o *Outbox) Stats() Stats {
	o.mu.Lock()
	defer o.mu.Unlock()
	s := Stats{Refused: o.stats.refused.Load(), Unlinked: o.stats.unlinked.Load(), Left: o.stats.left.Load(), Large: o.stats.large.Load()}
	for _, w := range o.nodes {
		s.Waiting += len(w.items)
	}
	return s
}

// Run sends what waits, until ctx ends.
func (o *Outbox) Run(ctx context.Context) {
	tick := time.NewTicker(retryAfter)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
			o.flush()
		}
	}
}

func (o *Outbox) flush() {
	o.mu.Lock()
	defer o.mu.Unlock()
	for node, w := range o.nodes {
		for len(w.items) > 0 {
			err := o.send(node, w.items[0])
			if w.full = isFull(err); errors.Is(err, message.ErrOverloaded) {
				break
			}
			w.bytes -= len(w.items[0])
			w.items = w.items[1:]
			w.lost = max(w.lost-1, 0)
		}
		if len(w.items) == 0 {
			delete(o.nodes, node)
		}
	}
}
