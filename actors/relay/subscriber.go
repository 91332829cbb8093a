package relay

import (
	"slices"
	"sync/atomic"
	"time"

	"github.com/corrillo/corrillo/actors/message"
	"github.com/corrillo/corrillo/wire"
)

// Subscriber is a session as the hub sees it: its connection, who it is, and
// what it listens to. All fields but the atomic ones are guarded by the
// hub's lock.
type Subscriber struct {
	id     uint64
	secret [16]byte
	hub    *Hub
	owner  Owner

	conn       wire.Conn // nil while detached
	generation uint64    // counts attaching and detaching
	ended      bool      // its actor was asked to end

	user        *userRoom // nil until bound
	userSince   uint64    // offset at the time of binding
	firstSerial uint64    // joins by commands before it are of an earlier identity; see Unbind
	joined      []joint
	own         stream // frames for this session alone
	born        uint64 // offset when the session began
	detached    int64  // unix nanoseconds; 0 while attached

	gating *gating // nil: no join waits for its reply

	pending  atomic.Int32 // commands that a conversation has not answered
	deadline atomic.Int64 // unix nanoseconds at which the owner wants Due; 0: none
}

// gating is the state of a session while any join waits for its page: frames are
// held back until the gates of all such joins are open.
type gating struct {
	joins []gatedJoin // never empty
	held  []heldFrame // in the order in which they go out
	bytes int         // the size of held
}

// heldFrame is a frame that waits behind a gate, or the answer to a join that must
// keep its place among such frames.
type heldFrame struct {
	*wire.Frame
	room  *room          // the room it was published to; nil: to a user or a session
	own   bool           // it is for the session's user, even without having joined the room
	reply *message.Reply // an answer to a join; Frame is nil then
}

// joint is one subscription of a session.
type joint struct {
	room  *room
	index int    // in room.members
	since uint64 // offset at the time of joining
	join  uint64 // serial of the last command to join
	firm  bool   // a join was answered with success: a later one that fails does not end it
	told  bool   // a Listening of this node has named it to the conversation
}

// gatedJoin is a join whose reply waits for a page.
type gatedJoin struct {
	room   *room
	serial uint64 // of the command
	last   uint64 // the highest serial of other joins of the room that have failed; see waitsFor
	since  uint64 // offset at the time of joining
	// behind: the reply is to go out between held[:mark] and held[mark:], behind
	// events of the room that the session gets because it had joined before.
	behind bool
	mark   int
	// again: the join was sent again, to a new owner of the conversation, which knew
	// the messages up to through and the changes up to throughRev.
	again      bool
	through    int64
	throughRev int64
}

// Owner is the session actor behind a subscriber, as the hub needs it. No
// method blocks.
type Owner interface {
	// Due is called once when the deadline set by SetDeadline has passed.
	Due()
	// Expired is called when the recovery window of a detached session is
	// over; the owner ends it.
	Expired()
}

// ID returns the session's number on this node.
func (s *Subscriber) ID() uint64 { return s.id }

// Ref returns the session's address.
func (s *Subscriber) Ref() message.SessionRef {
	return message.SessionRef{Node: s.hub.node, ID: s.id}
}

// SetDeadline asks for one call of Owner.Due soon after t (within a second).
// The zero time asks for none. A later call replaces an earlier one.
func (s *Subscriber) SetDeadline(t time.Time) {
	if t.IsZero() {
		s.deadline.Store(0)
		return
	}
	s.deadline.Store(t.UnixNano())
}

// Begin counts a command on its way to a conversation and returns how many
// are now unanswered; every Reply of the hub to this session takes one off.
func (s *Subscriber) Begin() int { return int(s.pending.Add(1)) }

// Cancel takes back a Begin whose command was not sent.
func (s *Subscriber) Cancel() { s.pending.Add(-1) }

// jointOf finds the subscription to a room.
func (s *Subscriber) jointOf(r *room) int {
	for i := range s.joined {
		if s.joined[i].room == r {
			return i
		}
	}
	return -1
}

// push queues a frame for this session: on its connection, behind its gates,
// or nowhere while it is detached (the log has it). Under the hub's lock.
func (s *Subscriber) push(f heldFrame) {
	if s.conn == nil {
		return
	}
	if g := s.gating; g != nil && f.Offset != "" {
		g.held = append(g.held, f)
		g.bytes += f.Size()
		if g.bytes > s.hub.o.HeldBytes {
			s.drop() // the log keeps them
			s.conn.Close(wire.CloseSlow)
		}
		return
	}
	s.conn.Push(f.Frame)
}

