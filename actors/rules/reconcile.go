package rules

import (
	"maps"
	"slices"
	"time"

	"github.com/corrillo/corrillo/actors/message"
	"github.com/corrillo/corrillo/wire"
)

const (
	// askedAtOnce bounds the users of one question, asksAtOnce the questions of one
	// conversation that are under way.
	askedAtOnce = 500
	asksAtOnce  = 8
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

	// due says when to ask about each user, in unix nanoseconds. At soon it is asked
	// before that about those who are here and may be shown as offline: that one is
	// online counts at once. 0: nobody is to be asked about before.
	due   map[string]int64
	soon  int64
	first int64 // the earliest of them whose question is not under way; 0: there is none

	asked map[string]bool // who is asked about; false: somebody has told of them since
	asks  int             // questions under way
	tries int
}

// next is when there is somebody to ask about; zero: there is nobody, or enough
// questions are under way.
func (d *doubts) next() (at time.Time) {
	if d.first == 0 || d.asks >= asksAtOnce {
		return at
	}
	return time.Unix(0, d.first)
}

// plan finds out when the next question is due.
func (d *doubts) plan() {
	d.first = d.soon
	for id, at := range d.due {
		if _, asked := d.asked[id]; !asked && (d.first == 0 || at < d.first) {
			d.first = at
		}
	}
}

// overtaken says that whoever looks after a user has told of them: what is asked
// may be answered by what was before.
func (d *doubts) overtaken(userID string) {
	if d.asked[userID] {
		d.asked[userID] = false
	}
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

// doubt has a user asked about when those who know have settled, and sooner when
// they may be shown as offline.
func (c *Conversation) doubt(userID string) {
	d := &c.doubts
	if d.due == nil {
		d.due = map[string]int64{}
	}
	at := c.now.Add(c.o.SettleAfter).UnixNano()
	d.due[userID] = at
	if d.soon == 0 {
		d.soon = c.now.Add(c.o.Coalesce).UnixNano()
	}
	if at = min(at, d.soon); d.first == 0 || at < d.first {
		d.first = at
	}
}

// seemsOffline reports whether a user is here and others may not know it.
func (c *Conversation) seemsOffline(userID string) bool {
	u := c.members[userID]
	return u != nil && u.sessions > 0 && (!c.doubts.isTold(userID) || c.unheard(userID))
}

// unheard reports whether a user is to be told once more as online, since some
// nodes seem not to know.
func (c *Conversation) unheard(userID string) bool {
	return c.doubts.heard[userID] < c.doubts.nodes && len(c.sessions) <= retoldMost
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
	if d.due == nil || d.asks >= asksAtOnce {
		return
	}
	if c.quiet() {
		c.forgetDoubts()
		return
	}
	now := c.now.UnixNano()
	soon := d.soon != 0 && d.soon <= now
	var ids []string
	for id, at := range d.due {
		if _, asked := d.asked[id]; !asked && (at <= now || soon && c.seemsOffline(id)) {
			ids = append(ids, id)
		}
	}
	if soon {
		d.soon = 0
	}
	slices.Sort(ids)
	if room := (asksAtOnce - d.asks) * askedAtOnce; len(ids) > room {
		ids = ids[:room]
	}
	if d.asked == nil && len(ids) > 0 {
		d.asked = make(map[string]bool, len(ids))
	}
	for part := range slices.Chunk(ids, askedAtOnce) {
		for _, id := range part {
			d.asked[id] = true
		}
		d.asks++
		c.ready.Ask = append(c.ready.Ask, part)
	}
	d.plan()
}

// forgetDoubts ends all that is in doubt.
func (c *Conversation) forgetDoubts() {
	d := &c.doubts
	d.due, d.soon, d.first, d.heard, d.nodes, d.tries = nil, 0, 0, nil, 0, 0
}

// answered takes a question off those under way. It returns whose answers count,
// of those who were asked about, and is false when it is not of this life.
func (d *doubts) answered(userIDs []string) (counts map[string]bool, ok bool) {
	counts = make(map[string]bool, len(userIDs))
	for _, id := range userIDs {
		if news, is := d.asked[id]; is {
			counts[id] = news
			delete(d.asked, id)
		}
	}
	if len(counts) > 0 {
		d.asks--
	}
	return counts, len(counts) > 0 && d.due != nil
}

// presenceLearned compares what was told of users with what is so.
func (c *Conversation) presenceLearned(m *message.PresenceLearned) {
	d := &c.doubts
	counts, ok := d.answered(m.UserIDs)
	if !ok {
		return
	}
	now := c.now.UnixNano()
	later := c.now.Add(c.o.Coalesce)
	switch {
	case m.Err == nil:
		d.tries = 0
	case slices.ContainsFunc(m.UserIDs, func(id string) bool { return d.due[id] <= now }):
		if d.tries++; d.tries > askTries {
			c.forgetDoubts()
			return
		}
		later = c.now.Add(c.o.Coalesce << min(d.tries-1, maxBackoff))
	default: // their time is yet to come
		d.soon = later.UnixNano()
	}
	for _, id := range slices.Sorted(maps.Keys(counts)) {
		news := counts[id]
		at, is := d.due[id]
		switch early := at > now; { // early: it was asked soon, or nodes have come or gone since
		case !is:
		case early:
			if m.Err == nil && news && m.Users[id].Online && c.seemsOffline(id) {
				c.correct(id, m.Users[id])
			}
		case m.Err != nil || !news: // whoever looks after the user has told of a change meanwhile
			d.due[id] = later.UnixNano()
		default:
			delete(d.due, id)
			c.correct(id, m.Users[id])
		}
	}
	if len(d.due) == 0 {
		c.forgetDoubts()
		return
	}
	d.plan()
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
	case status.Online && told && !c.unheard(userID):
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
