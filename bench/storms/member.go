package storms

import (
	"bytes"
	"encoding/json"
	"fmt"
	"time"

	"github.com/corrillo/corrillo/bench/client"
	"github.com/corrillo/corrillo/bench/judge"
)

// room is what its members have in common.
type room struct {
	id         string
	members    []*member
	acked      int
	unexpected []string
}

// member is one client: a connection after the other.
type member struct {
	index int
	user  string
	room  *room
	joins bool // it shall be in the room; else it is only identified

	sock    *client.Socket
	stage   stage
	attempt int
	loss    error         // why the last connection ended
	lostAt  time.Duration // when

	last       uint32 // the highest seq seen
	deliveries []judge.Delivery
	held       []judge.Delivery // live messages, while pages of history come
	upTo       uint32           // the last seq that pages bring
	filling    bool
	presence   []string // what it heard of others: online, offline
	others     int      // messages of other conversations

	pending []uint32        // messages without an ack
	times   []time.Duration // by message: when it was sent first
	acks    []judge.Ack
	// What follows a leave and a join; nil: nothing.
	onLeft, onJoined func()
}

// stage is how far a member has come.
type stage uint8

const (
	away stage = iota
	dialing
	identifying
	identified // or it has left its room
	joining
	joined
	leaving
)

// Ids of a member's requests.
const (
	identifyID = iota + 1
	joinID
	leaveID
	historyID
	ownID // of a storm's own
)

// isThere reports whether a member has come as far as it shall.
func (m *member) isThere() bool {
	return m.stage == joined || !m.joins && m.stage == identified
}

// move changes a member's stage and counts.
func (h *herd) move(m *member, to stage) {
	count := func(by int) {
		switch {
		case m.isThere():
			h.there += by
		case m.stage != away && m.stage != leaving && (m.joins || m.stage != identified):
			h.opening += by
		}
	}
	count(-1)
	m.stage = to
	count(1)
}

func (h *herd) dial(m *member) {
	h.move(m, dialing)
	sock, err := h.loop.Dial(0, m.index)
	switch {
	case err != nil:
		h.ended(m, err)
	case m.stage == dialing: // else it has ended already
		m.sock = sock
	}
}

// Open implements client.Handler.
func (h *herd) Open(s *client.Socket) {
	m := h.members[s.Tag]
	m.sock = s
	h.move(m, identifying)
	h.scratch = h.proto.AppendIdentify(h.scratch[:0], identifyID, m.user)
	s.Send(h.scratch)
}

// Lost implements client.Handler.
func (h *herd) Lost(s *client.Socket, err error) {
	m := h.members[s.Tag]
	if m.sock != s && m.stage != dialing {
		return
	}
	h.lost++
	h.ended(m, err)
}

// cut ends a member's connection from this side, without a word.
func (h *herd) cut(m *member) {
	if m.sock != nil {
		m.sock.Close()
		h.ended(m, nil)
	}
}

// ended notes that a connection is gone, and when to come back.
func (h *herd) ended(m *member, err error) {
	h.move(m, away)
	m.sock, m.loss, m.lostAt = nil, err, h.loop.Clock()
	m.filling, m.held = false, m.held[:0]
	if h.away {
		return
	}
	h.after(h.backoff(m.attempt), func() { h.comeBack(m) })
	m.attempt++
}

func (h *herd) comeBack(m *member) {
	if m.stage == away && !h.away {
		h.dial(m)
	}
}

// request asks for something; Flush is for who is not called for m's socket.
func (h *herd) request(m *member, id uint64, event, data string) {
	h.scratch = h.proto.AppendRequest(h.scratch[:0], id, event, data)
	m.sock.Send(h.scratch)
}

// join joins, or catches up when there is something to catch up with.
func (h *herd) join(m *member) {
	h.move(m, joining)
	h.request(m, joinID, "join_conversation", fmt.Sprintf(`{"conversationId":%q,"afterSeq":%d}`, m.room.id, m.last))
}

// leave leaves the room, and then calls onLeft.
func (h *herd) leave(m *member, onLeft func()) {
	h.move(m, leaving)
	m.onLeft = onLeft
	h.request(m, leaveID, "leave_conversation", fmt.Sprintf(`{"conversationId":%q}`, m.room.id))
}

// Message implements client.Handler.
func (h *herd) Message(s *client.Socket, msg []byte) {
	m := h.members[s.Tag]
	if m.sock != s {
		return
	}
	if _, err := h.proto.Read(msg, &h.event); err != nil { // a frame is one packet here
		m.complain("%v", err)
		return
	}
	switch e := &h.event; e.Kind {
	case client.Reply:
		h.onReply(m, e)
	case client.Delivered:
		h.onDelivered(m, e)
	case client.Acked:
		h.onAcked(m, e)
	case client.Failed:
		if h.retried++; !e.Retryable {
			m.complain("error: %.300q", e.Data)
		}
	case client.Pinged, client.Ready, client.Ended: // other dialects'
	case client.Other:
		if bytes.Contains(e.Data, nameLastSeen) {
			m.onPresence(e.Data)
		}
	}
}

