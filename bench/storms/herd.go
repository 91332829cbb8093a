package storms

import (
	"container/heap"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/corrillo/corrillo/bench/client"
)

// herd is a crowd of clients on one goroutine, that of whoever calls its
// methods: nothing happens but within a wait. Its clients come back by
// themselves, catch up with afterSeq, and send again what was not acked.
type herd struct {
	ctx     context.Context // of the storm, as long as which a herd lives
	o       herdOptions
	loop    *client.Loop
	proto   client.Protocol
	rooms   []*room
	members []*member
	timers  timers
	rand    *rand.Rand

	away    bool // who loses the connection stays away
	there   int  // members that have come as far as they shall
	opening int  // members that are on their way
	lost    int  // connections that ended, and were not cut by us
	retried int  // answers that said: later
	waiting int  // messages without an ack
	acked   int
	hushed  bool // nobody begins anything new
	// onAck is what a sender does when its message was acked.
	onAck func(m *member)
	// measured takes the time from each message's sending to each of its
	// deliveries, in microseconds; nil: not measured.
	measured *[]uint32

	content string
	event   client.Event
	scratch []byte
}

type herdOptions struct {
	addr string
	// prefix makes the names of rooms and users the storm's own.
	prefix string
	// unit is the first pause before a client comes back. Stock Socket.IO
	// clients, and so those of @corrillo/client, have a second.
	unit time.Duration
	// content is the length of a message's text.
	content int
}

// Stock clients wait twice as long each time, up to this many units (theirs
// is 30 s in @corrillo/client), give or take a half.
const (
	longestPause = 30
	jitter       = 0.5
)

// pace bounds how many are on their way while a herd gathers for the first
// time. When it comes back nothing does.
const pace = 64

var errTooLate = errors.New("waited too long")

func newHerd(ctx context.Context, o herdOptions) (*herd, error) {
	proto, err := client.NewProtocol(client.Plain)
	if err != nil {
		return nil, err
	}
	h := &herd{ctx: ctx, o: o, proto: proto, rand: rand.New(rand.NewPCG(1, 2))} //nolint:gosec // no secret, and the same each time
	h.content = text(max(o.content, 16))
	h.onAck = func(*member) {}
	h.loop, err = client.NewLoop([]string{o.addr}, proto.Path(), h)
	return h, err
}

// text is so many bytes without quotes and braces.
func text(n int) string {
	b := make([]byte, n)
	for i := range b {
		b[i] = "all at once "[i%12]
	}
	return string(b)
}

func (h *herd) close() { _ = h.loop.Close() } // the figures stand already

// addRoom makes a room of so many new members, each a user of its own.
func (h *herd) addRoom(members int) *room {
	r := &room{id: fmt.Sprintf("%sroom-%d", h.o.prefix, len(h.rooms))}
	h.rooms = append(h.rooms, r)
	for range members {
		h.addMember(r, fmt.Sprintf("%su%d", h.o.prefix, len(h.members)))
	}
	return r
}

// addMember makes a client of the user that shall join the room.
func (h *herd) addMember(r *room, user string) *member {
	m := &member{index: len(h.members), user: user, room: r, joins: true}
	h.members = append(h.members, m)
	r.members = append(r.members, m)
	return m
}

// gather connects those who are away, a few at a time, and returns when
// everyone is there.
func (h *herd) gather(within time.Duration) error {
	next := 0
	return h.until("everyone to come", within, func() bool {
		for next < len(h.members) && h.opening < pace {
			if m := h.members[next]; m.stage == away {
				h.dial(m)
			}
			next++
		}
		return h.there == len(h.members)
	})
}

// until lets things happen until done says so.
func (h *herd) until(what string, within time.Duration, done func() bool) error {
	late := h.loop.Clock() + within
	for !done() {
		if err := h.turn(); err != nil {
			return fmt.Errorf("wait for %s: %w", what, err)
		}
		if h.loop.Clock() > late {
			return fmt.Errorf("%w (%v) for %s: %s", errTooLate, within, what, h.state())
		}
	}
	return nil
}

// pause lets things happen for a while.
func (h *herd) pause(d time.Duration) error {
	end := h.loop.Clock() + d
	for h.loop.Clock() < end {
		if err := h.turn(); err != nil {
			return fmt.Errorf("interrupted: %w", err)
		}
	}
	return nil
}

// longestTurn bounds one wait, so that whoever waits looks again.
const longestTurn = 10 * time.Millisecond

// turn does what is due and waits a moment for something to happen.
func (h *herd) turn() error {
	wait := longestTurn
	for len(h.timers) > 0 {
		if left := h.timers[0].at - h.loop.Clock(); left > 0 {
			wait = min(wait, left)
			break
		}
		t, _ := heap.Pop(&h.timers).(timer)
		t.do()
	}
	return h.loop.Poll(h.ctx, wait)
}

// state says, for an error, how far the herd is.
func (h *herd) state() string {
	s := fmt.Sprintf("%d of %d are there, %d on their way, %d messages wait for their ack, %d connections were lost, %d requests put off",
		h.there, len(h.members), h.opening, h.waiting, h.lost, h.retried)
	for _, m := range h.members {
		if m.loss != nil && m.stage != joined {
			return fmt.Sprintf("%s; %s is %v since %v", s, m.user, m.stage, m.loss)
		}
	}
	return s
}

// after calls do when d has passed.
func (h *herd) after(d time.Duration, do func()) {
	heap.Push(&h.timers, timer{at: h.loop.Clock() + d, do: do})
}

// backoff is how long a client stays away: longer each time, and not in step
// with others.
func (h *herd) backoff(attempt int) time.Duration {
	d := h.o.unit << min(attempt, 16)
	d += time.Duration((2*h.rand.Float64() - 1) * jitter * float64(d))
	return min(d, longestPause*h.o.unit)
}

// timer is one call to come.
type timer struct {
	at time.Duration
	do func()
}

// timers is a heap by time.
type timers []timer

// Len implements heap.Interface.
func (t timers) Len() int { return len(t) }

// Less implements heap.Interface.
func (t timers) Less(i, j int) bool { return t[i].at < t[j].at }

// Swap implements heap.Interface.
func (t timers) Swap(i, j int) { t[i], t[j] = t[j], t[i] }

// Push implements heap.Interface.
func (t *timers) Push(x any) {
	if v, ok := x.(timer); ok {
		*t = append(*t, v)
	}
}

// Pop implements heap.Interface.
func (t *timers) Pop() any {
	last := (*t)[len(*t)-1]
	*t = (*t)[:len(*t)-1]
	return last
}
