package rules

import (
	"time"

	"github.com/corrillo/corrillo/actors/message"
	"github.com/corrillo/corrillo/wire"
)

// Conversation is the state of one conversation and all that is decided about
// it. It is not safe for concurrent use: its actor owns it.
type Conversation struct {
	id     string
	direct bool
	o      Options

	now     time.Time // of the step under way
	ready   Ready
	lastID  uint64
	unknown int64

	departing bool // see Depart
	command   bool // the step under way is a command's
	gathering bool // a message.Gathered is on its way

	life     life
	pipe     pipeline
	recent   recent
	members  members
	enrolled int // members that have a row, or will
	pair     pair
	checks   checks
	sessions sessions
	nodes    nodes
	reads    reads
	typing   typing
	presence presence
	doubts   doubts
}

// NewConversation makes the rules of the conversation with that id. Nothing
// is asked of the store until the first command.
func NewConversation(id string, o Options) *Conversation {
	return &Conversation{id: id, direct: wire.IsDirect(id), o: o.withDefaults()}
}

// Step takes one message of package message (by pointer) at the time now and
// returns what is to be done for it. The result is valid until the next Step
// or Abandon. What Relay refers to is never changed afterwards; Save is not
// changed before its message.GroupSaved. A message of an unknown type does
// nothing and is counted.
func (c *Conversation) Step(msg any, now time.Time) *Ready {
	c.begin(now)
	switch m := msg.(type) {
	case *message.Leave:
		c.takeLeave(m)
	case *message.SessionClosed:
		if m.Join != 0 {
			c.joinFailed(m.Session, m.Join)
			break
		}
		c.sessionClosed(m.Session)
	case *message.NodeLeft:
		c.nodeLeft(m)
	case *message.PresenceChanged:
		c.presenceChanged(m)
	case *message.PresenceLearned:
		c.presenceLearned(m)
	case *message.Listening:
		c.listening(m)
	case *message.Activated:
		c.activated(m)
	case *message.GroupSaved:
		c.groupSaved(m)
	case *message.MembershipChecked:
		c.membershipChecked(m)
	case *message.MessageFound:
		c.messageFound(m)
	case *message.Tick:
		c.tick()
	case *message.Gathered:
		c.gathering = false
	default:
		if originOf(msg) == nil {
			c.unknown++
			break
		}
		c.command = true
		c.take(held{cmd: m})
	}
	return c.end()
}

// Abandon answers every command that waits, is pending or is in flight with e
// and gives up what was activated; who has joined and who types stays known.
// The next command activates again. A command whose save is in flight is
// answered too: e must be retryable, since its outcome is not known.
func (c *Conversation) Abandon(e *wire.Error) *Ready {
	c.begin(c.now)
	c.failHeld(e)
	c.checks.users = nil
	c.failPipeline(e)
	c.life.phase = cold
	c.life.retryAt = c.now.Add(c.o.Coalesce)
	c.ready.Tick = c.nextTick()
	return &c.ready
}

// Idle reports whether the conversation may be passivated now: nothing is in
// flight, waiting or dirty, no session has joined and nobody types.
func (c *Conversation) Idle() bool {
	return c.life.phase != asking && !c.life.doubt && c.held() == 0 && c.pipe.empty() &&
		len(c.reads.dirty) == 0 && !c.reads.telling() && len(c.sessions) == 0 && len(c.typing) == 0
}

// Unknown counts the messages of a type that Step does not know.
func (c *Conversation) Unknown() int64 { return c.unknown }

// Stats returns the number of joined sessions and of commands that are not
// answered yet.
func (c *Conversation) Stats() (joined int, pending int) {
	return len(c.sessions), c.held() + c.pipe.commands()
}

// run decides about one command of an activated conversation. checked is set
// when the authorizer has just let its user in.
func (c *Conversation) run(h held, checked bool) {
	o := originOf(h.cmd)
	if !o.FromBackEnd() && !c.admit(h, o, checked) {
		return
	}
	switch m := h.cmd.(type) {
	case *message.PostMessage:
		c.post(m)
	case *message.Join:
		c.join(m, h.gone)
	case *message.Leave:
		c.leave(o)
	case *message.SetTyping:
		c.setTyping(m, h.gone)
	case *message.MarkRead:
		c.markRead(m)
	case *foundMark:
		c.raiseMark(m.o, m.target)
	case *message.EditMessage:
		c.edit(m)
	case *message.DeleteMessage:
		c.delete(m)
	case *message.GetHistory:
		c.history(m)
	case *message.GetMembers:
		c.listMembers(m)
	case *message.PassEvent:
		c.pass(m)
	case *message.ChangeMembership:
		c.changeMembership(m)
	default: // a command that originOf knows and nobody carries out
		c.refuse(o, "", errInternal())
	}
}

