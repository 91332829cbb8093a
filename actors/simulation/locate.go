package simulation

import (
	"errors"
	"slices"
	"strings"
	"time"

	"github.com/corrillo/corrillo/actors/locator"
	"github.com/corrillo/corrillo/actors/message"
	"github.com/corrillo/corrillo/actors/placement"
)

// This file is a model of actors/locator without its locks: the table of actors, and
// the code that carries out what the real Router decides.

type entry struct {
	actor       *actor
	passivating bool
	leaving     bool
	held        []heldItem
}

// heldItem is a message that waits for a passivating actor.
type heldItem struct {
	placement.Item
	outcome bool // of what the actor has begun
}

func outcomeOf(msg any) heldItem { return heldItem{Item: placement.Item{Msg: msg}, outcome: true} }

var (
	errNotThere = errors.New("the actor is not there")
	retryAfter  = 20 * time.Millisecond
)

func keyOf(id string) placement.Key { return placement.Key{Kind: byte(locator.Conversation), ID: id} }

// tell sends a command of this node to the actor of id, on whichever node that is.
// With must it is not refused.
func (n *node) tell(id string, msg any, active, must bool) error {
	if e := n.entries[id]; e != nil && !e.passivating && !e.leaving {
		e.actor.send(msg)
		return nil
	}
	key := keyOf(id)
	item := placement.Item{Msg: msg, Active: active, Ref: n.refOf(msg)}
	switch where, to := n.router.Route(key); where {
	case placement.Local:
		return n.here(key, item, must)
	case placement.Remote:
		return n.sendTold(to, key, item, must)
	case placement.Held:
	}
	n.router.Hold(key, item)
	return nil
}

func (n *node) refOf(msg any) placement.Ref {
	if o := message.OriginOf(msg); o != nil && o.Session.Node == n.id {
		return placement.Ref{Session: o.Session.ID, Serial: o.Serial}
	}
	return placement.Ref{}
}

func (n *node) answered(from string, o *message.Origin) bool {
	return n.router.Answered(from, placement.Ref{Session: o.Session.ID, Serial: o.Serial})
}

// here gives an item to the actor on this node, as the locator does.
func (n *node) here(key placement.Key, item placement.Item, must bool) error {
	if must && item.Active {
		if !n.tellOwn(key.ID, heldItem{Item: item}) {
			return errNotThere
		}
		return nil
	}
	e := n.entries[key.ID]
	if e == nil {
		if item.Active {
			return errNotThere
		}
		if n.w.chance(50) { // as if there were as many actors as there may be
			return message.ErrOverloaded
		}
		e = n.spawn(key.ID)
	}
	if e.passivating {
		e.held = append(e.held, heldItem{Item: item})
		return nil
	}
	e.actor.send(item.Msg)
	return nil
}

func (n *node) spawn(id string) *entry {
	n.w.note("%s begins %s", n.id, id)
	n.w.checkAlone(n, id)
	e := &entry{actor: n.newActor(id)}
	n.entries[id] = e
	return e
}

func (n *node) tellOwn(id string, item heldItem) bool {
	e := n.entries[id]
	switch {
	case e == nil:
		return false
	case e.passivating:
		e.held = append(e.held, item)
	default:
		e.actor.send(item.Msg)
	}
	return true
}

func (n *node) sendTold(to string, key placement.Key, item placement.Item, must bool) error {
	told := &message.Told{Kind: key.Kind, ID: key.ID, Active: item.Active, Message: item.Msg}
	if must {
		n.must(to, told)
	} else if err := n.try(to, told); err != nil {
		return err
	}
	n.router.Sent(to, key, item)
	return nil
}

func (n *node) passivate(id string) {
	if e := n.entries[id]; e != nil && !e.passivating && !e.leaving {
		e.passivating = true
		e.actor.send(locator.Passivate{})
	}
}

func (n *node) resumeActor(id string) {
	e := n.entries[id]
	if e == nil || !e.passivating {
		return
	}
	e.passivating = false
	for i := range e.held {
		e.actor.send(e.held[i].Msg)
	}
	e.held = nil
	if e.leaving {
		e.actor.send(locator.HandOff{})
	}
}

func (n *node) stopped(a *actor) {
	n.w.note("%s ends %s", n.id, a.id)
	listening := n.announcement(a.id) != nil
	e := n.entries[a.id]
	if e == nil || e.actor != a {
		return
	}
	delete(n.entries, a.id)
	if len(e.held) > 0 && !e.leaving {
		next := n.spawn(a.id)
		for i := range e.held {
			next.actor.send(e.held[i].Msg)
		}
	}
	if n.router.Left(keyOf(a.id)) {
		if listening {
			n.router.Announce(placement.View{}, keyOf(a.id))
		}
		n.kick()
	}
}

// ids returns the ids of all actors of the node, ascending.
func (n *node) ids() []string {
	ids := make([]string, 0, len(n.entries))
	for id := range n.entries {
		ids = append(ids, id)
	}
	slices.Sort(ids)
	return ids
}

