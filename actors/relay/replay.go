package relay

import (
	"time"

	"github.com/corrillo/corrillo/wire"
)

const segmentSize = 1024

// stream is one sequence of logged frames: a conversation's, a user's or a
// session's. It points at its newest log entry; entries point at the one
// before. It costs its holder two words whatever the log keeps.
type stream struct {
	head   uint64 // index+1 of the newest entry, 0: none
	offset uint64 // offset of the newest entry
}

// entry is one frame in one stream.
type entry struct {
	frame      *wire.Frame
	offset     uint64
	prev       uint64 // index+1 of the stream's entry before, 0: none
	prevOffset uint64
	except     uint64 // session that did not get it
	exceptUser string
	at         int64 // unix nanoseconds
	size       int
}

// replay is the node's log of frames, bounded in bytes and time. It is not
// safe for concurrent use: the Hub's lock guards it.
type replay struct {
	maxBytes int
	maxAge   time.Duration

	segments []*[segmentSize]entry
	base     uint64 // index of the first slot of segments[0]
	first    uint64 // index of the oldest entry kept
	next     uint64 // index of the next entry
	cooled   uint64 // index of the first entry whose frame is still encoded
	bytes    int
}

// entryOverhead is what an entry costs beside its frame, in bytes.
const entryOverhead = 80

// coolAfter is how long a frame in the log keeps its encodings. Connections that get
// it later hold their own reference in their queues.
const coolAfter = 2 * time.Second

// append logs a frame in a stream. shared is true when the same frame is
// already counted by an entry just before.
func (r *replay) append(s *stream, e entry, shared bool) {
	if r.maxBytes <= 0 || r.maxAge <= 0 {
		// Nothing is kept, but the stream's offset shows that something is missing.
		s.head, s.offset = 0, e.offset
		return
	}
	e.prev, e.prevOffset = s.head, s.offset
	e.size = entryOverhead
	if !shared {
		e.size += e.frame.Size()
	}
	slot := r.next - r.base
	if slot/segmentSize == uint64(len(r.segments)) {
		r.segments = append(r.segments, new([segmentSize]entry))
	}
	r.segments[slot/segmentSize][slot%segmentSize] = e
	r.next++
	r.bytes += e.size
	s.head, s.offset = r.next, e.offset
	r.trim(e.at)
}

// trim drops the oldest entries until the bounds hold.
func (r *replay) trim(now int64) {
	for r.first < r.next {
		e := r.at(r.first)
		if r.bytes <= r.maxBytes && now-e.at <= int64(r.maxAge) {
			break
		}
		r.bytes -= e.size
		*e = entry{}
		r.first++
	}
	for len(r.segments) > 0 && (r.first-r.base >= segmentSize) {
		r.segments[0] = nil
		r.segments = r.segments[1:]
		r.base += segmentSize
	}
}

// cool drops the encodings of the frames that were logged before now-coolAfter.
// That is half of what a frame takes; a recovery encodes it anew.
func (r *replay) cool(now int64) {
	r.cooled = max(r.cooled, r.first)
	for ; r.cooled < r.next; r.cooled++ {
		e := r.at(r.cooled)
		if now-e.at < int64(coolAfter) {
			return
		}
		if e.size == entryOverhead {
			continue // its frame is an earlier entry's
		}
		e.frame.Forget()
		size := entryOverhead + e.frame.KeptSize()
		r.bytes += size - e.size
		e.size = size
	}
}

func (r *replay) at(index uint64) *entry {
	slot := index - r.base
	return &r.segments[slot/segmentSize][slot%segmentSize]
}

// since calls f with the stream's entries after offset from, newest first.
// It reports false when the log no longer reaches back that far: then at
// least one of them is gone.
func (r *replay) since(s stream, from uint64, f func(*entry)) bool {
	head, offset := s.head, s.offset
	for offset > from {
		if head == 0 || head-1 < r.first {
			return false
		}
		e := r.at(head - 1)
		f(e)
		head, offset = e.prev, e.prevOffset
	}
	return true
}
