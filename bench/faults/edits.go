package faults

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/corrillo/corrillo/bench/judge"
)

const (
	// changeEvery is how many messages a sender writes for each that it changes.
	changeEvery = 10
	// changesInFlight is how many changes of a sender wait for their answer.
	changesInFlight = 3
	// recent are the last own messages, of which most are chosen that change; one
	// in elderOne is any of all, one in deleteOne is deleted.
	recent    = 6
	elderOne  = 4
	deleteOne = 6
)

// own is a message of a sender's that was acked and is not deleted.
type own struct {
	n       uint32
	id      string
	version judge.Version // that the last edit made
	busy    bool          // a change of it is not answered yet
	// again: a change of it was sent more than once, so it may be done once more
	// after it was answered. Another edit might be undone by that; nothing undoes
	// a deletion.
	again bool
}

// change is an edit or a deletion that a sender wants.
type change struct {
	of      *own
	version judge.Version
	flying  bool
	acked   bool // for a deletion: answered, and not heard of yet
	heard   bool // for a deletion: the other way round
}

// edits changes a sender's own messages: each change is sent, again and again,
// until it is answered, and that of a deletion, which has no rev, heard of.
type edits struct {
	mine   []*own // oldest first
	due    []*change
	flying int
	pauses int // refusals in a row that may pass
	until  time.Time
}

// revise wants something changed, if anything may be.
func (u *user) revise() bool {
	e := &u.edits
	from := 0
	if u.rand.IntN(elderOne) > 0 {
		from = max(0, len(e.mine)-recent)
	}
	choice := e.mine[from:]
	if len(choice) == 0 {
		return false
	}
	m := choice[u.rand.IntN(len(choice))]
	remove := u.rand.IntN(deleteOne) == 0
	if m.busy || m.again && !remove {
		return false
	}
	m.busy = true
	c := &change{of: m, version: m.version + 1}
	if remove {
		c.version = judge.Gone
	}
	e.due = append(e.due, c)
	return true
}

// pumpEdits sends the changes that are due.
func (u *user) pumpEdits(now time.Time) error {
	e := &u.edits
	if now.Before(e.until) {
		return nil
	}
	for _, c := range e.due {
		if c.flying || c.acked || e.flying >= changesInFlight {
			continue
		}
		c.flying = true
		e.flying++
		u.logChange(judge.Changing, c, &message{})
		event, data := "edit_message", fmt.Sprintf(`{"messageId":%q,"content":%q`, c.of.id, saying(c.of.n, u.name, c.version))
		if c.version == judge.Gone {
			event, data = "delete_message", fmt.Sprintf(`{"messageId":%q`, c.of.id)
		}
		if c.of.n%2 == 0 { // otherwise the server has to look it up
			data += fmt.Sprintf(`,"conversationId":%q`, u.fleet.rooms[u.room])
		}
		if err := u.request(event, data+"}", request{change: c}); err != nil {
			return err
		}
	}
	return nil
}

// logChange logs what becomes of a change; m is empty where that has no message.
func (u *user) logChange(kind judge.Kind, c *change, m *message) {
	version := c.version
	if m.Rev > 0 {
		version = u.fleet.versionOf(keyOf(m.TempID), m.Content, m.DeletedAt != "")
	}
	u.fleet.log.Add(judge.Record{Key: judge.Key{Sender: u.index, N: c.of.n}, ID: judge.Fingerprint([]byte(c.of.id)), Seq: m.Seq, Rev: m.Rev, Version: version,
		Client: u.index, Room: u.room, Conn: u.number, Kind: kind})
}

// changed takes the answer to a change of one's own. That of an edit has the
// message.
func (u *user) changed(c *change, m *message) {
	u.edits.back(c)
	u.edits.pauses = 0
	u.logChange(judge.Changed, c, m)
	c.acked = true
	if c.version != judge.Gone {
		u.fleet.raiseRev(u.room, m.Rev)
		c.of.version, c.heard = c.version, true
	}
	u.settle(c)
}

// gone notes that a message of one's own was heard of as deleted.
func (u *user) gone(id string) {
	for _, c := range u.edits.due {
		if c.version == judge.Gone && c.of.id == id {
			c.heard = true
			u.settle(c)
			return
		}
	}
}

// settle takes a change out that has come to its end.
func (u *user) settle(c *change) {
	if !c.acked || !c.heard {
		return
	}
	u.abandon(c)
	if c.version == judge.Gone {
		u.edits.mine = slices.DeleteFunc(u.edits.mine, func(m *own) bool { return m == c.of })
	}
}

// abandon takes a change out.
func (u *user) abandon(c *change) {
	e := &u.edits
	if i := slices.Index(e.due, c); i >= 0 {
		e.due = slices.Delete(e.due, i, i+1)
		c.of.busy = false
		u.pending.Add(-1)
	}
}

// back ends the flight of a change.
func (e *edits) back(c *change) {
	if c.flying {
		c.flying = false
		e.flying--
	}
}

// deferred brings a change back that was refused for now. It may have been done
// all the same.
func (e *edits) deferred(c *change, now time.Time, backoff func(int) time.Duration) {
	e.back(c)
	c.of.again = true
	e.pauses++
	e.until = now.Add(backoff(e.pauses))
}

// down: the connection is gone. What flew may have been done.
func (e *edits) down() {
	for _, c := range e.due {
		if c.flying {
			e.back(c)
			c.of.again = true
		}
	}
	e.until = time.Time{}
}

// saying is the content of a sender's n-th message as an edit of its sender's
// makes it; 0 is the one that it was sent with.
func saying(n uint32, name string, version judge.Version) string {
	if version == 0 {
		return fmt.Sprintf("number %d of %s", n, name)
	}
	return fmt.Sprintf("number %d of %s, version %d", n, name, version)
}

// versionOf is the reverse of saying.
func (f *Fleet) versionOf(k judge.Key, content string, deleted bool) judge.Version {
	switch {
	case deleted && content == "":
		return judge.Gone
	case deleted || int64(k.Sender) >= int64(len(f.users)):
		return judge.Strange
	}
	name := f.users[k.Sender].name
	rest, ok := strings.CutPrefix(content, saying(k.N, name, 0))
	if rest == "" && ok {
		return 0
	}
	var version judge.Version
	if _, err := fmt.Sscanf(rest, ", version %d", &version); err != nil || saying(k.N, name, version) != content {
		return judge.Strange
	}
	return version
}
