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

	user      *userRoom // nil until bound
	userSince uint64    // offset at the time of binding
	joined    []joint
	own       stream // frames for this session alone
	born      uint64 // offset when the session began
	detached  int64  // unix nanoseconds; 0 while attached

	gating *gating // nil: no join waits for its reply

	pending  atomic.Int32 // commands that a conversation has not answered
	deadline atomic.Int64 // unix nanoseconds at which the owner wants Due; 0: none
}

// gating is what a session has to wait for.
type gating struct {
	joins []gatedJoin // whose reply is not there yet; never empty
	held  []heldFrame
	bytes int // of held
}

// heldFrame is a frame behind a gate, or the answer to a join that must not
// overtake what waits there. room and seq are those of a message.
type heldFrame struct {
	*wire.Frame
	room  *room
	seq   int64
	reply *message.Reply // then there is no frame
}

// joint is one subscription of a session.
type joint struct {
	room  *room
	index int    // in room.members
	since uint64 // offset at the time of joining
	join  uint64 // serial of the last command to join
	firm  bool   // a join was answered: one that is not may fail without harm
}

// gatedJoin is a join whose reply waits for a page.
type gatedJoin struct {
	room   *room
	serial uint64 // of the command
	last   uint64 // of a later join of the room that has failed
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

// holdReply has the answer to a join of a room wait behind the room's gate, if
// there is one.
func (s *Subscriber) holdReply(r *room, reply *message.Reply) bool {
	if s.conn == nil || !slices.ContainsFunc(s.gates(), func(g gatedJoin) bool { return g.room == r }) {
		return false
	}
	s.gating.held = append(s.gating.held, heldFrame{reply: reply})
	s.gating.bytes += len(reply.Data)
	return true
}

// drop forgets what is held: its connection is lost, and the answers with it.
func (s *Subscriber) drop() {
	for _, f := range s.gating.held {
		if f.reply != nil {
			s.pending.Add(-1)
		}
	}
	s.gating.held, s.gating.bytes = nil, 0
}

// forget drops what is held of a room's messages up to seq: a page will have
// them.
func (g *gating) forget(r *room, seq int64) {
	g.held = slices.DeleteFunc(g.held, func(f heldFrame) bool {
		covered := f.room == r && f.seq > 0 && f.seq <= seq
		if covered {
			g.bytes -= f.Size()
		}
		return covered
	})
}

// ack answers a command over the connection that it came on, if that is still
// there: another one may use the same id for something else.
func (s *Subscriber) ack(o *message.Origin, data []byte) {
	if o.WantsAck && s.conn != nil && (o.Attachment == 0 || o.Attachment == s.generation) {
		s.conn.Ack(o.Ack, data)
	}
}

// gateOf finds the gate of a join.
func (s *Subscriber) gateOf(r *room, serial uint64) int {
	return slices.IndexFunc(s.gates(), func(g gatedJoin) bool { return g.room == r && g.serial == serial })
}

// openGates takes gates away and lets the held frames go when none is left.
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
