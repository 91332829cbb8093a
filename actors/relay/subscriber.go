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

// gating is what a session has to wait for.
type gating struct {
	joins []gatedJoin // whose reply is not there yet; never empty
	held  []heldFrame
	bytes int // of held
}

// heldFrame is a frame behind a gate, or the answer to a join that must not
// overtake what waits there.
type heldFrame struct {
	*wire.Frame
	room  *room          // to which it was published; nil: to a user or a session
	own   bool           // it is the user's also without having joined
	reply *message.Reply // then there is no frame
}

// joint is one subscription of a session.
type joint struct {
	room  *room
	index int    // in room.members
	since uint64 // offset at the time of joining
	join  uint64 // serial of the last command to join
	firm  bool   // a join was answered: one that is not may fail without harm
	told  bool   // the room's conversation may be told of it by this node, too
}

// gatedJoin is a join whose reply waits for a page.
type gatedJoin struct {
	room   *room
	serial uint64 // of the command
	last   uint64 // of a later join of the room that has failed
	since  uint64 // offset at the time of joining
	// behind: its reply has its place at held[:mark], behind messages of the room
	// that the session hears because it had joined before.
	behind bool
	mark   int
	// again: it was told again to another owner of the conversation, which knew of
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

// closeGate has the answer to a join of m wait for its page, from here on when the
// join was told again.
func (s *Subscriber) closeGate(r *room, serial uint64, m *message.Relayed) {
	if s.gating == nil {
		s.gating = &gating{}
	}
	g := s.gating
	k := s.gateOf(r, serial)
	if joint := &s.joined[s.jointOf(r)]; k >= 0 && !joint.firm {
		g.forget(len(g.held), func(f heldFrame) bool { return f.room == r }) // it joins now, and not before
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

// forget drops some of the first n that are held.
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

// joinedOnly says which are held of a room because the session has joined it.
func joinedOnly(r *room) func(heldFrame) bool {
	return func(f heldFrame) bool { return f.room == r && !f.own }
}

// holds reports whether something of a room is among the first n that are held.
func (g *gating) holds(r *room, n int) bool {
	return slices.ContainsFunc(g.held[:n], func(f heldFrame) bool { return f.room == r })
}

// holdReply has the answer to a join of a room that needs no page wait behind the
// room's gate, or behind what is held of the room, if there is either.
func (s *Subscriber) holdReply(r *room, reply *message.Reply) bool {
	g := s.gating
	if s.conn == nil || g == nil || !g.holds(r, len(g.held)) && !slices.ContainsFunc(g.joins, func(j gatedJoin) bool { return j.room == r }) {
		return false
	}
	g.insert(len(g.held), reply)
	return true
}

// insert puts an answer in its place.
func (g *gating) insert(at int, reply *message.Reply) {
	g.held = slices.Insert(g.held, at, heldFrame{reply: reply})
	g.bytes += len(reply.Data)
	for i := range g.joins {
		if g.joins[i].mark > at {
			g.joins[i].mark++
		}
	}
}

// drop forgets what is held: its connection is lost, and the answers with it.
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
