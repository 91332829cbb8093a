package simulation

import (
	"cmp"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/corrillo/corrillo/actors/message"
	"github.com/corrillo/corrillo/repo"
	"github.com/corrillo/corrillo/wire"
)

// client is one user's device. It sends a message again until it is acked, tells the
// last seq that it has whenever it joins, and checks the events that it gets.
type client struct {
	w     *world
	user  string
	conn  *conn // nil: it has none
	conns []*conn
	ack   uint64
	posts int
	rooms []*place
	out   []*post
	asks  map[uint64]func(data []byte)

	pid, offset string // to recover the session
}

// place is a client's state of one conversation.
type place struct {
	id     string
	want   bool  // to be joined
	cursor int64 // last seq heard; -1: none yet
	live   bool  // the join is answered: everything after cursor is to come
	asked  time.Duration
	busy   bool // a join or a leave waits for its answer
	// out: the session has not joined: it is new, or its leave was answered, and no
	// join was answered since.
	out           bool
	joins, leaves uint64 // numbers of the last join and the last leave
}

// post is a message that a client has sent.
type post struct {
	room, tempID, content string
	sent                  time.Duration
	on                    *conn
	sends                 int
	seq                   int64 // once it is acked
}

const (
	wireLag      = 300 * time.Millisecond
	patience     = 3 * time.Second
	recoveryTime = 30 * time.Second
)

func newClient(w *world, i int) *client {
	c := &client{w: w, user: fmt.Sprint("u", i), asks: map[uint64]func([]byte){}}
	for _, id := range w.conversations {
		if wire.IsDirect(id) && !slices.Contains(w.people[id], c.user) || !wire.IsDirect(id) && w.rng.IntN(4) == 0 {
			continue
		}
		c.rooms = append(c.rooms, &place{id: id, want: true, cursor: -1})
	}
	w.after(w.lag(5*time.Second), nil, c.tick)
	return c
}

func (c *client) takesPart(id string) bool { return c.place(id) != nil }

func (c *client) place(id string) *place {
	for _, p := range c.rooms {
		if p.id == id {
			return p
		}
	}
	return nil
}

// tick does what an app does every now and then: it joins, leaves, sends and sends
// again.
func (c *client) tick() {
	c.w.after(300*time.Millisecond+rand2(c.w, 400*time.Millisecond), nil, c.tick)
	if c.conn == nil {
		c.connect()
		return
	}
	if !c.conn.welcome {
		if c.w.now-c.conn.opened > patience {
			c.lost(c.conn)
		}
		return
	}
	for _, p := range c.rooms {
		c.keep(p)
	}
	for _, p := range c.out {
		if p.on != c.conn || c.w.now-p.sent > patience {
			c.transmit(p)
		}
	}
	if c.w.calm || len(c.rooms) == 0 {
		return
	}
	for range c.w.rng.IntN(3) {
		c.post(c.rooms[c.w.rng.IntN(len(c.rooms))].id)
	}
}

// keep joins or leaves a conversation, by p.want.
func (c *client) keep(p *place) {
	if c.w.chance(60) {
		p.want = !p.want
	}
	if c.w.calm {
		p.want = true
	}
	if p.busy && c.w.now-p.asked < patience {
		return
	}
	switch {
	case p.want && !p.live:
		c.join(p)
	case !p.want && p.live:
		p.live = false
		p.leaves = c.ack + 1
		number := p.leaves
		c.ask(p, wire.EventLeaveConversation, func(o message.Origin) any { return &message.Leave{Origin: o} }, func(data []byte) { c.left(p, number, data) })
	}
}

func (c *client) join(p *place) {
	after := p.cursor
	p.joins = c.ack + 1
	number := p.joins
	c.ask(p, wire.EventJoinConversation, func(o message.Origin) any {
		return &message.Join{Origin: o, AfterSeq: after, AfterRev: -1}
	}, func(data []byte) { c.joined(p, number, after, data) })
}

// ask sends a command whose answer comes as an ack on this connection, or never.
func (c *client) ask(p *place, event string, cmd func(message.Origin) any, done func([]byte)) {
	c.ack++
	number := c.ack
	p.busy, p.asked = true, c.w.now
	c.asks[number] = func(data []byte) {
		p.busy = false
		if done != nil {
			done(data)
		}
	}
	c.conn.say(p.id, func(o message.Origin) any {
		o.Event, o.Ack, o.WantsAck = event, number, true
		return cmd(o)
	})
}

// joined checks the answer to a join: it must bring everything after the cursor.
func (c *client) joined(p *place, number uint64, after int64, data []byte) {
	var a struct {
		Status  string
		LastSeq int64
		HasMore bool
		Missed  []struct{ Seq int64 }
	}
	if err := json.Unmarshal(data, &a); err != nil {
		c.w.broken("%s: %v in %s", c.user, err, data)
		return
	}
	if a.Status == "ok" {
		p.out = false
	}
	if a.Status != "ok" || !p.want || number < p.leaves || a.HasMore { // it had left before the page was read, or leaves
		return
	}
	if after >= 0 {
		for i, m := range a.Missed {
			if m.Seq != after+1+int64(i) {
				c.w.broken("%s joins %s after %d and gets %d in place %d", c.user, p.id, after, m.Seq, i)
			}
		}
		if int64(len(a.Missed)) != max(0, a.LastSeq-after) {
			c.w.broken("%s joins %s after %d: %d missed up to %d", c.user, p.id, after, len(a.Missed), a.LastSeq)
		}
	}
	p.cursor, p.live = max(p.cursor, a.LastSeq), true
	c.w.note("%s has joined %s at %d", c.user, p.id, p.cursor)
}

