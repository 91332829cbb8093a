package rules

import (
	"cmp"
	"maps"
	"slices"
	"time"

	"github.com/corrillo/corrillo/actors/message"
	"github.com/corrillo/corrillo/wire"
)

// phase says what is known of the store.
type phase uint8

const (
	cold   phase = iota // nothing; the next command asks
	asking              // Activate is under way
	warm                // epoch, lastSeq, lastRev and members are known
)

// maxBackoff bounds how often the pause between activations is doubled.
const maxBackoff = 4

// life is the state of the activation: what is known from the store, and the commands
// that wait for it.
type life struct {
	phase   phase
	begun   bool // it has been warm before
	epoch   int64
	lastSeq int64
	lastRev int64
	claimed int64 // the highest seq that a client claimed in a join and the store was asked about
	// waiting commands run in this order once the conversation is warm.
	waiting []held
	// doubt: rows may be committed that were never delivered. Only an
	// activation tells, so one is wanted even if no command comes.
	doubt   bool
	retries int
	retryAt time.Time
}

// held is a command that waits. gone is set when its session left or closed
// meanwhile: a join then subscribes nothing.
type held struct {
	cmd  any
	gone bool
}

// take runs a command, or lets it wait for the activation that it asks for.
func (c *Conversation) take(h held) {
	if c.life.phase == warm && !c.outdone(h.cmd) {
		c.run(h, false)
		return
	}
	if c.held() >= c.o.Waiting {
		c.refuseHeld(h, c.tooMany())
		return
	}
	c.life.waiting = append(c.life.waiting, h)
	c.activate()
}

// outdone reports whether a client that joins has a higher seq than this actor knows:
// another node may have written since. (When it wrote the first message of all, there was
// no row yet by which it could fence this actor.) The store is then asked, once for each
// such claim.
func (c *Conversation) outdone(cmd any) bool {
	m, join := cmd.(*message.Join)
	if !join || !c.o.Shared || m.AfterSeq <= max(c.life.lastSeq, c.life.claimed) || c.pipe.flying != nil {
		return false
	}
	c.life.claimed = m.AfterSeq
	return true
}

// activate asks for the conversation's state unless that is under way.
func (c *Conversation) activate() {
	if c.life.phase != asking {
		c.life.phase = asking
		c.ready.Activate = true
	}
}

// activated takes in the answer to Ready.Activate. One that this actor has not asked for
// was an earlier actor's: the fence notices that it has raised the epoch.
func (c *Conversation) activated(m *message.Activated) {
	if c.life.phase != asking {
		return
	}
	if m.Err != nil {
		c.life.phase = cold
		c.life.retryAt = c.now.Add(c.o.Coalesce << min(c.life.retries, maxBackoff))
		c.life.retries++
		c.failHeld(errUnavailable())
		c.failPipeline(errUnavailable())
		return
	}
	a := &m.Activation
	from, fromRev := a.LastSeq, a.LastRev
	if c.life.begun { // this actor has been activated before
		from, fromRev = c.life.lastSeq, c.life.lastRev
	}
	c.life.phase, c.life.begun, c.life.doubt, c.life.retries = warm, true, false, 0
	c.life.epoch, c.life.lastSeq, c.life.lastRev = a.Epoch, a.LastSeq, a.LastRev
	c.loadMembers(a.Participants)
	if a.LastSeq > 0 {
		// The relay fetches messages that were committed and never delivered.
		r := c.relay()
		r.FromSeq, r.FromRev = cmp.Or(from, message.FromFirst), fromRev
	}
	waiting := c.life.waiting
	c.life.waiting = nil
	for _, h := range waiting {
		c.run(h, false)
	}
}

// wantsRetry reports whether an activation is due without a command.
func (c *Conversation) wantsRetry() bool {
	return c.life.phase == cold && (c.life.doubt || len(c.reads.dirty) > 0)
}

func (c *Conversation) retryActivation() {
	if c.wantsRetry() && !c.now.Before(c.life.retryAt) {
		c.activate()
	}
}

// held counts what waits within Options.Waiting: for an activation, a check,
// a lookup, or another's save.
func (c *Conversation) held() int {
	return len(c.life.waiting) + c.checks.held + len(c.reads.lookups)
}

// failHeld refuses everything that waits for anything but a save.
func (c *Conversation) failHeld(e *wire.Error) {
	waiting := c.life.waiting
	c.life.waiting = nil
	for _, h := range waiting {
		c.refuseHeld(h, e)
	}
	for _, id := range slices.Sorted(maps.Keys(c.checks.users)) {
		k := c.checks.users[id]
		for _, h := range k.waiting {
			c.refuseHeld(h, e)
		}
		k.waiting = nil
	}
	c.checks.held = 0
	for _, id := range slices.Sorted(maps.Keys(c.reads.lookups)) {
		c.refuse(&c.reads.lookups[id].Origin, "", e)
	}
	c.reads.lookups = nil
}
