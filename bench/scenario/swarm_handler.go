package scenario

import (
	"bytes"
	"fmt"

	"github.com/corrillo/corrillo/bench/client"
	"github.com/corrillo/corrillo/bench/judge"
)

// Ids of the two requests that every member makes.
const (
	identifyID = 1
	joinID     = 2
	ownID      = 16 // and above: a scenario's own
)

var (
	nameError   = []byte(`"error":`)
	nameLastSeq = []byte(`"lastSeq":`)
)

// Open implements client.Handler.
func (w *swarm) Open(s *client.Socket) {
	m := &w.members[s.Tag]
	m.sock = s // Dial may not have returned yet
	m.stage = greeting
	msg, open := w.proto.Greeting()
	if msg != nil {
		s.Send(msg)
	}
	if open {
		w.identify(m)
	}
}

func (w *swarm) identify(m *swarmMember) {
	user := fmt.Sprintf("u%d-%s", m.sock.Tag, w.c.Run)
	w.scratch = w.proto.AppendIdentify(w.scratch[:0], identifyID, user)
	if m.stage = identifying; len(w.scratch) == 0 {
		w.onIdentified(m)
		return
	}
	m.sock.Send(w.scratch)
}

func (w *swarm) onIdentified(m *swarmMember) {
	if m.stage = identified; w.goal == identified {
		w.arrived++
		return
	}
	m.stage = joining
	w.scratch = w.proto.AppendJoin(w.scratch[:0], joinID, m.room.id)
	m.sock.Send(w.scratch)
}

// Lost implements client.Handler.
func (w *swarm) Lost(s *client.Socket, err error) {
	w.fail(fmt.Errorf("%w: client %d of %d: %w", errLost, s.Tag, len(w.members), err))
}

// Message implements client.Handler.
func (w *swarm) Message(s *client.Socket, msg []byte) {
	m := &w.members[s.Tag]
	switch m.stage {
	case joined:
		msg = w.repeated(m, msg)
	case greeting:
		if answer := w.proto.Opening(msg); answer != nil {
			s.Send(answer)
			return
		}
	}
	for len(msg) > 0 {
		rest, err := w.proto.Read(msg, &w.event)
		if err != nil {
			w.fail(fmt.Errorf("client %d: %w", s.Tag, err))
			return
		}
		w.on(m, &w.event, msg)
		msg = rest
	}
}

// repeated takes the deliveries at the start of msg that another member of
// the room has had already, byte for byte, and returns the rest.
func (w *swarm) repeated(m *swarmMember, msg []byte) []byte {
	r := m.room
	if r.ledger == nil || !r.ledger.OnCourse(m.number) {
		return msg
	}
	for len(msg) > 0 {
		at := r.ledger.Next(m.number)
		known := &r.recent[at&uint32(len(r.recent)-1)]
		if known.place != at+1 || !bytes.HasPrefix(msg, known.bytes) {
			return msg
		}
		rest, ok := w.proto.Tail(msg[len(known.bytes):])
		if !ok {
			return msg
		}
		r.ledger.Repeated(m.number)
		w.got++
		w.delivered.add(w.loop.Now() - known.at)
		msg = rest
	}
	return nil
}

func (w *swarm) on(m *swarmMember, e *client.Event, msg []byte) {
	switch e.Kind {
	case client.Other:
	case client.Ready:
		if m.stage == greeting {
			w.identify(m)
		}
	case client.Reply:
		w.onReplied(m, e)
	case client.Delivered:
		w.onDelivered(m, e, msg)
	case client.Acked:
		if w.onFate != nil {
			w.onFate(m, e)
			return
		}
		w.onAcked(m, e)
	case client.Failed:
		if !e.Retryable {
			w.complain(m, "error: %.300q", e.Data)
		}
	case client.Pinged:
		m.sock.Send(w.proto.Pong())
	case client.Ended:
		w.fail(fmt.Errorf("client %d: %w: %.100q", m.sock.Tag, client.ErrClosed, msg))
	}
}

func (w *swarm) onReplied(m *swarmMember, e *client.Event) {
	switch {
	case e.Ack >= ownID:
		w.onReply(m, e)
	case bytes.Contains(e.Data, nameError):
		w.fail(fmt.Errorf("%w: client %d: %.300q", errUnready, m.sock.Tag, e.Data))
	case e.Ack == identifyID && m.stage == identifying:
		w.onIdentified(m)
	case e.Ack == joinID && m.stage == joining:
		m.stage = joined
		w.arrived++
		w.sequenced = w.sequenced || bytes.Contains(e.Data, nameLastSeq)
	}
}

func (w *swarm) onDelivered(m *swarmMember, e *client.Event, msg []byte) {
	r := m.room
	if r.ledger == nil || m.stage != joined {
		w.fail(fmt.Errorf("client %d: a message before anybody talks: %.300q", m.sock.Tag, msg))
		return
	}
	d := judge.Delivery{Key: foreign, Seq: e.Seq}
	if e.HasKey {
		d.Key = judge.Key{Sender: e.Sender, N: e.N}
	}
	if e.ID != nil {
		d.ID = judge.Fingerprint(e.ID)
	}
	switch {
	case e.Room != nil && string(e.Room) != r.id:
		w.complain(m, "a message of another room: %.300q", e.Data)
		return
	case w.sequenced && (!e.HasSeq || e.ID == nil):
		w.complain(m, "new_message without seq or id: %.300q", e.Data)
	}
	at := r.ledger.Next(m.number)
	r.ledger.Delivered(m.number, d)
	w.got++
	if int(d.Sender) >= len(w.senders) || int(d.N) >= len(w.senders[d.Sender].times) {
		return // the judge says what it is
	}
	sent := w.senders[d.Sender].times[d.N]
	w.delivered.add(w.loop.Now() - sent)
	known := &r.recent[at&uint32(len(r.recent)-1)]
	if known.place < at+1 && e.Same > 0 && r.ledger.OnCourse(m.number) {
		known.place, known.bytes, known.at = at+1, append(known.bytes[:0], msg[:e.Same]...), sent
	}
}

func (w *swarm) onAcked(m *swarmMember, e *client.Event) {
	s := m.sender
	switch {
	case s == nil || e.HasKey && e.Sender != s.number || int(e.N) >= len(s.times):
		w.complain(m, "an ack for what was not sent: %.300q", e.Data)
		return
	case !e.Sent && !e.Retryable:
		w.complain(m, "message %d-%d is refused: %.300q", s.number, e.N, e.Data)
		w.waiting-- // the judge says that it was not acked
		return
	case !e.Sent:
		w.refused++
		w.emit(m, e.N)
		return
	case w.sequenced && (!e.HasSeq || e.ID == nil):
		w.complain(m, "message_ack without seq or id: %.300q", e.Data)
	}
	a := judge.Ack{Key: judge.Key{Sender: s.number, N: e.N}, Seq: e.Seq}
	if e.ID != nil {
		a.ID = judge.Fingerprint(e.ID)
	}
	if !m.room.ledger.Acked(s.seat, a) {
		return
	}
	w.waiting--
	w.acked++
	w.expected += int64(m.room.members)
	w.lastAck = w.loop.Now()
	w.acks.add(w.lastAck - s.times[e.N])
	w.onAck(m)
}

func (w *swarm) complain(m *swarmMember, format string, args ...any) {
	l := m.room.ledger
	if l != nil && len(l.Unexpected) < maxUnexpected {
		l.Unexpected = append(l.Unexpected, fmt.Sprintf("client %d: ", m.sock.Tag)+fmt.Sprintf(format, args...))
	}
}
