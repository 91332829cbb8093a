package peers

import (
	"sync"
	"sync/atomic"
)

// outbound is what one node is sent.
type outbound struct {
	p    *Peers
	wake chan struct{} // there is something to send
	due  atomic.Bool   // and that is a beat

	mu     sync.Mutex
	q      queue
	member bool // here: items are taken
	wanted bool // there: items are sent
	over   bool // Close was called
	sent   uint64
	again  uint64
	full   uint64 // items that were not taken
}

func (o *outbound) init(p *Peers, member bool) {
	o.p, o.member, o.wake = p, member, make(chan struct{}, 1)
}

func (o *outbound) poke() {
	select {
	case o.wake <- struct{}{}:
	default:
	}
}

// tell has a beat sent now.
func (o *outbound) tell() {
	o.due.Store(true)
	o.poke()
}

func (o *outbound) open() {
	o.mu.Lock()
	o.member = true
	o.mu.Unlock()
}

func (o *outbound) close() {
	o.mu.Lock()
	o.over = true
	o.mu.Unlock()
}

func (o *outbound) send(item []byte) error {
	o.mu.Lock()
	switch {
	case o.over:
		o.mu.Unlock()
		return ErrClosed
	case !o.member:
		o.mu.Unlock()
		return ErrNotMember
	case o.q.len() >= o.p.o.MaxItems, o.q.len() > 0 && o.q.bytes+len(item) > o.p.o.MaxBytes:
		o.full++
		o.mu.Unlock()
		return ErrFull
	}
	o.q.push(item)
	o.mu.Unlock()
	o.poke()
	return nil
}

func (o *outbound) queued() int {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.q.len()
}

// begin starts a stream on which the other node has said what it has, and
// whether it wants more. It reports false if it cannot have that.
func (o *outbound) begin(has uint64, wanted bool) bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.wanted = wanted
	return o.q.rewind(has)
}

// take returns the next items to send, and the number of the first.
func (o *outbound) take(batch [][]byte) ([][]byte, uint64) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if !o.wanted {
		return batch, 0
	}
	batch, first, again := o.q.take(batch, batchItems, batchBytes)
	o.sent += uint64(len(batch))
	o.again += uint64(again)
	return batch, first
}

// ack lets go of what the other node has. It reports false if it cannot have
// that.
func (o *outbound) ack(has uint64, wanted bool) bool {
	o.mu.Lock()
	before := o.q.len()
	ok := has <= o.q.base || o.q.ack(has)
	empty := before > 0 && o.q.len() == 0
	more := wanted && !o.wanted
	o.wanted = o.wanted || wanted
	o.mu.Unlock()
	if more {
		o.poke()
	}
	if empty {
		select {
		case o.p.drained <- struct{}{}:
		default:
		}
	}
	return ok
}