// closeGate begins to hold frames back until the page for a join of m, with that
// serial, is there. For a join that was sent again the gate moves to the present.
func (s *Subscriber) closeGate(r *room, serial uint64, m *message.Relayed) {
	if s.gating == nil {
		s.gating = &gating{}
	}
	g := s.gating
	k := s.gateOf(r, serial)
	if joint := &s.joined[s.jointOf(r)]; k >= 0 && !joint.firm {
		g.forget(len(g.held), func(f heldFrame) bool { return f.room == r }) // the session joins now, not earlier
		joint.since = s.hub.offset
	}
	gate := gatedJoin{room: r, serial: serial, since: s.hub.offset, behind: g.holds(r, len(g.held)), mark: len(g.held), through: m.LastSeq, throughRev: m.NextRev - 1}
	if k >= 0 {
		gate.again, gate.last = true, g.joins[k].last
		g.joins[k] = gate
		return
	}
	g.joins = append(g.joins, gate)
}

// forget drops those of the first n held frames for which which returns true.
func (g *gating) forget(n int, which func(heldFrame) bool) {
	kept := g.held[:0]
	for i, f := range g.held {
		if i >= n || !which(f) {
			kept = append(kept, f)
			continue
		}
		g.bytes -= f.Size()
		for j := range g.joins {
			if g.joins[j].mark > len(kept) {
				g.joins[j].mark--
			}
		}
	}
	clear(g.held[len(kept):])
	g.held = kept
}

// joinedOnly selects the held frames of a room that are for the session only because
// it has joined.
func joinedOnly(r *room) func(heldFrame) bool {
	return func(f heldFrame) bool { return f.room == r && !f.own }
}

// holds reports whether a frame of a room is among the first n that are held.
func (g *gating) holds(r *room, n int) bool {
	return slices.ContainsFunc(g.held[:n], func(f heldFrame) bool { return f.room == r })
}

// holdReply is for the answer to a join that needs no page. If the room has a gate, or
// frames of it are held, the answer is held behind them, and the result is true.
func (s *Subscriber) holdReply(r *room, reply *message.Reply) bool {
	g := s.gating
	if s.conn == nil || g == nil || !g.holds(r, len(g.held)) && !slices.ContainsFunc(g.joins, func(j gatedJoin) bool { return j.room == r }) {
		return false
	}
	g.insert(len(g.held), reply)
	return true
}

// insert holds an answer, in front of held[at].
func (g *gating) insert(at int, reply *message.Reply) {
	g.held = slices.Insert(g.held, at, heldFrame{reply: reply})
	g.bytes += len(reply.Data)
	for i := range g.joins {
		if g.joins[i].mark > at {
			g.joins[i].mark++
		}
	}
}

// drop forgets what is held, as when the connection is lost. Held answers are lost
// with it.
func (s *Subscriber) drop() {
	for _, f := range s.gating.held {
		if f.reply != nil {
			s.pending.Add(-1)
		}
	}
	s.gating.held, s.gating.bytes = nil, 0
	for i := range s.gating.joins {
		s.gating.joins[i].behind = false
	}
}

// ack acks a command on the connection that it came over, if that is still there. On
// another one the same ack id may stand for another event.
func (s *Subscriber) ack(o *message.Origin, data []byte) {
	if o.WantsAck && s.conn != nil && (o.Attachment == 0 || o.Attachment == s.generation) {
		s.conn.Ack(o.Ack, data)
	}
}

// gateOf finds the gate of a join.
func (s *Subscriber) gateOf(r *room, serial uint64) int {
	return slices.IndexFunc(s.gates(), func(g gatedJoin) bool { return g.room == r && g.serial == serial })
}

// openGates removes gates, and sends the held frames when none is left.
func (s *Subscriber) openGates(which func(gatedJoin) bool) {
	g := s.gating
	if g == nil {
		return
	}
	if g.joins = slices.DeleteFunc(g.joins, which); len(g.joins) > 0 {
		return
	}
	s.gating = nil
	for _, f := range g.held {
		switch {
		case f.reply != nil:
			s.hub.answer(s, f.reply)
		case s.conn != nil:
			s.conn.Push(f.Frame)
		}
	}
}

// gates returns the joins whose reply is not there yet.
func (s *Subscriber) gates() []gatedJoin {
	if s.gating == nil {
		return nil
	}
	return s.gating.joins
}

// Owner returns the session actor behind the subscriber.
func (s *Subscriber) Owner() Owner { return s.owner }
