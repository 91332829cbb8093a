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

// Outbox sends messages to other nodes. It is safe for concurrent use and never
// blocks. Messages that one goroutine sends to one node arrive in order.
type Outbox struct {
	send func(node string, item []byte) error
	most int // bytes of an item
	log  *slog.Logger

	mu      sync.Mutex
	nodes   map[string]*waiting
	members map[string]bool // as set by Only; nil: any node is sent to
	// tooMany and tooMuch are the numbers of waiting items and bytes beyond which a
	// node is Choked.
	tooMany, tooMuch int

	stats struct{ refused, unlinked, left, large atomic.Int64 }
}

// ErrTooLarge says that a message does not fit into one item.
var ErrTooLarge = errors.New("too large for the link to another node")

// retryAfter is the pause before waiting items are tried again.
const retryAfter = 20 * time.Millisecond

// waiting holds the items of Must for which the link to a node had no room.
type waiting struct {
	items [][]byte
	bytes int  // the sum of their lengths
	lost  int  // 1 + the index of a message.AnswersLost among them; 0: there is none
	full  bool // why the first could not be sent: no room on the link (true), or no link
}

func (w *waiting) add(item []byte) {
	w.items = append(w.items, item)
	w.bytes += len(item)
}

// When more than this waits for a node, beside what its link has taken, the node
// counts as gone. A hundred thousand clients that come, join and go cause far less.
const (
	tooMany = 1_000_000
	tooMuch = 256 << 20
)

// isFull reports whether err says that a link has no room, rather than that there
// is no link.
func isFull(err error) bool {
	return errors.Is(err, message.ErrOverloaded) && !errors.Is(err, message.ErrNotLinked)
}

// New returns an outbox over send, which takes an item for a node, or refuses it,
// without blocking. Its error wraps message.ErrOverloaded when the item may be
// taken later; message.ErrNotLinked is such an error. Items have at most most
// bytes. Run must run then.
func New(send func(node string, item []byte) error, most int, log *slog.Logger) *Outbox {
	return &Outbox{send: send, most: most, log: log, nodes: map[string]*waiting{}, tooMany: tooMany, tooMuch: tooMuch}
}

// Only sets which other nodes there are. What waits for any other node is dropped,
// and so is everything that is sent to it from now on.
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

// gone reports whether node is not one of those that Only has set. o.mu is held.
func (o *Outbox) gone(node string) bool { return o.members != nil && !o.members[node] }

// Try sends m, or returns an error: one that wraps message.ErrOverloaded when the
// link has no room or is down, or Must has items waiting for it; ErrTooLarge when m
// does not fit into an item. To a node that Only has not named it does nothing.
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

// Must sends m at once, or keeps it and sends it as soon as there is room. It is
// for messages that are few, or bounded by something else: should they pile up all
// the same, Choked says so.
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

// Relay sends events and answers for the sessions of a node. When the link has no
// room they are left out, and a message.AnswersLost tells the node so. An answer
// that is too large for an item becomes a refusal, payload_too_large.
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

// Choked reports whether more waits for a node than may: it takes less than is sent
// to it, and the cluster is to go on without it.
func (o *Outbox) Choked(node string) bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	w := o.nodes[node]
	return w != nil && (len(w.items) > o.tooMany || w.bytes > o.tooMuch)
}

// Stats counts what an Outbox did.
type Stats struct {
	Waiting  int   // items of Must that wait for room
	Refused  int64 // calls of Try refused since a link had no room; since the start
	Unlinked int64 // calls of Try refused since there was no link; since the start
	Left     int64 // calls of Relay of which something was left out; since the start
	Large    int64 // answers replaced by a refusal since they were too large; since the start
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

// Run sends waiting items as soon as there is room, until ctx ends.
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
