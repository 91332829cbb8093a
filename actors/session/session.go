package session

import (
	"sync/atomic"
	"time"

	"github.com/asynkron/protoactor-go/actor"
	"golang.org/x/time/rate"

	"github.com/corrillo/corrillo/actors/message"
	"github.com/corrillo/corrillo/actors/relay"
	"github.com/corrillo/corrillo/wire"
)

// Session is one client's session. The hub calls it as a relay.Owner; the transport calls
// an attachment of it, one for each connection. Both only queue messages for the actor.
type Session struct {
	o   *Options
	sub *relay.Subscriber
	pid *actor.PID

	limiter *rate.Limiter // nil: no limit
	queued  atomic.Int32  // commands in the mailbox
	serial  atomic.Uint64 // the serial of the last command that was queued
	current atomic.Uint64 // the number of the attachment whose events count

	// Only the actor uses the rest.
	last     uint64 // serial of the last command that it has come to
	identity *wire.Identity
	early    *early // nil when nothing waits for identify
	since    moment // of the session
	expired  moment // when token_expired was sent; 0: not sent
}

// early are the events that came before identify.
type early struct {
	commands []command
	bytes    int
	end      time.Time
}

// moment is a time by the monotonic clock. It takes a third of the room of a time.Time.
type moment time.Duration

// epoch is the moment 0.
var epoch = time.Now()

func momentOf(t time.Time) moment { return moment(t.Sub(epoch)) }
func (m moment) time() time.Time  { return epoch.Add(time.Duration(m)) }

// command is an inbound event, decoded.
type command struct {
	cmd    wire.Command
	origin message.Origin
	size   int // of the payload, in bytes
}

// Messages to the session's own actor.
type (
	begin       struct{}
	dueTick     struct{}
	expiredTick struct{}
	// detached says that the connection has ended, which made that generation.
	// over: there is nothing to recover.
	detached struct {
		generation uint64
		over       bool
	}
	// resumed says that a new connection has recovered the session; identity
	// is that of the token it came with, nil when there was none.
	resumed struct {
		generation uint64
		identity   *wire.Identity
	}
)

// Open begins a session on conn. identity is set when a token came with the
// connection and was valid.
func Open(o *Options, conn wire.Conn, identity *wire.Identity) *Session {
	s := &Session{o: o, since: momentOf(time.Now()), identity: identity}
	if o.EventsPerSecond > 0 {
		s.limiter = rate.NewLimiter(o.EventsPerSecond, max(o.EventsBurst, 1))
	}
	s.sub = o.Hub.Open(conn, s)
	s.pid = o.family.Spawn(o.Root, "", receiver{s})
	o.Root.Send(s.pid, begin{})
	return s
}

// attachment is what the transport of one connection has for a wire.Session. It is told
// apart from those of the session's other connections, so that an ack never goes to
// another connection than its command came from.
type attachment struct {
	s      *Session
	number uint64 // the session's generation, by the hub, when the connection was attached
}

// First returns the wire.Session for the connection that the session was opened on.
func (s *Session) First() wire.Session {
	s.current.Store(1)
	return attachment{s, 1}
}

// Receive implements wire.Session: it decodes the event on the reader's goroutine and
// queues the command. Events of a connection that another one has replaced are dropped:
// the client has gone on over the new one and counts them as lost.
func (a attachment) Receive(in wire.Inbound) {
	s := a.s
	if s.current.Load() > a.number {
		return
	}
	origin := message.Origin{
		Session: s.sub.Ref(), Serial: s.serial.Add(1), Attachment: a.number,
		Event: in.Event, Ack: in.Ack, WantsAck: in.WantsAck, Received: time.Now().UnixNano(),
	}
	if s.limiter != nil && !s.limiter.Allow() {
		s.refuse(origin, wire.ClaimedTempID(in), wire.Errorf(wire.CodeRateLimited, "too many events a second on this connection"))
		return
	}
	cmd, e := wire.Decode(in, s.passthrough)
	if e != nil {
		s.refuse(origin, wire.ClaimedTempID(in), e)
		return
	}
	if int(s.queued.Add(1)) > s.o.InFlight {
		s.queued.Add(-1)
		s.refuse(origin, tempID(cmd), wire.Errorf(wire.CodeOverloaded, "too many events wait on this connection"))
		return
	}
	s.o.Root.Send(s.pid, command{cmd: cmd, origin: origin, size: len(in.Data)})
}

func (s *Session) passthrough(event string) bool { return s.o.Passthrough[event] }

// Closed implements wire.Session.
func (a attachment) Closed(conn wire.Conn, reason wire.CloseReason) {
	s := a.s
	if generation, over, current := s.o.Hub.Detach(s.sub, conn, reason); current {
		s.o.Root.Send(s.pid, detached{generation: generation, over: over})
	}
}

// Resumed is called when the hub has given the session a new connection, and returns
// the wire.Session for it. identity is nil when the client gave no token; otherwise it is
// the session's user.
func (s *Session) Resumed(generation uint64, identity *wire.Identity) wire.Session {
	s.current.Store(generation)
	s.o.Root.Send(s.pid, resumed{generation: generation, identity: identity})
	return attachment{s, generation}
}

// End ends the session of a client whose recovery has failed. A connection that the
// session still has is closed: the client has a new one.
func (s *Session) End() { s.o.Hub.Finish(s.sub, wire.CloseReplaced) }

// Due implements relay.Owner.
func (s *Session) Due() { s.o.Root.Send(s.pid, dueTick{}) }

// Expired implements relay.Owner.
func (s *Session) Expired() { s.o.Root.Send(s.pid, expiredTick{}) }
