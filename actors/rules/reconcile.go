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
	// askTries is how often in a row questions may go unanswered. After that the
	// presence of the users asked about is left as it was told.
	askTries = 8
	// toldMost bounds doubts.told.
	toldMost = 10_000
	// retoldMost is the most sessions that may have joined for a user to be told as
	// online once more because some node seems not to have been told.
	retoldMost = 100
)

// doubts are the users whose presence may have been told wrongly, as it may be for a
// while after nodes have come or gone, and what is known of what was told. It is empty
// when there are no other nodes.
type doubts struct {
	told map[string]struct{} // users who were told as online, and not as offline since
	// nodes is how many nodes have listed their listeners (message.Listening), and
	// heard how many of them show a user as online.
	heard map[string]int
	nodes int

	// due is when to ask about each user, in unix nanoseconds. Before that, at soon,
	// users who have joined but may be shown as offline are asked about: an answer
	// that one is online counts at once. 0: there is no such question to come.
	due   map[string]int64
	soon  int64
	first int64 // the earliest of these times whose question is not under way; 0: none

	asked map[string]bool // users asked about; false: their presence was told since
	asks  int             // questions under way
	tries int             // questions in a row that were not answered
}

// next is when the next question is due; zero when none is, or when asksAtOnce are under
// way.
func (d *doubts) next() (at time.Time) {
	if d.first == 0 || d.asks >= asksAtOnce {
		return at
	}
	return time.Unix(0, d.first)
}

// plan sets first.
func (d *doubts) plan() {
	d.first = d.soon
	for id, at := range d.due {
		if _, asked := d.asked[id]; !asked && (d.first == 0 || at < d.first) {
			d.first = at
		}
	}
}

// overtaken notes that the node that owns a user has told that user's presence. A
// question under way may be answered with what was so before.
func (d *doubts) overtaken(userID string) {
	if d.asked[userID] {
		d.asked[userID] = false
	}
}

// note keeps the presence that was told of a user.
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

// isTold reports whether the user was last told as online.
func (d *doubts) isTold(userID string) bool {
	_, told := d.told[userID]
	return told
}

// doubt plans a question about a user, for when the nodes have settled; or sooner, in
// case the user may be shown as offline by mistake.
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

// seemsOffline reports whether a user who has joined may be shown as offline.
func (c *Conversation) seemsOffline(userID string) bool {
	u := c.members[userID]
	return u != nil && u.sessions > 0 && (!c.doubts.isTold(userID) || c.unheard(userID))
}

// unheard reports whether a user is to be told as online once more, since listeners on
// some nodes may not know it.
func (c *Conversation) unheard(userID string) bool {
	return c.doubts.heard[userID] < c.doubts.nodes && len(c.sessions) <= retoldMost
}

// doubtListening takes in which users the listeners of a node show as online. It plans
// questions about these, about the node's own users, and about those whom it should show
// and does not.
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
			c.doubt(id) // it was perhaps told before that node was known to listen
		}
	}
	for _, id := range m.Online {
		c.doubt(id)
		n := d.heard[id]
		d.note(id, true)
		d.hear(id, n+1)
	}
}

// Doubt is called when nodes have come or gone. It plans questions about the users who
// have joined or were told as online, and whom another node owns now (moved).
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

// askAgain asks the questions that are due. In a conversation where presence is not told
// (nobody has joined, or too many have) it asks nothing.
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

// forgetDoubts drops all planned questions.
func (c *Conversation) forgetDoubts() {
	d := &c.doubts
	d.due, d.soon, d.first, d.heard, d.nodes, d.tries = nil, 0, 0, nil, 0, 0
}

// answered notes that a question about these users was answered. counts has the users
// who were asked about, and whether their answer counts. ok is false when this actor did
// not ask.
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

// presenceLearned compares what was told of users with the answer to a question.
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
	default: // the answer to an early question, which comes again when it is due
		d.soon = later.UnixNano()
	}
	for _, id := range slices.Sorted(maps.Keys(counts)) {
		news := counts[id]
		at, is := d.due[id]
		switch early := at > now; { // early: asked before it was due, or put off since
		case !is:
		case early:
			if m.Err == nil && news && m.Users[id].Online && c.seemsOffline(id) {
				c.correct(id, m.Users[id])
			}
		case m.Err != nil || !news: // no answer, or the user's presence was told meanwhile
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

// correct tells a user's presence if anybody may have been told something else.
func (c *Conversation) correct(userID string, status wire.PresenceStatus) {
	d := &c.doubts
	u := c.members[userID]
	joined, told := u != nil && u.sessions > 0, d.isTold(userID)
	switch {
	case status.Online && !joined:
		delete(d.told, userID) // a user who has left is not shown any more
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
