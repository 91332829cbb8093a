package scenario

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/corrillo/corrillo/bench/client"
	"github.com/corrillo/corrillo/bench/judge"
)

// member is one client of a crowd. Its goroutine alone touches it, but for
// the atomics; what it saw is read when the goroutine has ended.
type member struct {
	crowd  *crowd
	index  int
	name   string
	room   *room
	conn   client.Connection
	closer atomic.Pointer[client.Connection] // the same, for who ends the run

	deliveries []judge.Delivery
	received   atomic.Int64 // len(deliveries), now and then
	unexpected []string
	last       uint32 // the highest seq seen
	held       []judge.Delivery
	holding    bool // live messages wait behind pages of history
	sender     *sender
}

// room is what its members have in common.
type room struct {
	id    string
	acked atomic.Int64
}

const maxUnexpected = 20

func (m *member) complain(format string, args ...any) {
	if len(m.unexpected) < maxUnexpected {
		m.unexpected = append(m.unexpected, m.name+": "+fmt.Sprintf(format, args...))
	}
}

// join connects, identifies, joins and catches up.
func (m *member) join(ctx context.Context) error {
	c, err := client.Open(ctx, client.Options{Addr: m.crowd.addr, Dialect: m.crowd.c.Dialect, Timeout: m.crowd.c.Patience})
	if err != nil {
		return err
	}
	m.conn = c
	m.closer.Store(&c)
	if ctx.Err() != nil { // who ends the run may have looked before
		return errors.Join(ctx.Err(), c.Close())
	}
	if err := c.SetDeadline(time.Now().Add(m.crowd.c.Patience)); err != nil {
		return err
	}
	if err := m.enter(); err != nil {
		return errors.Join(err, c.Close())
	}
	return c.SetDeadline(time.Time{})
}

// page is what identify, join_conversation and get_history answer.
type page struct {
	Status   string          `json:"status"`
	Error    json.RawMessage `json:"error"`
	LastSeq  uint32          `json:"lastSeq"`
	Missed   []message       `json:"missed"`
	Messages []message       `json:"messages"`
	HasMore  bool            `json:"hasMore"`
}

type message struct {
	ID             string `json:"id"`
	ConversationID string `json:"conversationId"`
	Seq            uint32 `json:"seq"`
	TempID         string `json:"tempId"`
}

func (m *member) enter() error {
	m.holding, m.held = false, m.held[:0] // of a connection that broke meanwhile
	if _, err := m.ask("identify", fmt.Sprintf(`{"userId":%q,"username":%q}`, m.name, m.name)); err != nil {
		return err
	}
	p, err := m.ask("join_conversation", fmt.Sprintf(`{"conversationId":%q,"afterSeq":%d}`, m.room.id, m.last))
	if err != nil {
		return err
	}
	m.takePage(p.Missed)
	// Live messages may come from here on; they wait until the rest of what
	// was missed is there.
	m.holding = p.HasMore
	for more := p.HasMore; more; {
		q, err := m.ask("get_history", fmt.Sprintf(`{"conversationId":%q,"afterSeq":%d,"limit":200}`, m.room.id, m.last))
		if err != nil {
			return err
		}
		for i := range q.Messages {
			if q.Messages[i].Seq > p.LastSeq {
				q.Messages = q.Messages[:i] // it comes live
				break
			}
		}
		m.takePage(q.Messages)
		more = m.last < p.LastSeq && len(q.Messages) > 0
	}
	m.holding = false
	for _, d := range m.held {
		m.take(d)
	}
	m.held = m.held[:0]
	return nil
}

func (m *member) takePage(messages []message) {
	for i := range messages {
		d := judge.Delivery{Key: foreign, Seq: messages[i].Seq, ID: judge.Fingerprint([]byte(messages[i].ID))}
		if key, ok := parseKey([]byte(messages[i].TempID)); ok {
			d.Key = key
		}
		m.take(d)
	}
}

func (m *member) take(d judge.Delivery) {
	m.deliveries = append(m.deliveries, d)
	m.last = max(m.last, d.Seq)
}

// ask requests and waits for the reply; what comes before it is taken.
func (m *member) ask(event, data string) (page, error) {
	var p page
	id := m.conn.Request(event, []byte(data))
	for {
		packet, err := m.conn.Next()
		if err != nil {
			return p, fmt.Errorf("%s: %w", event, err)
		}
		if len(packet.Event) > 0 {
			m.on(packet)
			continue
		}
		if packet.Ack != id {
			continue
		}
		if err := json.Unmarshal(packet.Data, &p); err != nil {
			return p, fmt.Errorf("%s: reply %.200q: %w", event, packet.Data, err)
		}
		if p.Error != nil {
			return p, fmt.Errorf("%s is refused: %s", event, p.Error)
		}
		return p, nil
	}
}

var (
	eventNewMessage = []byte("new_message")
	eventMessageAck = []byte("message_ack")
	eventError      = []byte("error")
)

// on takes one event.
func (m *member) on(p client.Packet) {
	switch {
	case bytes.Equal(p.Event, eventNewMessage):
		d, room, err := parseMessage(p.Data)
		switch {
		case err != nil:
			m.complain("new_message: %v", err)
		case string(room) != m.room.id:
			m.complain("a message of another room: %.300q", p.Data)
		case m.holding:
			m.held = append(m.held, d)
		default:
			m.take(d)
		}
	case bytes.Equal(p.Event, eventMessageAck):
		if m.sender == nil {
			m.complain("message_ack to who never sent: %.300q", p.Data)
			return
		}
		m.sender.onAck(m, p.Data)
	case bytes.Equal(p.Event, eventError):
		m.crowd.errors.Add(1)
		if !bytes.Contains(p.Data, retryable) {
			m.complain("error: %.300q", p.Data)
		}
	}
}

var retryable = []byte(`"retryable":true`)

// live takes what comes until the connection ends.
func (m *member) live() error {
	for {
		p, err := m.conn.Next()
		if err != nil {
			return err
		}
		m.on(p)
		m.received.Store(int64(len(m.deliveries)))
	}
}

// run is the member's whole life. first is done when the member has joined
// for the first time, with the error when it could not.
func (m *member) run(ctx context.Context, first func(error)) {
	err := m.join(ctx)
	first(err)
	if err != nil {
		return
	}
	if m.sender != nil {
		if !m.crowd.awaitStart(ctx) {
			return
		}
		m.sender.begin(m)
	}
	for {
		m.crowd.up.Add(1)
		m.received.Store(int64(len(m.deliveries)))
		err := m.live()
		m.crowd.up.Add(-1)
		_ = m.conn.Close() // it is broken already, or closed by who ends the run
		if ctx.Err() != nil {
			return
		}
		if !m.crowd.comeBack.Load() {
			m.complain("the connection was lost: %v", err)
			m.crowd.lost.Add(1)
			return
		}
		if !m.comeBack(ctx) {
			return
		}
	}
}

// comeBack tries until it has joined again, and sends again what was not
// acked.
func (m *member) comeBack(ctx context.Context) bool {
	pause := 20 * time.Millisecond
	for ctx.Err() == nil {
		err := m.join(ctx)
		if err == nil {
			m.crowd.returns.Add(1)
			if m.sender != nil {
				m.sender.again(m)
			}
			return true
		}
		m.crowd.lastFailure.Store(&err)
		select {
		case <-ctx.Done():
		case <-time.After(pause):
		}
		pause = min(2*pause, 200*time.Millisecond)
	}
	return false
}
