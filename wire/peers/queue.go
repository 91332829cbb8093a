package peers

// queue keeps what was sent until the other side has it. Items are numbered
// from 1. The zero queue is empty.
type queue struct {
	items  [][]byte // items[head:] are kept
	head   int
	bytes  int    // of those
	base   uint64 // how many were acknowledged: items[head] has number base+1
	cursor uint64 // the last one that is on its way on this stream
	passed uint64 // the last one that was on its way on any stream
}

// len is how many items are kept.
func (q *queue) len() int { return len(q.items) - q.head }

// last is the number of the newest item.
func (q *queue) last() uint64 { return q.base + uint64(q.len()) }

func (q *queue) push(item []byte) {
	q.items = append(q.items, item)
	q.bytes += len(item)
}

// take appends to batch what comes next on this stream, at most maxItems, and
// as few as are maxBytes or more, and says what number the first of them has
// and how many of them were on their way before. They stay in the queue.
func (q *queue) take(batch [][]byte, maxItems, maxBytes int) (items [][]byte, first uint64, again int) {
	first = q.cursor + 1
	for size := 0; q.cursor < q.last() && len(batch) < maxItems && size < maxBytes; q.cursor++ {
		item := q.items[q.head+int(q.cursor-q.base)]
		size += len(item)
		batch = append(batch, item)
		if q.cursor < q.passed {
			again++
		}
	}
	q.passed = max(q.passed, q.cursor)
	return batch, first, again
}

// ack lets go of all items up to that number. It reports false for a number
// that was never on its way.
func (q *queue) ack(upTo uint64) bool {
	if upTo > q.passed {
		return false
	}
	for ; q.base < upTo; q.base++ {
		q.bytes -= len(q.items[q.head])
		q.items[q.head] = nil
		q.head++
	}
	q.cursor = max(q.cursor, q.base)
	switch {
	case q.head == len(q.items):
		q.items, q.head = q.items[:0], 0
		if cap(q.items) > spareItems {
			q.items = nil
		}
	case q.head > len(q.items)/2 && q.head >= spareItems:
		n := copy(q.items, q.items[q.head:])
		clear(q.items[n:])
		q.items, q.head = q.items[:n], 0
	}
	return true
}

// rewind begins a new stream, on which the other side has said what it has.
func (q *queue) rewind(has uint64) bool {
	if !q.ack(has) {
		return false
	}
	q.cursor = q.base
	return true
}

// spareItems is for how many items an empty queue keeps room.
const spareItems = 1024
