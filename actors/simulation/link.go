package simulation

import (
	"time"

	"github.com/corrillo/corrillo/actors/message"
)

// link is one direction between two nodes. What is sent arrives late, once and in
// order, for as long as both are in each other's view. At times it is full, and does
// what actors/outbox does then.
type link struct {
	from, to *node
	last     time.Duration // when the last message arrives
	full     bool
	waiting  []any // messages that must be sent when there is room
	lost     bool  // AnswersLost is among them
}

const linkLag = 400 * time.Millisecond

func (n *node) link(to string) *link {
	l := n.links[to]
	if l == nil {
		l = &link{from: n, to: n.w.node(to)}
		n.links[to] = l
	}
	return l
}

// forget drops the link to a node that has left, with everything in it.
func (n *node) forget(id string) { delete(n.links, id) }

func (l *link) put(m any) {
	w := l.from.w
	l.last = max(l.last+1, w.now+w.lag(linkLag))
	from := l.from
	w.after(l.last-w.now, l.to, func() { l.to.take(from, m) })
}

func (l *link) blocked() bool { return l.full || len(l.waiting) > 0 }

// Send implements placement.Links.
func (n *node) Send(to string, m any) { n.must(to, m) }

func (n *node) must(to string, m any) {
	l := n.link(to)
	if l.blocked() {
		l.waiting = append(l.waiting, m)
		return
	}
	l.put(m)
}

func (n *node) try(to string, m any) error {
	l := n.link(to)
	if l.blocked() {
		return message.ErrOverloaded
	}
	l.put(m)
	return nil
}

// relay sends events and answers, or leaves them out when there is no room.
func (n *node) relay(to string, m any) {
	if v := n.router.View(); !v.Has(to) {
		return
	}
	l := n.link(to)
	switch {
	case !l.blocked():
		l.put(m)
	case !l.lost:
		l.waiting, l.lost = append(l.waiting, &message.AnswersLost{}), true
	}
}

// block fills the link to a node for a while.
func (n *node) block(to string, d time.Duration) {
	n.link(to).full = true
	n.w.after(d, n, func() {
		if l := n.links[to]; l != nil {
			l.flush()
		}
	})
}

func (l *link) flush() {
	l.full, l.lost = false, false
	for _, m := range l.waiting {
		l.put(m)
	}
	l.waiting = nil
}

func (n *node) unblock() {
	for _, m := range n.w.nodes {
		if l := n.links[m.id]; l != nil {
			l.flush()
		}
	}
}