func (n *node) switchTo(v placement.View) {
	interests := n.interests()
	before := n.router.View()
	if v.Generation <= before.Generation {
		return
	}
	n.w.note("%s goes on to view %d", n.id, v.Generation)
	n.holdBack(&v)
	for _, m := range before.Nodes {
		if m.State == placement.Active && !v.Has(m.ID) {
			n.router.Linger(m.ID)
			n.w.after(grace, n, func() { n.router.Gone(m.ID); n.kick() })
		}
	}
	n.router.Switch(v)
	for _, id := range n.ids() {
		e := n.entries[id]
		if n.router.Owner(keyOf(id)) == n.id || e.leaving {
			continue
		}
		e.leaving = true
		n.router.Leave(keyOf(id))
		if !e.passivating {
			e.actor.send(locator.HandOff{})
		}
		if n.w.chance(10) {
			e.actor.fail()
		}
	}
	for _, key := range interests {
		n.router.Announce(before, key)
	}
	n.router.Settle()
	for _, m := range before.Nodes {
		if !v.Has(m.ID) {
			n.forget(m.ID)
			for _, id := range n.ids() {
				n.entries[id].actor.send(&message.NodeLeft{Node: m.ID})
			}
		}
	}
	n.kick()
}

func (n *node) holdBack(v *placement.View) {
	for _, id := range n.ids() {
		e := n.entries[id]
		if !e.passivating {
			continue
		}
		var own []heldItem
		for _, item := range e.held {
			switch {
			case item.From != "" && !v.Has(item.From):
			case item.outcome || v.Owner(byte(locator.Conversation), id) == n.id:
				own = append(own, item)
			default:
				n.router.Hold(keyOf(id), item.Item)
			}
		}
		e.held = own
	}
}

// told takes in a message that another node has sent for an actor.
func (n *node) told(from string, m *message.Told) {
	key := placement.Key{Kind: m.Kind, ID: m.ID}
	item := placement.Item{From: from, Msg: m.Message, Active: m.Active}
	if v := n.router.View(); !v.Has(from) {
		return
	}
	if where, _ := n.router.Route(key); where == placement.Local {
		if errors.Is(n.here(key, item, m.Active), message.ErrOverloaded) {
			n.router.Hold(key, item)
			n.later()
		}
		return
	}
	if n.router.OnTold(from, key, item) {
		n.router.Hold(key, item)
		n.kick()
	}
}

func (n *node) returned(m *message.Returned) {
	key := placement.Key{Kind: m.Told.Kind, ID: m.Told.ID}
	item := placement.Item{Msg: m.Told.Message, Active: m.Told.Active, Ref: n.refOf(m.Told.Message)}
	if n.router.OnReturned(key, item, m.Generation) {
		n.w.after(n.w.lag(watchLag), n, func() { n.w.tellView(n) })
	}
	n.kick()
}

func (n *node) settled(from string, generation uint64) {
	n.router.OnSettled([]placement.Settlement{{Node: from, Generation: generation}}, n.interests())
	n.kick()
}

// heed is the model of Locator.Hear.
func (n *node) heed(from, id string, m any) {
	if n.router.InTurn(from, keyOf(id)) {
		n.lane.send(m)
		return
	}
	if n.router.Early(from, keyOf(id), m) != nil {
		n.w.broken("%s: too much of %s comes early", n.id, id)
	}
}

func (n *node) passDue() {
	for _, m := range n.router.Due() {
		n.lane.send(m)
	}
}

// kick schedules a move, which passes held messages on.
func (n *node) kick() {
	if n.kicked || n.moving {
		n.again = true
		return
	}
	n.kicked = true
	n.w.after(n.w.lag(boxLag), n, n.move)
}

func (n *node) later() { n.w.after(retryAfter, n, n.kick) }

func (n *node) move() {
	n.kicked, n.again = false, false
	n.passDue()
	keys := n.router.Ready(nil)
	if len(keys) == 0 {
		return
	}
	slices.SortFunc(keys, func(a, b placement.Key) int { return strings.Compare(a.ID, b.ID) })
	n.moving = true
	n.lane.send(barrier{func() {
		for _, key := range keys {
			n.release(key)
		}
		n.moving = false
		if n.again {
			n.kick()
		}
	}})
}

func (n *node) release(key placement.Key) {
	news := n.announcement(key.ID)
	announce, items, ok := n.router.Take(key)
	if !ok {
		return
	}
	if announce && news != nil {
		items = append([]placement.Item{{Msg: news}}, items...)
	}
	owner := n.router.Owner(key)
	for i, item := range items {
		var err error
		if owner == n.id {
			err = n.here(key, item, item.Active)
		} else {
			err = n.sendTold(owner, key, item, item.Active)
		}
		if errors.Is(err, message.ErrOverloaded) {
			n.router.PutBack(key, false, items[i:])
			n.later()
			return
		}
	}
}
