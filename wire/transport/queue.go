package transport

import (
	"sync"
	"time"

	"github.com/corrillo/corrillo/wire"
	"github.com/corrillo/corrillo/wire/transport/wsframe"
)

// coalesce is the most that one write puts together, in bytes.
const coalesce = 16 << 10

// item is one frame that waits.
type item struct {
	frame *wire.Encoded
	at    time.Duration // when it was queued
}

// queue is what waits to be sent to one connection, in order. Its owner's
// lock guards it.
type queue struct {
	items []item
	head  int
	bytes int // of all items, and of the write in progress
}

func (q *queue) empty() bool { return q.head == len(q.items) }

// firstItems are lent to queues for as long as something waits: most wait
// for nothing most of the time.
var firstItems = sync.Pool{New: func() any { return new([4]item) }}

func (q *queue) push(e *wire.Encoded, now time.Duration) {
	if q.items == nil {
		first, _ := firstItems.Get().(*[4]item)
		q.items = first[:0]
	}
	q.items = append(q.items, item{e, now})
	q.bytes += len(e.WebSocket)
}

// pop takes the first item; its bytes still count until done.
func (q *queue) pop() *wire.Encoded {
	e := q.items[q.head].frame
	q.items[q.head].frame = nil
	if q.head++; q.head == len(q.items) {
		if q.head = 0; cap(q.items) == 4 {
			firstItems.Put((*[4]item)(q.items[:4]))
		}
		q.items = nil
	} else if q.head >= 64 && q.head*2 >= len(q.items) {
		// A queue that is never empty does not grow for ever.
		n := copy(q.items, q.items[q.head:])
		clear(q.items[n:])
		q.items, q.head = q.items[:n], 0
	}
	return e
}

// pongHeader is the first byte of a pong: RFC 6455 section 5.2.
const pongHeader = 0x80 | byte(wsframe.OpPong)

// replacePong puts a pong in the place of one that would have been sent just
// before it; false: there is none.
func (q *queue) replacePong(e *wire.Encoded) bool {
	if q.empty() {
		return false
	}
	last := &q.items[len(q.items)-1]
	if was := last.frame.WebSocket; len(was) == 0 || was[0] != pongHeader {
		return false
	}
	q.bytes += len(e.WebSocket) - len(last.frame.WebSocket)
	last.frame = e
	return true
}

// largest is the size of the largest frame that waits.
func (q *queue) largest() (n int) {
	for i := q.head; i < len(q.items); i++ {
		n = max(n, len(q.items[i].frame.WebSocket))
	}
	return n
}

// oldest is when the first item was queued.
func (q *queue) oldest() time.Duration { return q.items[q.head].at }

// next takes what one write sends: the first frame as it is when it is alone
// or large, else as many as fit into buf.
func (q *queue) next(buf []byte) (out []byte, frames int) {
	first := q.pop()
	if q.empty() || len(first.WebSocket)+len(q.items[q.head].frame.WebSocket) > coalesce {
		return first.WebSocket, 1
	}
	out = append(buf[:0], first.WebSocket...)
	for frames = 1; !q.empty() && len(out)+len(q.items[q.head].frame.WebSocket) <= coalesce; frames++ {
		out = append(out, q.pop().WebSocket...)
	}
	return out, frames
}

// drop forgets everything that has not been taken.
func (q *queue) drop() {
	for !q.empty() {
		q.bytes -= len(q.pop().WebSocket)
	}
}
