package stream

import (
	"encoding/json"
	"fmt"
	"slices"
	"sync"

	"github.com/corrillo/corrillo/wire"
)

// recorder stands between the transport and the sessions: it notes what a
// session is told, and what is wrong with what it answers.
type recorder struct {
	inner    wire.Acceptor
	replaces bool // connections may be replaced by those that recover their session

	mu    sync.Mutex
	heard []string // in order
	wrong []string
	acked []sent
	taps  []*tap

	answers int
}

func newRecorder(inner wire.Acceptor) *recorder { return &recorder{inner: inner} }

// UseBatch implements wire.Batcher.
func (r *recorder) UseBatch(b wire.Batch) {
	if inner, ok := r.inner.(wire.Batcher); ok {
		inner.UseBatch(b)
	}
}

// Open implements wire.Acceptor.
func (r *recorder) Open(conn wire.Conn, hello wire.Hello) (wire.Session, *wire.Error) {
	t := &tap{r: r, conn: conn, owed: map[uint64]int{}}
	session, refused := r.inner.Open(t, hello)
	r.mu.Lock()
	defer r.mu.Unlock()
	if refused != nil {
		r.heard = append(r.heard, "refused")
		return nil, refused
	}
	r.heard = append(r.heard, "open")
	t.session = session
	r.taps = append(r.taps, t)
	return t, nil
}

// unanswered counts the requests of the sessions that are open which have no
// answer yet.
func (r *recorder) unanswered() (n int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, t := range r.taps {
		if len(t.closed) == 0 {
			for _, owed := range t.owed {
				n += owed
			}
		}
	}
	return n
}

// identified reports whether the open session may be that of a user.
func (r *recorder) identified() bool {
	t := r.open()
	r.mu.Lock()
	defer r.mu.Unlock()
	return t != nil && t.known
}

// answered counts the answers that were given, and the sessions.
func (r *recorder) answered() (answers, sessions int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.answers, len(r.taps)
}

// open returns the session that is open now, nil when there is none.
func (r *recorder) open() *tap {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, t := range r.taps {
		if len(t.closed) == 0 {
			return t
		}
	}
	return nil
}

// ended reports whether every session has been told of its end.
func (r *recorder) ended() bool { return r.open() == nil }

// sum gives what was heard, what was wrong, what was acked as sent.
func (r *recorder) sum() (heard, wrong []string, acked []sent) {
	r.mu.Lock()
	defer r.mu.Unlock()
	wrong = slices.Clone(r.wrong)
	for i, t := range r.taps {
		if len(t.closed) != 1 {
			wrong = append(wrong, fmt.Sprintf("session %d was told of its end %d times: %v", i, len(t.closed), t.closed))
		}
	}
	return slices.Clone(r.heard), wrong, slices.Clone(r.acked)
}

func (r *recorder) failf(format string, args ...any) {
	r.wrong = append(r.wrong, fmt.Sprintf(format, args...))
}

// tap is one connection and its session. The recorder's mu guards it.
type tap struct {
	r       *recorder
	conn    wire.Conn
	session wire.Session

	known  bool           // an identify that could be good has come
	owed   map[uint64]int // by ack id
	closed []wire.CloseReason
}

// Receive implements wire.Session.
func (t *tap) Receive(in wire.Inbound) {
	t.r.mu.Lock()
	t.r.heard = append(t.r.heard, fmt.Sprintf("%q %s %v %d", in.Event, in.Data, in.WantsAck, in.Ack))
	if in.WantsAck {
		t.owed[in.Ack]++
	}
	if in.Event == wire.EventIdentify {
		_, refused := wire.Decode(in, nil)
		t.known = t.known || refused == nil
	}
	if len(t.closed) > 0 {
		t.r.failf("%s after the end", in.Event)
	}
	t.r.mu.Unlock()
	t.session.Receive(in)
}

// reasons are all that a connection may be closed for here: no clock runs,
// nobody drains and nobody revokes.
var reasons = []wire.CloseReason{wire.CloseClient, wire.CloseTransport, wire.CloseParseError, wire.CloseTooLarge}

// Closed implements wire.Session.
func (t *tap) Closed(_ wire.Conn, reason wire.CloseReason) {
	t.r.mu.Lock()
	t.closed = append(t.closed, reason)
	t.r.heard = append(t.r.heard, "closed "+string(reason))
	if !slices.Contains(reasons, reason) && !(t.r.replaces && reason == wire.CloseReplaced) {
		t.r.failf("closed for %q", reason)
	}
	t.r.mu.Unlock()
	t.session.Closed(t, reason)
}

// Welcome implements wire.Conn.
func (t *tap) Welcome(w wire.Welcome) {
	t.r.mu.Lock()
	t.known = t.known || w.Recovered // else there was nothing to recover
	t.r.mu.Unlock()
	t.conn.Welcome(w)
}

// Push implements wire.Conn.
func (t *tap) Push(f *wire.Frame) {
	t.r.mu.Lock()
	if !json.Valid(f.Data) {
		t.r.failf("event %s carries %q", f.Event, f.Data)
	}
	switch f.Event {
	case wire.EventError, wire.EventHeartbeatAck:
	case wire.EventMessageAck:
		t.r.onAck(f.Data, t.known)
	default:
		if !t.known {
			t.r.failf("%s was emitted to a client that nobody knows: %s", f.Event, f.Data)
		}
	}
	t.r.mu.Unlock()
	t.conn.Push(f)
}

// onAck notes what was acked as sent. mu is held.
func (r *recorder) onAck(data []byte, known bool) {
	var a sent
	if err := json.Unmarshal(data, &a); err != nil || a.Status != "sent" {
		return
	}
	if !known || a.MessageID == "" || a.Seq < 1 {
		r.failf("acked to known=%v: %s", known, data)
	}
	r.acked = append(r.acked, a)
}

// Ack implements wire.Conn.
func (t *tap) Ack(id uint64, data []byte) {
	t.r.mu.Lock()
	if !json.Valid(data) {
		t.r.failf("answer %d is %q", id, data)
	}
	t.r.onAck(data, t.known)
	t.r.mu.Unlock()
	t.conn.Ack(id, data) // first, so that it is on its way when nothing is owed
	t.r.mu.Lock()
	defer t.r.mu.Unlock()
	t.r.answers++
	if t.owed[id]--; t.owed[id] < 0 {
		t.r.failf("answer %d once too often", id)
	}
}

// Close implements wire.Conn. Nothing that a client sends here makes the
// server close it, save what the transport finds.
func (t *tap) Close(reason wire.CloseReason) { t.conn.Close(reason) }
