package scenario

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/corrillo/corrillo/bench/client"
	"github.com/corrillo/corrillo/bench/judge"
	"github.com/corrillo/corrillo/bench/rows"
)

// swarm is every client of a run, all on the goroutine that calls its
// methods: nothing here happens but within a wait.
type swarm struct {
	ctx    context.Context // of the run, as long as which a swarm lives
	c      Config
	target Target
	proto  client.Protocol
	loop   *client.Loop

	rooms   []*swarmRoom
	members []swarmMember
	senders []*swarmSender
	goal    stage // how far a member goes by itself
	// node is the server, of several, that the i-th member connects to.
	node func(i int) int

	arrived int // members at the goal
	dialed  int
	broken  error // the first failure of a connection or a greeting
	// sequenced: the server numbers the messages of a room (it said so in
	// its reply to a join).
	sequenced bool

	waiting   int   // messages without an ack
	expected  int64 // deliveries that the acks so far promise
	got       int64
	acked     int64
	refused   int
	acks      histogram
	delivered histogram
	firstSend time.Duration
	lastAck   time.Duration
	// onAck is what a sender does when its message was acked.
	onAck func(m *swarmMember)
	// onFate takes an ack in place of the ledgers, when it is set.
	onFate func(m *swarmMember, e *client.Event)
	// onReply takes replies to what a scenario asks for by itself.
	onReply func(m *swarmMember, e *client.Event)

	content string
	scratch []byte
	event   client.Event
}

// stage is how far a member has come.
type stage uint8

const (
	dialing stage = iota
	greeting
	identifying
	identified
	joining
	joined
)

// swarmMember is one client.
type swarmMember struct {
	sock   *client.Socket
	room   *swarmRoom
	sender *swarmSender
	number int // in the room
	stage  stage
}

// swarmRoom is what its members have in common.
type swarmRoom struct {
	id      string
	members int
	ledger  *judge.Ledger
	// recent are the bytes of the last messages, by their place in the
	// room's order: what the next member gets is compared with them, which
	// costs a tenth of reading it.
	recent []recentMessage
}

type recentMessage struct {
	place uint32 // in the order, from 1; 0: none
	bytes []byte
	at    time.Duration // when it was sent
}

// swarmSender is a member that talks.
type swarmSender struct {
	number uint32
	seat   int             // in the room's ledger
	times  []time.Duration // by message: when it was sent
}

// newSwarm makes a swarm of nobody yet.
func newSwarm(ctx context.Context, c Config, t Target) (*swarm, error) {
	proto, err := client.NewProtocol(c.Dialect)
	if err != nil {
		return nil, err
	}
	w := &swarm{ctx: ctx, c: c, target: t, proto: proto, goal: joined}
	w.members = make([]swarmMember, 0, c.Connections) // never moved
	w.content = strings.Repeat("so it goes on ", c.Content/14+1)[:c.Content]
	w.onAck = func(*swarmMember) {}
	w.onReply = func(*swarmMember, *client.Event) {}
	addrs := addrsOf(t)
	w.node = func(i int) int { return i % len(addrs) }
	w.loop, err = client.NewLoop(addrs, proto.Path(), w)
	return w, err
}

func (w *swarm) close() { _ = w.loop.Close() } // the figures stand already

// gather connects members until there are want, and returns when all have
// come as far as the goal.
func (w *swarm) gather(want int) error {
	target := fmt.Sprintf("%d clients to come in", want)
	err := w.progress(target, func() bool {
		for w.broken == nil && len(w.members) < want && w.dialed-w.arrived < w.c.Dialing {
			w.dial()
		}
		return w.arrived >= want
	}, func() int64 { return int64(w.arrived) })
	if err != nil {
		return fmt.Errorf("gather %d clients: %w", want, err)
	}
	return nil
}

func (w *swarm) dial() {
	i := len(w.members)
	if i%w.c.RoomSize == 0 {
		w.rooms = append(w.rooms, &swarmRoom{id: fmt.Sprintf("%s%d", w.c.prefix(), i/w.c.RoomSize)})
	}
	room := w.rooms[len(w.rooms)-1]
	w.members = append(w.members, swarmMember{room: room, number: room.members})
	room.members++
	w.dialed++
	sock, err := w.loop.Dial(w.node(i), i)
	if err != nil {
		w.fail(err)
		return
	}
	w.members[i].sock = sock
}

func (w *swarm) fail(err error) {
	if w.broken == nil {
		w.broken = err
	}
}

