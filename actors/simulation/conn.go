package simulation

import (
	"strings"
	"time"

	"github.com/corrillo/corrillo/actors/message"
	"github.com/corrillo/corrillo/actors/relay"
	"github.com/corrillo/corrillo/wire"
)

// conn is a connection of a client to a node. It is a wire.Conn to the Hub, and passes
// the client's commands to its session. Both directions keep the order and are late.
type conn struct {
	c        *client
	n        *node
	s        *session
	number   uint64
	opened   time.Duration
	up, down time.Duration // when the last message of each direction arrives
	welcome  bool
	over     bool // the node has noticed that it has ended
	posts    []*post
}

// open begins or recovers a session, in the node's process.
func (c *conn) open(pid, offset string) {
	h := c.n.hub
	if strings.HasPrefix(pid, c.n.id+".") {
		sub, generation, gap := h.Resume(c, pid, offset, offset != "")
		if s, ok := ownerOf(sub); ok && gap {
			h.Finish(s.sub, wire.CloseReplaced)
		} else if ok {
			s.number, c.s, c.number = generation, s, generation
			return
		}
	}
	s := &session{n: c.n, user: c.c.user, number: 1}
	s.sub = h.Open(c, s)
	c.n.last = s.sub.ID()
	c.s, c.number = s, 1
	if _, e := h.Bind(s.sub, s.user); e != nil {
		c.c.w.broken("%s is not let in: %v", s.user, e)
	}
}

// toClient calls do, which is something that reaches the client, late and in order.
func (c *conn) toClient(do func()) {
	w := c.c.w
	c.down = max(c.down+1, w.now+w.lag(wireLag))
	w.after(c.down-w.now, nil, func() {
		if c.c.conn == c {
			do()
		}
	})
}

// Welcome implements wire.Conn.
func (c *conn) Welcome(m wire.Welcome) {
	c.toClient(func() {
		c.welcome = true
		if !m.Recovered {
			c.c.offset = ""
			for _, p := range c.c.rooms {
				p.out, p.joins = true, 0
			}
		}
		c.c.pid = m.PID
		c.c.w.note("%s is welcome at %s, recovered %v", c.c.user, c.n.id, m.Recovered)
	})
}

// Push implements wire.Conn.
func (c *conn) Push(f *wire.Frame) { c.toClient(func() { c.c.hear(f) }) }

// Ack implements wire.Conn.
func (c *conn) Ack(id uint64, data []byte) {
	c.toClient(func() {
		if done := c.c.asks[id]; done != nil {
			delete(c.c.asks, id)
			done(data)
		}
	})
}

// Close implements wire.Conn.
func (c *conn) Close(reason wire.CloseReason) {
	c.toClient(func() { c.c.lost(c) })
	c.c.w.after(c.c.w.lag(wireLag), c.n, func() { c.closed(reason) })
}

// closed tells the session, once, that the connection has ended.
func (c *conn) closed(reason wire.CloseReason) {
	if c.over || c.s == nil {
		return
	}
	c.over = true
	s := c.s
	generation, over, current := c.n.hub.Detach(s.sub, c, reason)
	switch {
	case !current:
	case over:
		c.c.w.after(c.c.w.lag(boxLag), c.n, s.end)
	default:
		c.c.w.after(recoveryTime, c.n, func() {
			if !s.ended && s.number == c.number && generation == c.number+1 {
				c.n.hub.Finish(s.sub, wire.CloseReplaced)
			}
		})
	}
}

// say sends the session a command for a conversation.
func (c *conn) say(id string, cmd func(message.Origin) any) {
	w := c.c.w
	c.up = max(c.up+1, w.now+w.lag(wireLag))
	w.after(c.up-w.now, c.n, func() {
		if c.over || c.s == nil || c.s.ended || c.s.number > c.number {
			return
		}
		c.s.command(c, id, cmd)
	})
}

// command sends a client's command to the conversation.
func (s *session) command(c *conn, id string, cmd func(message.Origin) any) {
	s.serial++
	o := message.Origin{
		Session: s.sub.Ref(), UserID: s.user, Username: s.user, Serial: s.serial, Attachment: c.number,
	}
	if wire.IsDirect(id) {
		for _, user := range s.n.w.people[id] {
			if user != s.user {
				o.PeerID = user
			}
		}
	}
	m := cmd(o)
	s.sub.Begin()
	if s.n.tell(id, m, false, false) == nil {
		return
	}
	s.sub.Cancel()
	tempID := ""
	if p, ok := m.(*message.PostMessage); ok {
		tempID = p.Message.TempID
		s.n.w.refused[tempID] = true
	}
	s.n.hub.Refuse(s.sub, *message.OriginOf(m), tempID, wire.Errorf(wire.CodeOverloaded, "too much waits"))
}

// ownerOf returns the session of a Subscriber that Hub.Resume has returned.
func ownerOf(sub *relay.Subscriber) (*session, bool) {
	if sub == nil {
		return nil, false
	}
	s, ok := sub.Owner().(*session)
	return s, ok
}
