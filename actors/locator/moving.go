package locator

import (
	"context"
	"errors"
	"time"

	"github.com/asynkron/protoactor-go/actor"

	"github.com/corrillo/corrillo/actors/message"
	"github.com/corrillo/corrillo/actors/placement"
)

// retryAfter is the pause before what could not be passed on is tried again.
const retryAfter = 20 * time.Millisecond

// Switch goes on to a newer view and reports whether it was one: actors of what
// is not this node's any more are asked to hand off, those that stay hear of the
// nodes that have left.
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
		if !e.passivating { // else it follows
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

// joinedMeanwhile has those announced too who have joined at the word of an
// owner before the last view after known was read: that owner may be gone.
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

// gone ends the grace of a node that has left.
func (c *cluster) gone(node string) {
	c.mu.Lock()
	c.router.Gone(node)
	c.mu.Unlock()
	c.wake()
}

// holdBack has what waits for passivating actors wait for their new owners
// instead, and drops what was told by nodes that have gone.
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
		if listening { // it may have joined after the view had come
			c.router.Announce(placement.View{}, key)
		}
		c.wake()
	}
}

// Leaving reports whether the actor of this node was asked to hand off: one that
// has failed since goes all the same, also when its id has come home meanwhile.
func (l *Locator) Leaving(k Kind, id string) bool {
	s := l.shard(id)
	s.mu.RLock()
	defer s.mu.RUnlock()
	e := s.entries[k][id]
	return e != nil && e.leaving
}

// ViewOf returns the view that another node has gone on to. It is false when this
// node has gone on to it, too, or to a later one; or when what it is told is not
// enough to know it, and Newer is called.
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

// Switched takes in that another node has gone on to a view, which this one has
// gone on to before or never will.
func (l *Locator) Switched(from string, m *message.Switched) {
	l.cluster.mu.Lock()
	defer l.cluster.mu.Unlock()
	l.cluster.router.OnSwitched(from, m.Generation, m.Differences)
}

// Settled takes in that another node has let go of what it lost. It counts when
// Move comes to it, with all that others have said until then: each id that
// sessions listen to is looked at for it.
func (l *Locator) Settled(from string, generation uint64) {
	c := l.cluster
	c.mu.Lock()
	c.settled = append(c.settled, placement.Settlement{Node: from, Generation: generation})
	c.mu.Unlock()
	c.wake()
}

// settle has what nodes have said by Settled count.
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

// Move passes on what had to wait, until ctx ends.
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

// release passes on what waits for an id, those who listen here before.
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
