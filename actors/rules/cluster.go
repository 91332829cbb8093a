package rules

import (
	"slices"
	"time"

	"github.com/corrillo/corrillo/actors/message"
)

// nodes counts the sessions that have joined, by their node. There are few nodes, and
// only one when the server is alone.
type nodes []nodeSessions

type nodeSessions struct {
	node string
	n    int
}

func (s *nodes) add(node string, n int) {
	i := slices.IndexFunc(*s, func(c nodeSessions) bool { return c.node == node })
	if i < 0 {
		*s = append(*s, nodeSessions{node: node, n: n})
		return
	}
	if (*s)[i].n += n; (*s)[i].n == 0 {
		*s = slices.Delete(*s, i, i+1)
	}
}

// Nodes calls yield with every node of which a session has joined.
func (c *Conversation) Nodes(yield func(node string) bool) {
	for i := range c.nodes {
		if !yield(c.nodes[i].node) {
			return
		}
	}
}

// nodeLeft ends the subscriptions of a node's sessions, and those that joins of theirs
// which still wait would begin. Their other commands are carried out all the same.
func (c *Conversation) nodeLeft(m *message.NodeLeft) {
	cancel := func(waiting []held) {
		for i := range waiting {
			if originOf(waiting[i].cmd).Session.Node == m.Node {
				waiting[i].gone = true
			}
		}
	}
	cancel(c.life.waiting)
	for _, k := range c.checks.users {
		cancel(k.waiting)
	}
	var gone []message.SessionRef
	for ref := range c.sessions {
		if ref.Node == m.Node {
			gone = append(gone, ref)
		}
	}
	sortRefs(gone)
	for _, ref := range gone {
		who := c.sessions[ref].userID
		c.sessionClosed(ref)
		if c.doubts.isTold(who) {
			c.doubt(who)
		}
	}
}

// Depart is called when the conversation is to go on on another node. What has begun is
// finished, and read marks that would wait are written now. The actor may stop once
// Departed is true.
func (c *Conversation) Depart(now time.Time) *Ready {
	c.begin(now)
	c.departing = true
	c.reads.dueAt = now
	return c.end()
}

// Departed reports whether nothing is under way any more.
func (c *Conversation) Departed() bool {
	return c.life.phase != asking && c.held() == 0 && c.pipe.empty() &&
		(len(c.reads.dirty) == 0 || c.life.phase == cold)
}