// left takes in the answer to a leave: no event of the conversation may come after it.
func (c *client) left(p *place, number uint64, data []byte) {
	var a struct{ Status string }
	if err := json.Unmarshal(data, &a); err != nil {
		c.w.broken("%s: %v in %s", c.user, err, data)
		return
	}
	p.out = p.out || a.Status == "ok" && p.joins < number
}

// post sends a new message.
func (c *client) post(id string) {
	c.posts++
	p := &post{room: id, tempID: fmt.Sprint(c.user, "-", c.posts), content: fmt.Sprint("hello ", c.posts)}
	c.out = append(c.out, p)
	if c.conn != nil && c.conn.welcome {
		c.transmit(p)
	}
}

func (c *client) transmit(p *post) {
	p.sent, p.on = c.w.now, c.conn
	p.sends++
	c.conn.posts = append(c.conn.posts, p)
	c.conn.say(p.room, func(o message.Origin) any {
		o.Event = wire.EventSendMessage
		c.w.made++
		return &message.PostMessage{Origin: o, Message: repo.Message{
			ConversationID: p.room, ID: fmt.Sprint("m", c.w.made), SenderID: c.user, SenderName: c.user, TempID: p.tempID,
			Content: p.content, Type: "text", Hash: sha256.Sum256([]byte(p.content)), CreatedAt: c.w.clock(),
		}}
	})
}

// hear takes in an event of the server.
func (c *client) hear(f *wire.Frame) {
	if f.Offset != "" {
		c.offset = f.Offset
	}
	switch f.Event {
	case wire.EventNewMessage:
		var m struct {
			ID, ConversationID, DirectID string
			Seq                          int64
		}
		if err := json.Unmarshal(f.Data, &m); err != nil {
			c.w.broken("%v in %s", err, f.Data)
			return
		}
		id := cmp.Or(m.ConversationID, m.DirectID)
		c.w.checkStored(id, m.ID, m.Seq)
		if p := c.place(id); p != nil {
			c.heard(p, m.Seq)
		}
	case wire.EventMessageAck:
		var a struct {
			TempID, MessageID, Status string
			Seq                       int64
		}
		if err := json.Unmarshal(f.Data, &a); err != nil {
			c.w.broken("%v in %s", err, f.Data)
			return
		}
		c.acked(a.TempID, a.MessageID, a.Status, a.Seq)
	}
}

// heard checks that a message is the next one: nothing is missing before it, and it
// did not come before.
func (c *client) heard(p *place, seq int64) {
	switch {
	case p.out && !wire.IsDirect(p.id):
		c.w.broken("%s hears %d of %s, where it is not", c.user, seq, p.id)
	case p.live && seq <= p.cursor && !c.own(p.id, seq, seq):
		c.w.broken("%s hears %d of %s again, after %d", c.user, seq, p.id, p.cursor)
	case p.live && seq > p.cursor+1 && !c.own(p.id, p.cursor+1, seq-1):
		c.w.broken("%s hears %d of %s after %d", c.user, seq, p.id, p.cursor)
	case p.live || p.cursor >= 0 && seq == p.cursor+1:
		p.cursor = max(p.cursor, seq)
	}
}

// own reports whether these are messages in a direct conversation that this user has
// sent. The device that sent one gets an ack and no event.
func (c *client) own(id string, first, last int64) bool {
	if !wire.IsDirect(id) {
		return false
	}
	for _, m := range c.w.store.page(id, first-1, last) {
		if m.SenderID != c.user {
			return false
		}
	}
	return true
}

func (c *client) acked(tempID, id, status string, seq int64) {
	i := slices.IndexFunc(c.out, func(p *post) bool { return p.tempID == tempID })
	if status != "sent" {
		if i >= 0 {
			c.out[i].sent = c.w.now - patience + 200*time.Millisecond // so that it is sent again soon
		}
		return
	}
	c.w.checkAcked(c.user, tempID, id, seq)
	if i >= 0 {
		c.out[i].seq = seq
		c.out = slices.Delete(c.out, i, i+1)
		c.w.result.Messages++
	}
}

// lost notes that the client's connection has ended.
func (c *client) lost(conn *conn) {
	if c.conn != conn {
		return
	}
	c.w.note("%s loses its connection to %s", c.user, conn.n.id)
	c.conn = nil
	clear(c.asks)
	for _, p := range c.rooms {
		p.live, p.busy, p.out = false, false, false
	}
	n := conn.n
	c.w.after(c.w.lag(5*time.Second), n, func() { conn.closed(wire.CloseTransport) })
}

// connect connects to a random node, or to the one with the client's session.
func (c *client) connect() {
	var open []*node
	for _, n := range c.w.members() {
		if !n.going && n.router.View().Generation > 0 && n.router.Stats().Unsettled == 0 {
			open = append(open, n)
		}
	}
	if len(open) == 0 {
		return
	}
	n := open[c.w.rng.IntN(len(open))]
	if home, _, ok := strings.Cut(c.pid, "."); ok && c.w.rng.IntN(2) == 0 {
		if i := slices.IndexFunc(open, func(n *node) bool { return n.id == home }); i >= 0 {
			n = open[i]
		}
	}
	conn := &conn{c: c, n: n, opened: c.w.now}
	c.conn, c.conns = conn, append(c.conns, conn)
	pid, offset := c.pid, c.offset
	c.w.after(c.w.lag(wireLag), n, func() { conn.open(pid, offset) })
}
