package scenario

import (
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"github.com/corrillo/corrillo/bench/client"
	"github.com/corrillo/corrillo/bench/judge"
)

// sender keeps a number of messages under way, from within its member's
// goroutine: a new one when one is acked.
type sender struct {
	id      uint32
	pending []pending
	next    uint32
	acks    []judge.Ack
	waits   []uint32 // microseconds from the last send of a message to its ack
	refused int      // retryable refusals; the message was sent again
	last    time.Time
	waiting atomic.Int64 // len(pending), for who drains
	head    []byte       // of the event's JSON, up to the tempId
	scratch []byte
}

type pending struct {
	n  uint32
	at time.Time
}

func newSender(id uint32, roomID string, content int) *sender {
	s := &sender{id: id}
	s.head = append(s.head, `{"conversationId":"`+roomID+`","content":"`...)
	s.head = append(s.head, strings.Repeat("so it goes on ", content/14+1)[:content]...)
	s.head = append(s.head, `","tempId":"`...)
	s.head = append(strconv.AppendUint(s.head, uint64(id), 10), '-')
	return s
}

// begin sends the first messages.
func (s *sender) begin(m *member) {
	for range m.crowd.c.InFlight {
		s.post(m)
	}
}

// post sends a new message unless the time is over.
func (s *sender) post(m *member) {
	now := time.Now()
	if m.crowd.over.Load() {
		return
	}
	s.pending = append(s.pending, pending{n: s.next, at: now})
	s.waiting.Add(1)
	s.emit(m, s.next)
	s.next++
}

func (s *sender) emit(m *member, n uint32) {
	s.scratch = append(s.scratch[:0], s.head...)
	s.scratch = strconv.AppendUint(s.scratch, uint64(n), 10)
	m.conn.Emit("send_message", append(s.scratch, `"}`...))
}

// again sends what was not acked over a new connection, under the same
// tempIds.
func (s *sender) again(m *member) {
	now := time.Now()
	for i := range s.pending {
		s.pending[i].at = now
		s.emit(m, s.pending[i].n)
	}
	for range m.crowd.c.InFlight - len(s.pending) {
		s.post(m)
	}
}

// onAck notes an ack and sends the next message, or sends the same again when
// the server was busy.
func (s *sender) onAck(m *member, data []byte) {
	ack := client.ParseAck(data)
	i := slices.IndexFunc(s.pending, func(p pending) bool { return p.n == ack.N })
	switch {
	case !ack.HasKey || ack.Sender != s.id:
		m.complain("an ack that is not mine: %.300q", data)
		return
	case !ack.Sent && (i < 0 || !ack.Retryable):
		m.complain("message %d-%d is refused: %.300q", ack.Sender, ack.N, data)
		return
	case !ack.Sent:
		s.refused++
		s.pending[i].at = time.Now()
		s.emit(m, ack.N)
		return
	}
	d, err := deliveryOf(&ack)
	if err != nil {
		m.complain("message_ack: %v: %.300q", err, data)
		return
	}
	// An ack that nothing waits for is one too many: the judge says so.
	s.acks = append(s.acks, judge.Ack(d))
	if i < 0 {
		return
	}
	s.last = time.Now()
	s.waits = append(s.waits, uint32(min(s.last.Sub(s.pending[i].at).Microseconds(), 1<<31)))
	s.pending = slices.Delete(s.pending, i, i+1)
	m.room.acked.Add(1)
	s.post(m)
	s.waiting.Add(-1) // after the next one is counted: 0 means that none will come
}
