package peers

// queue holds the items for one node until that node has acknowledged them. Items
// are numbered from 1. The zero queue is empty.
type queue struct {
	items  [][]byte // items[head:] are held
	head   int
	bytes  int    // the size of those
	base   uint64 // the number of the last item acknowledged: items[head] has base+1
	cursor uint64 // the number of the last item that was sent on the current stream
	passed uint64 // the number of the last item that was sent on any stream
}

// len is how many items are held.
func (q *queue) len() int { return len(q.items) - q.head }

// last is the number of the newest item.
func (q *queue) last() uint64 { return q.base + uint64(q.len()) }

func (q *queue) push(item []byte) {
	q.items = append(q.items, item)
	q.bytes += len(item)
}

// take appends the items to be sent next on this stream to batch: until there are
// maxItems, or their size has reached maxBytes. first is the number of the first of
// them, and again how many of them were sent on an earlier stream. They stay in the
// queue.
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

// ack removes the items up to that number. It reports false for a number that was
// never sent.
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

// rewind begins a new stream. has is the number of the last item that the other side
// says it has received; it reports false as ack does.
func (q *queue) rewind(has uint64) bool {
	if !q.ack(has) {
		return false
	}
	q.cursor = q.base
	return true
}

// spareItems is how many items an empty queue keeps room for.
const spareItems = 1024