var (
	nameError    = []byte(`"error":`)
	nameLastSeen = []byte(`"lastSeen":`)
	retryable    = []byte(`"retryable":true`)
)

func (m *member) onPresence(data []byte) {
	var p struct{ UserID, Status string }
	// An offset may stand behind it.
	if err := json.NewDecoder(bytes.NewReader(data)).Decode(&p); err != nil {
		m.complain("presence: %v", err)
		return
	}
	m.presence = append(m.presence, p.UserID+" "+p.Status)
}

// page is what join_conversation and get_history answer.
type page struct {
	LastSeq  uint32    `json:"lastSeq"`
	Missed   []message `json:"missed"`
	Messages []message `json:"messages"`
	HasMore  bool      `json:"hasMore"`
}

type message struct {
	ID     string `json:"id"`
	Seq    uint32 `json:"seq"`
	TempID string `json:"tempId"`
}

// foreign is a key that no sender of a storm has.
var foreign = judge.Key{Sender: ^uint32(0)}

func (m *message) delivery() judge.Delivery {
	d := judge.Delivery{Key: foreign, Seq: m.Seq, ID: judge.Fingerprint([]byte(m.ID))}
	if sender, n, ok := client.ParseTempID([]byte(m.TempID)); ok {
		d.Key = judge.Key{Sender: sender, N: n}
	}
	return d
}

func (h *herd) onReply(m *member, e *client.Event) {
	if bytes.Contains(e.Data, nameError) {
		if !bytes.Contains(e.Data, retryable) {
			m.complain("request %d is refused: %.300q", e.Ack, e.Data)
		}
		h.retried++
		h.cut(m) // and tries again from the start
		return
	}
	switch {
	case e.Ack == identifyID && m.stage == identifying:
		h.move(m, identified)
		if m.joins {
			h.join(m)
			return
		}
		m.attempt = 0
	case e.Ack == joinID && m.stage == joining, e.Ack == historyID && m.filling:
		var p page
		if err := json.Unmarshal(e.Data, &p); err != nil {
			m.complain("reply %.300q: %v", e.Data, err)
			return
		}
		h.onPage(m, e.Ack == joinID, &p)
	case e.Ack == leaveID && m.stage == leaving:
		h.move(m, identified)
		if m.onLeft != nil {
			m.onLeft()
		}
	}
}

// onPage takes what was missed. As long as there is more of it, what comes
// live waits; then the member is there.
func (h *herd) onPage(m *member, first bool, p *page) {
	if first {
		m.upTo, m.filling = p.LastSeq, p.HasMore
		h.move(m, joined) // live messages come from here on
	}
	for _, missed := range append(p.Missed, p.Messages...) {
		if d := missed.delivery(); d.Seq <= m.upTo { // the rest comes live
			m.take(d)
		}
	}
	if m.filling = m.filling && m.last < m.upTo && (first || len(p.Messages) > 0); m.filling {
		h.request(m, historyID, "get_history", fmt.Sprintf(`{"conversationId":%q,"afterSeq":%d,"limit":200}`, m.room.id, m.last))
		return
	}
	for _, d := range m.held {
		m.take(d)
	}
	m.held, m.attempt = m.held[:0], 0
	h.again(m)
	if m.onJoined != nil {
		m.onJoined()
	}
}

func (m *member) take(d judge.Delivery) {
	m.deliveries = append(m.deliveries, d)
	m.last = max(m.last, d.Seq)
}

func (h *herd) onDelivered(m *member, e *client.Event) {
	d := judge.Delivery{Key: foreign, Seq: e.Seq, ID: judge.Fingerprint(e.ID)}
	if e.HasKey {
		d.Key = judge.Key{Sender: e.Sender, N: e.N}
	}
	switch {
	case string(e.Room) != m.room.id:
		m.others++
		return
	case m.stage != joined && m.stage != leaving:
		m.complain("a message to who is not in the room: %.300q", e.Data)
	case m.filling:
		m.held = append(m.held, d)
		return
	}
	m.take(d)
	if h.measured != nil && int(d.Sender) < len(h.members) && int(d.N) < len(h.members[d.Sender].times) {
		took := h.loop.Now() - h.members[d.Sender].times[d.N]
		*h.measured = append(*h.measured, uint32(min(took.Microseconds(), 1<<31)))
	}
}

const maxUnexpected = 20

func (m *member) complain(format string, args ...any) {
	if r := m.room; len(r.unexpected) < maxUnexpected {
		r.unexpected = append(r.unexpected, m.user+": "+fmt.Sprintf(format, args...))
	}
}
