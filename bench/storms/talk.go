package storms

import (
	"fmt"
	"slices"
	"time"

	"github.com/corrillo/corrillo/bench/client"
	"github.com/corrillo/corrillo/bench/judge"
	"github.com/corrillo/corrillo/bench/rows"
)

// talk lets each of the senders send a message, and the next one some time
// after its ack, until hush.
func (h *herd) talk(senders []*member, think time.Duration) {
	h.hushed = false
	h.onAck = func(m *member) { h.after(think, func() { h.sayMore(m) }) }
	for _, m := range senders {
		h.post(m)
	}
}

func (h *herd) sayMore(m *member) {
	if !h.hushed {
		h.post(m)
	}
}

// hush ends the talk and waits until all that was acked has come to everyone
// in its room.
func (h *herd) hush(within time.Duration) error {
	h.hushed, h.onAck = true, func(*member) {}
	return h.until("all messages to arrive", within, func() bool {
		return h.waiting == 0 && !slices.ContainsFunc(h.members, func(m *member) bool { return m.joins && len(m.deliveries) < m.room.acked })
	})
}

// post sends a new message, when the member is there; otherwise it goes out
// when it is.
func (h *herd) post(m *member) {
	n := uint32(len(m.times))
	m.times = append(m.times, h.loop.Clock())
	m.pending = append(m.pending, n)
	h.waiting++
	h.emit(m, n)
}

// emit sends a message that waits for its ack.
func (h *herd) emit(m *member, n uint32) {
	if m.stage != joined || m.filling || !slices.Contains(m.pending, n) {
		return
	}
	h.scratch = h.proto.AppendSend(h.scratch[:0], &client.Draft{Room: m.room.id, Content: h.content, Sender: uint32(m.index), N: n})
	m.sock.Send(h.scratch)
	m.sock.Flush()
}

// again sends what was not acked.
func (h *herd) again(m *member) {
	for _, n := range m.pending {
		h.emit(m, n)
	}
}

// putOff is how long a sender waits that was told to come later.
const putOff = 50 * time.Millisecond

func (h *herd) onAcked(m *member, e *client.Event) {
	i := slices.Index(m.pending, e.N)
	switch {
	case e.Sent && string(e.Room) != m.room.id:
		m.others++
		return
	case !e.HasKey || int(e.Sender) != m.index:
		m.complain("an ack for what was not sent: %.300q", e.Data)
		return
	case !e.Sent && (i < 0 || !e.Retryable):
		m.complain("message %d is refused: %.300q", e.N, e.Data)
		return
	case !e.Sent:
		h.retried++
		n := e.N
		h.after(putOff, func() { h.emit(m, n) })
		return
	}
	// One that nothing waits for is one too many: the judge says so.
	m.acks = append(m.acks, judge.Ack{Key: judge.Key{Sender: e.Sender, N: e.N}, Seq: e.Seq, ID: judge.Fingerprint(e.ID)})
	if i < 0 {
		return
	}
	m.pending = slices.Delete(m.pending, i, i+1)
	h.waiting--
	h.acked++
	m.room.acked++
	h.onAck(m)
}

// verdict holds what everyone has heard against the table.
func (h *herd) verdict(database string) (judge.Verdict, error) {
	evidence := make([]judge.Room, len(h.rooms))
	index := make(map[string]*judge.Room, len(h.rooms))
	for i, r := range h.rooms {
		e := &evidence[i]
		e.ID, e.Unexpected, e.HasRows = r.id, r.unexpected, true
		index[r.id] = e
		for _, m := range r.members {
			e.Members = append(e.Members, judge.Member{Name: fmt.Sprintf("%s (%d)", m.user, m.index), Deliveries: m.deliveries})
			for n := range m.times {
				e.Sent = append(e.Sent, judge.Key{Sender: uint32(m.index), N: uint32(n)})
			}
			e.Acks = append(e.Acks, m.acks...)
		}
	}
	stored, err := rows.Read(h.ctx, database, h.o.prefix)
	if err != nil {
		return judge.Verdict{}, err
	}
	for _, row := range stored {
		r := index[row.ConversationID]
		if r == nil {
			return judge.Verdict{}, fmt.Errorf("the table has a conversation %q, which this storm did not make", row.ConversationID)
		}
		key := foreign
		if sender, n, ok := client.ParseTempID([]byte(row.TempID)); ok {
			key = judge.Key{Sender: sender, N: n}
		}
		r.Rows = append(r.Rows, judge.Row{Key: key, Seq: row.Seq, ID: judge.Fingerprint([]byte(row.ID))})
	}
	return judge.Judge(evidence), nil
}
