package locator

import (
	"context"
	"errors"
	"time"

	"github.com/asynkron/protoactor-go/actor"

	"github.com/corrillo/corrillo/actors/message"
	"github.com/corrillo/corrillo/actors/placement"
)

// retryAfter is the pause before messages are tried again for which there was no
// room.
const retryAfter = 20 * time.Millisecond

// Switch adopts a view and reports whether it was newer than the one before. It
// asks the actors of ids that this node has lost to hand off, and tells all actors
// of the nodes that have left.
func (l *Locator) Switch(v placement.View) bool {
	c := l.cluster
	interests := c.o.Interests()
	c.mu.Lock()
	before := c.router.View()
	if v.Generation <= before.Generation {
		c.mu.Unlock()
		return false
	}
	for _, n := range before.Nodes {
		if n.State == placement.Active && !v.Has(n.ID) && c.o.Grace > 0 {
			c.router.Linger(n.ID)
			time.AfterFunc(c.o.Grace, func() { c.gone(n.ID) })
		}
	}
	c.holdBack(&v)
	c.router.Switch(v)
	c.l.each(func(k Kind, id string, e *entry) {
		if c.router.Owner(keyOf(k, id)) == c.o.Self || e.leaving {
			return
		}
		e.leaving = true
		c.router.Leave(keyOf(k, id))
		if !e.passivating { // otherwise Resume sends it, if the actor does not stop
			c.l.root.Send(e.pid, HandOff{})
		}
	})
	for _, key := range interests {
		c.router.Announce(before, key)
	}
	c.router.Settle()
	for _, n := range before.Nodes {
		if !v.Has(n.ID) {
			left := &message.NodeLeft{Node: n.ID}
			c.l.each(func(_ Kind, _ string, e *entry) { c.l.root.Send(e.pid, left) })
		}
	}
	switched := &Switched{Before: before, Now: v}
	c.l.each(func(k Kind, _ string, e *entry) {
		if k == Conversation && !e.leaving {
			c.l.root.Send(e.pid, switched)
		}
	})
	c.mu.Unlock()
	c.joinedMeanwhile(before, interests)
	c.wake()
	return true
}