// originOf finds the origin of a command; nil for what is none. What it knows
// is a command: Step lets it wait where it must and hands it to run.
func originOf(cmd any) *message.Origin {
	if m, found := cmd.(*foundMark); found {
		return m.o
	}
	switch cmd.(type) {
	case *message.EmitToUser, *message.RevokeUser:
		return nil // a user's
	}
	return message.OriginOf(cmd)
}

func (c *Conversation) begin(now time.Time) {
	c.now = now
	c.ready = Ready{}
	c.ready.Relay.ConversationID = c.id
	c.command = false
}

// gatherRows is how large a group grows at most before it goes without
// waiting for what else has come in.
const gatherRows = 64

// gather reports whether the next group is to stay open a little: commands
// that have come together go in one group, and what they make goes out in one
// write.
func (c *Conversation) gather() bool {
	b := c.pipe.next
	if !c.o.Gather || !c.command || c.life.phase != warm || c.pipe.flying != nil || c.pipe.again != nil ||
		b.empty() || b.rows() >= gatherRows {
		return false
	}
	c.ready.Gather = !c.gathering
	c.gathering = true
	return true
}

// end emits the next group when none is in flight, and says when the next
// Tick is due.
func (c *Conversation) end() *Ready {
	if !c.gather() {
		c.flush()
	}
	if c.ready.HasRelay && c.life.phase == warm {
		c.ready.Relay.LastSeq, c.ready.Relay.NextRev = c.life.lastSeq, c.life.lastRev+1
		if c.direct {
			c.ready.Relay.People, c.ready.Relay.Pair = c.people(), c.everyone()
		}
	}
	c.ready.Tick = c.nextTick()
	return &c.ready
}

// tick does everything whose time has come.
func (c *Conversation) tick() {
	c.expireTyping()
	c.tellReads()
	c.tellPresence()
	c.askAgain()
	c.retryActivation()
	c.trimRecent()
	// Marks whose time has come go with the group that end emits.
}

// nextTick is the earliest time at which something is due; zero: none. It is
// stated again by every step that has one.
func (c *Conversation) nextTick() time.Time {
	var at time.Time
	sooner := func(t time.Time) {
		if !t.IsZero() && (at.IsZero() || t.Before(at)) {
			at = t
		}
	}
	sooner(c.typing.next())
	sooner(c.reads.next())
	sooner(c.presence.next())
	sooner(c.doubts.next())
	sooner(c.recent.next())
	if c.life.phase == warm && c.pipe.flying == nil && len(c.reads.dirty) > 0 {
		sooner(c.reads.dueAt)
	}
	if c.wantsRetry() {
		sooner(c.life.retryAt)
	}
	return at
}

// nextID numbers lookups and groups. It starts from the clock, so that an
// answer to an earlier life of this conversation is never taken for one to
// this.
func (c *Conversation) nextID() uint64 {
	c.lastID++
	if t := c.now.UnixNano(); t > 0 && uint64(t) > c.lastID {
		c.lastID = uint64(t)
	}
	return c.lastID
}

// relay returns this step's message to the relay lane, to be filled.
func (c *Conversation) relay() *message.Relayed {
	c.ready.HasRelay = true
	return &c.ready.Relay
}

func (c *Conversation) deliver(d message.Delivery) {
	r := c.relay()
	r.Deliver = append(r.Deliver, d)
}

// answer replies to a session with data and to a call with the conversation's
// id.
func (c *Conversation) answer(o *message.Origin, data []byte) {
	r := c.relay()
	r.Replies = append(r.Replies, message.Reply{Origin: *o, Data: data, Posted: wire.Posted{ConversationID: c.id}})
}

// refuse replies with e. tempID is that of a refused message.
func (c *Conversation) refuse(o *message.Origin, tempID string, e *wire.Error) {
	r := c.relay()
	r.Replies = append(r.Replies, message.Reply{Origin: *o, Err: e, TempID: tempID})
}

func (c *Conversation) refuseHeld(h held, e *wire.Error) {
	tempID := ""
	if m, ok := h.cmd.(*message.PostMessage); ok {
		tempID = m.Message.TempID
	}
	c.refuse(originOf(h.cmd), tempID, e)
}

// quiet reports whether typing, presence and read broadcasts are off because
// too many have joined.
func (c *Conversation) quiet() bool {
	return c.o.BroadcastLimit >= 0 && len(c.sessions) > c.o.BroadcastLimit
}

func statusOK() []byte { return []byte(`{"status":"ok"}`) }