// seat gives every room its ledger and makes senders: the rooms take turns.
func (w *swarm) seat() {
	for _, r := range w.rooms {
		r.ledger = judge.NewLedger(r.id, r.members, w.sequenced)
		size := 32
		if r.members > 100 {
			size = 1024
		}
		r.recent = make([]recentMessage, size)
	}
	for i := range w.c.Senders {
		at := (i%len(w.rooms))*w.c.RoomSize + i/len(w.rooms)
		for at >= len(w.members) || w.members[at].sender != nil { // the last room may be smaller
			at = (at + 1) % len(w.members)
		}
		m := &w.members[at]
		m.sender = &swarmSender{number: uint32(i), seat: m.room.ledger.AddSender(uint32(i))}
		w.senders = append(w.senders, m.sender)
	}
}

// voices are the members that talk, in the order of their numbers.
func (w *swarm) voices() []*swarmMember {
	out := make([]*swarmMember, len(w.senders))
	for i := range w.members {
		if m := &w.members[i]; m.sender != nil {
			out[m.sender.number] = m
		}
	}
	return out
}

// post sends a new message, which should have gone out at the given time.
func (w *swarm) post(m *swarmMember, due time.Duration) {
	n := m.room.ledger.Sent(m.sender.seat)
	m.sender.times = append(m.sender.times, due)
	w.waiting++
	w.emit(m, n)
}

func (w *swarm) emit(m *swarmMember, n uint32) {
	d := client.Draft{Room: m.room.id, Content: w.content, Sender: m.sender.number, N: n}
	w.scratch = w.proto.AppendSend(w.scratch[:0], &d)
	m.sock.Send(w.scratch)
}

// step is the longest wait in one go, so that an interrupt is noticed.
const step = 100 * time.Millisecond

// progress lets things happen until done says so; it gives up when moved has
// not changed for Patience.
func (w *swarm) progress(what string, done func() bool, moved func() int64) error {
	late, last := w.loop.Clock()+w.c.Patience, moved()
	for !done() {
		if w.broken != nil {
			return w.broken
		}
		if err := w.loop.Poll(w.ctx, step); err != nil {
			return fmt.Errorf("wait for %s: %w", what, err)
		}
		now := w.loop.Clock()
		if m := moved(); m != last {
			late, last = now+w.c.Patience, m
		} else if now > late {
			return fmt.Errorf("%w for %s", errTooLate, what)
		}
	}
	return w.broken
}

// pause lets things happen for a while.
func (w *swarm) pause(d time.Duration) error {
	for end := w.loop.Clock() + d; ; {
		left := end - w.loop.Clock()
		if left <= 0 || w.broken != nil {
			return w.broken
		}
		if err := w.loop.Poll(w.ctx, min(left, step)); err != nil {
			return fmt.Errorf("interrupted: %w", err)
		}
	}
}

// drain waits until everything under way has arrived.
func (w *swarm) drain() error {
	w.onAck = func(*swarmMember) {}
	return w.progress("all messages to arrive", func() bool { return w.waiting == 0 && w.got >= w.expected },
		func() int64 { return w.acked + w.got })
}

// verdict is the judge's, with the table's rows where there is one.
func (w *swarm) verdict() (judge.Verdict, error) {
	ledgers := make([]*judge.Ledger, 0, len(w.rooms))
	index := make(map[string]*judge.Ledger, len(w.rooms))
	for _, r := range w.rooms {
		ledgers = append(ledgers, r.ledger)
		index[r.id] = r.ledger
	}
	var err error
	if where := w.target.Database(); where != "" {
		err = addRows(w.ctx, where, w.c.prefix(), index)
	}
	return judge.Audit(ledgers), err
}

// addRows puts the table's rows into the ledgers.
func addRows(ctx context.Context, where, prefix string, ledgers map[string]*judge.Ledger) error {
	stored, err := rows.Read(ctx, where, prefix)
	if err != nil {
		return err
	}
	for _, l := range ledgers {
		l.HasRows = true
	}
	for _, row := range stored {
		l := ledgers[row.ConversationID]
		if l == nil {
			return fmt.Errorf("the table has a conversation %q, which this run did not make", row.ConversationID)
		}
		r := judge.Row{Key: foreign, Seq: row.Seq, ID: judge.Fingerprint([]byte(row.ID))}
		if key, ok := parseKey([]byte(row.TempID)); ok {
			r.Key = key
		}
		l.Rows = append(l.Rows, r)
	}
	return nil
}

var errUnready = errors.New("refused")
