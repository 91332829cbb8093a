package peers

import (
	"sync"
	"sync/atomic"
)

// outbound is the state of the items that this node sends to another one. It
// outlives the streams that carry them.
type outbound struct {
	p    *Peers
	wake chan struct{} // wakes peer.speak: there is something to send
	due  atomic.Bool   // a beat is to be sent now

	mu     sync.Mutex
	q      queue
	member bool // for this node the other one is in the cluster: Send takes items
	wanted bool // for the other one this node is in the cluster: items may be sent
	over   bool // Close was called
	sent   uint64
	again  uint64 // items that were sent again after a connection broke
	full   uint64 // items that Send refused with ErrFull
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

// tell asks for a beat to be sent now.
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

// begin starts a stream. has is the number of the last item that the other node says
// it has received, wanted whether it takes more. It reports false for a number that
// was never sent.
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

// ack takes in an acknowledgement, with the same arguments and result as begin.
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
