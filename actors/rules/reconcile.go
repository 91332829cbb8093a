package rules

import (
	"slices"
	"time"

	"github.com/corrillo/corrillo/actors/message"
	"github.com/corrillo/corrillo/wire"
)

const (
	// askedAtOnce bounds the users of one Ready.Ask.
	askedAtOnce = 500
	// askTries is how often in a row an answer may fail to come before those who
	// were asked about are left as they are.
	askTries = 8
	// toldMost bounds the users who are known to have been told as online.
	toldMost = 10_000
	// retoldMost is how many may have joined for those to be told once more who
	// seem not to have been told on every node.
	retoldMost = 100
)

// doubts are the users of whom others may have been told something that is not so,
// for a while after nodes have come or gone, and what is known of what was told.
// It is empty where there are no other nodes.
type doubts struct {
	told map[string]struct{} // as online, and not as offline since
	// heard counts, by user, the nodes that have told them as online, of those
	// that have brought their listeners.
	heard map[string]int
	nodes int

	due    map[string]int64    // when to ask, in unix nanoseconds
	asking bool                // an answer is due
	asked  map[string]struct{} // of whom nobody has told since
	tries  int
}

// next is when there is somebody to ask about; zero: there is nobody.
func (d *doubts) next() (at time.Time) {
	if d.asking {
		return at
	}
	for _, t := range d.due {
		if due := time.Unix(0, t); at.IsZero() || due.Before(at) {
			at = due
		}
	}
	return at
}

// note keeps what others were told of a user.
func (d *doubts) note(userID string, online bool) {
	if !online {
		delete(d.told, userID)
		return
	}
	if d.told == nil {
		d.told = map[string]struct{}{}
	}
	if len(d.told) < toldMost {
		d.told[userID] = struct{}{}
	}
	if d.due != nil {
		d.hear(userID, d.nodes)
	}
}

func (d *doubts) hear(userID string, nodes int) {
	if d.heard == nil {
		d.heard = map[string]int{}
	}
	d.heard[userID] = nodes
}

// isTold reports whether others were told that the user is online.
func (d *doubts) isTold(userID string) bool {
	_, told := d.told[userID]
	return told
}

// doubt has a user asked about when those who know have settled.
func (c *Conversation) doubt(userID string) {
	if c.doubts.due == nil {
		c.doubts.due = map[string]int64{}
	}
	c.doubts.due[userID] = c.now.Add(c.o.SettleAfter).UnixNano()
}

// doubtListening has those asked about whom a node brings, and whom it has told or
// has not.
func (c *Conversation) doubtListening(m *message.Listening) {
	if !c.o.Shared {
		return
	}
	d := &c.doubts
	for i := range m.Sessions {
		c.doubt(m.Sessions[i].UserID)
	}
	if !m.Shows {
		return
	}
	d.nodes++
	for id := range d.told {
		if _, there := slices.BinarySearch(m.Online, id); !there {
			c.doubt(id) // it may have been told before that node was known to listen
		}
	}
	for _, id := range m.Online {
		c.doubt(id)
		n := d.heard[id]
		d.note(id, true)
		d.hear(id, n+1)
	}
}

// Doubt has those users asked about who have joined or were told as online, and
// for whom moved is true: they are looked after by another node now.
func (c *Conversation) Doubt(moved func(userID string) bool, now time.Time) *Ready {
	c.begin(now)
	for id := range c.doubts.told {
		if moved(id) {
			c.doubt(id)
		}
	}
	for _, s := range c.sessions {
		if moved(s.userID) {
			c.doubt(s.userID)
		}
	}
	return c.end()
}

// askAgain asks about those whose time has come. Nobody hears of it where nobody
// has joined, or too many.
func (c *Conversation) askAgain() {
	d := &c.doubts
	if d.due == nil || d.asking {
		return
	}
	if c.quiet() {
		c.forgetDoubts()
		return
	}
	var ids []string
	for id, at := range d.due {
		if at <= c.now.UnixNano() {
			ids = append(ids, id)
		}
	}
	if len(ids) == 0 {
		return
	}
	slices.Sort(ids)
	ids = ids[:min(len(ids), askedAtOnce)]
	d.asking, d.asked = true, make(map[string]struct{}, len(ids))
	for _, id := range ids {
		d.asked[id] = struct{}{}
	}
	c.ready.Ask = ids
}

// forgetDoubts ends all that is in doubt.
func (c *Conversation) forgetDoubts() {
	c.doubts.due, c.doubts.heard, c.doubts.nodes, c.doubts.tries = nil, nil, 0, 0
}

// presenceLearned compares what was told of users with what is so.
func (c *Conversation) presenceLearned(m *message.PresenceLearned) {
	d := &c.doubts
	asked := d.asked
	d.asking, d.asked = false, nil
	if d.due == nil {
		return
	}
	later := c.now.Add(c.o.Coalesce).UnixNano()
	if m.Err != nil {
		if d.tries++; d.tries > askTries {
			c.forgetDoubts()
			return
		}
		later = c.now.Add(c.o.Coalesce << min(d.tries-1, maxBackoff)).UnixNano()
	} else {
		d.tries = 0
	}
	for _, id := range m.UserIDs {
		if d.due[id] > c.now.UnixNano() {
			continue // nodes have come or gone since
		}
		if _, news := asked[id]; m.Err != nil || !news {
			d.due[id] = later // whoever looks after the user has told of a change meanwhile
			continue
		}
		delete(d.due, id)
		c.correct(id, m.Users[id])
	}
	if len(d.due) == 0 {
		c.forgetDoubts()
	}
}

// correct tells how a user is, if anybody may believe something else.
func (c *Conversation) correct(userID string, status wire.PresenceStatus) {
	d := &c.doubts
	u := c.members[userID]
	joined, told := u != nil && u.sessions > 0, d.isTold(userID)
	switch {
	case status.Online && !joined:
		delete(d.told, userID) // who has left is shown no more
		return
	case status.Online && told && (d.heard[userID] >= d.nodes || len(c.sessions) > retoldMost):
		return
	case !status.Online && !told:
		return
	}
	if s := c.presence.users[userID]; s != nil {
		s.untold = true
	}
	if status.Online {
		delete(d.told, userID)
	}
	c.presenceChanged(&message.PresenceChanged{UserID: userID, Status: status})
}