// joinedMeanwhile announces the ids that sessions have begun to listen to since
// known was read. The earlier owner that has admitted them may be gone, so the new
// one would not hear of them otherwise.
func (c *cluster) joinedMeanwhile(before placement.View, known []placement.Key) {
	c.o.Ready()
	interests := c.o.Interests()
	announced := make(map[placement.Key]struct{}, len(known))
	for _, key := range known {
		announced[key] = struct{}{}
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, key := range interests {
		if _, is := announced[key]; !is {
			c.router.Announce(before, key)
		}
	}
}

// gone ends the Grace of a node that has left the view.
func (c *cluster) gone(node string) {
	c.mu.Lock()
	c.router.Gone(node)
	c.mu.Unlock()
	c.wake()
}

// holdBack moves the messages that wait for passivating actors, whose ids get
// another owner under v, to the Router, and drops those of nodes that have left.
func (c *cluster) holdBack(v *placement.View) {
	c.l.each(func(k Kind, id string, e *entry) {
		if !e.passivating {
			return
		}
		own := e.held[:0]
		for _, item := range e.held {
			switch {
			case item.From != "" && !v.Has(item.From):
			case item.outcome || v.Owner(byte(k), id) == c.o.Self:
				own = append(own, item)
			default:
				c.router.Hold(keyOf(k, id), item.Item)
			}
		}
		clear(e.held[len(own):])
		e.held = own
	})
}

// each calls f with every actor under its shard's lock.
func (l *Locator) each(f func(k Kind, id string, e *entry)) {
	for i := range l.shards {
		s := &l.shards[i]
		s.mu.Lock()
		for k := range s.entries {
			for id, e := range s.entries[k] {
				f(Kind(k), id, e)
			}
		}
		s.mu.Unlock()
	}
}

func (c *cluster) stopped(k Kind, id string, self *actor.PID) {
	key := keyOf(k, id)
	listening := c.o.Announcement(key) != nil
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.l.stopped(k, id, self) && c.router.Left(key) {
		if listening { // a session may have joined after the view was adopted
			c.router.Announce(placement.View{}, key)
		}
		c.wake()
	}
}

// Leaving reports whether this node's actor was asked to hand off. An actor that
// is restarted after a failure asks this: it has to stop all the same, even when
// its id belongs to this node again by now.
func (l *Locator) Leaving(k Kind, id string) bool {
	s := l.shard(id)
	s.mu.RLock()
	defer s.mu.RUnlock()
	e := s.entries[k][id]
	return e != nil && e.leaving
}

// ViewOf returns the view that another node has adopted, if it is newer than this
// node's. It returns false when it is not; also when m alone does not tell what the
// view is (see placement.Router.ViewOf), and then it calls Newer.
func (l *Locator) ViewOf(m *message.Switched) (placement.View, bool) {
	c := l.cluster
	v, newer, known := c.viewOf(m)
	if newer && !known {
		c.o.Newer()
	}
	return v, newer && known
}

func (c *cluster) viewOf(m *message.Switched) (v placement.View, newer, known bool) {
	c.mu.RLock()
	defer c.mu.RUnlock()
	if m.Generation <= c.router.View().Generation {
		return placement.View{}, false, true
	}
	v, known = c.router.ViewOf(m)
	return v, true, known
}

// Switched takes in that another node has adopted a view. The caller has had this
// node adopt it first, unless that was not possible.
func (l *Locator) Switched(from string, m *message.Switched) {
	l.cluster.mu.Lock()
	defer l.cluster.mu.Unlock()
	l.cluster.router.OnSwitched(from, m.Generation, m.Differences)
}

// Settled takes in that another node has given up the ids that it lost. Move acts
// on it, together with the other Settled that have come by then: they are handled
// in one go since each time every id that sessions listen to is looked at.
func (l *Locator) Settled(from string, generation uint64) {
	c := l.cluster
	c.mu.Lock()
	c.settled = append(c.settled, placement.Settlement{Node: from, Generation: generation})
	c.mu.Unlock()
	c.wake()
}

// settle gives the Settled messages that have come to the router.
func (c *cluster) settle() {
	c.mu.Lock()
	said := c.settled
	c.settled = nil
	c.mu.Unlock()
	if len(said) == 0 {
		return
	}
	interests := c.o.Interests() // sessions may have joined since the view came
	c.mu.Lock()
	defer c.mu.Unlock()
	c.router.OnSettled(said, interests)
}

func (c *cluster) wake() {
	select {
	case c.kick <- struct{}{}:
	default:
	}
}

func (c *cluster) later() { time.AfterFunc(retryAfter, c.wake) }

// Move passes held messages on when nothing keeps them back any more, until ctx
// ends.
func (l *Locator) Move(ctx context.Context) {
	c := l.cluster
	var keys []placement.Key
	for {
		select {
		case <-ctx.Done():
			return
		case <-c.kick:
		}
		c.settle()
		c.passDue()
		c.mu.RLock()
		keys = c.router.Ready(keys[:0])
		c.mu.RUnlock()
		if len(keys) > 0 {
			c.o.Ready()
		}
		for _, key := range keys {
			c.release(key)
		}
	}
}

// release passes on the messages that are held for an id, and ahead of them, if it
// must be told, which sessions of this node listen.
func (c *cluster) release(key placement.Key) {
	news := c.o.Announcement(key) // takes the hub's lock
	c.mu.Lock()
	defer c.mu.Unlock()
	announce, items, ok := c.router.Take(key)
	if !ok {
		return
	}
	if announce && news != nil {
		items = append([]placement.Item{{Msg: news}}, items...)
	}
	owner := c.router.Owner(key)
	for i, item := range items {
		var err error
		if owner == c.o.Self {
			err = c.here(key, item, item.Active)
		} else {
			err = c.send(owner, key, item, item.Active)
		}
		switch {
		case errors.Is(err, message.ErrOverloaded):
			c.router.PutBack(key, false, items[i:])
			c.later()
			return
		case errors.Is(err, errNotThere):
			c.o.NotThere(item.Msg)
		}
	}
}
