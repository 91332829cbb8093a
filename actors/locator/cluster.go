package locator

import (
	"errors"
	"log/slog"
	"sync"
	"time"

	"github.com/corrillo/corrillo/actors/message"
	"github.com/corrillo/corrillo/actors/outbox"
	"github.com/corrillo/corrillo/actors/placement"
)

// ClusterOptions are what a locator needs to find actors on other nodes. All
// parts must be set.
type ClusterOptions struct {
	Self string // this node's id
	Out  *outbox.Outbox
	// LastWords sends a node what it is to hear before it is told that this one has
	// given up what is not its own. It does not block. Nil: there is nothing.
	LastWords func(node string)
	// Interests are the users and conversations that sessions of this node
	// listen to, and Announcement what their owner has to be told of that: nil
	// when nobody listens. Both may be called from any goroutine.
	Interests    func() []placement.Key
	Announcement func(placement.Key) any
	// Ready returns when what other nodes have said has reached the tables of this
	// one: Announcement is asked for after that.
	Ready func()
	// Grace is how long a node that has gone may take to notice it: what it had
	// is taken over after that.
	Grace time.Duration
	// Pass gives the lanes what an owner has told, and TooMuch is told, before that,
	// when it comes out of turn since too much waited of that id. See Hear. Pass must
	// not block and must not call the hub.
	Pass    func(msg any)
	TooMuch func(k Kind, id string, msg any)
	// Newer is told that another node knows of a view that this one does not.
	Newer func()
	// NotThere is told of what was for an actor only if it was there, and waited
	// to be told that it is not.
	NotThere func(msg any)
	// Refuse is told of another node's command for which there was no room; err
	// wraps message.ErrOverloaded.
	Refuse func(k Kind, id string, msg any, err error)
	Log    *slog.Logger
}

// cluster is the part of a Locator that knows of other nodes: a Router, and
// what carries its decisions out. Its lock comes before those of the shards,
// and nobody holds the hub's under it.
type cluster struct {
	l *Locator
	o ClusterOptions

	// mu is held for reading while a message goes where Route says, and for
	// writing while that changes.
	mu     sync.RWMutex
	router *placement.Router
	// settled is what nodes have said that does not count yet, guarded by mu.
	settled []placement.Settlement
	// sending guards the order of what is sent and noted as unanswered.
	sending sync.Mutex
	kick    chan struct{}
}

// UseCluster makes the locator one node's of several. Not safe to call once
// messages flow. Move must run then.
func (l *Locator) UseCluster(o ClusterOptions) {
	c := &cluster{l: l, o: o, kick: make(chan struct{}, 1)}
	c.router = placement.NewRouter(o.Self, control{&c.o})
	l.cluster = c
}

// control lets a Router's messages out.
type control struct{ o *ClusterOptions }

// Send implements placement.Links.
func (c control) Send(node string, m any) {
	if _, settled := m.(*message.Settled); settled && c.o.LastWords != nil {
		c.o.LastWords(node)
	}
	c.o.Out.Must(node, m)
}

func keyOf(k Kind, id string) placement.Key { return placement.Key{Kind: byte(k), ID: id} }

// tell passes an item on to whoever owns the id. must: nothing is refused.
func (c *cluster) tell(k Kind, id string, item placement.Item, must bool) error {
	key := keyOf(k, id)
	item.Ref = c.refOf(item.Msg)
	c.mu.RLock()
	switch where, node := c.router.Route(key); where {
	case placement.Local:
		err := c.here(key, item, must)
		c.mu.RUnlock()
		return err
	case placement.Remote:
		err := c.send(node, key, item, must)
		c.mu.RUnlock()
		return err
	case placement.Held:
	}
	c.mu.RUnlock()

	c.mu.Lock()
	defer c.mu.Unlock()
	where, node := c.router.Route(key)
	switch where {
	case placement.Local:
		return c.here(key, item, must)
	case placement.Remote:
		return c.send(node, key, item, must)
	case placement.Held:
	}
	if err := c.room(key, item); err != nil {
		return err
	}
	c.router.Hold(key, item)
	return nil
}

// Announce tells the owner of an id of sessions of this node. Its actor is
// spawned when it is not there. It refuses nothing of what comes once for each
// change of a session; where this node is alone it is for a kind without Bound.
func (l *Locator) Announce(k Kind, id string, msg any) {
	c := l.cluster
	item := placement.Item{Msg: msg}
	if c == nil {
		for !l.tellAwake(k, id, msg) && l.tellHere(k, id, item) != nil && !l.tellOwn(k, id, heldItem{Item: item}) {
			continue // it has stopped meanwhile, and begins anew
		}
		return
	}
	if errors.Is(c.tell(k, id, item, true), message.ErrOverloaded) {
		c.mu.Lock()
		c.router.Hold(keyOf(k, id), item)
		c.mu.Unlock()
		c.later()
	}
}

// here gives an item to the actor on this node.
func (c *cluster) here(key placement.Key, item placement.Item, must bool) error {
	if must && item.Active {
		if !c.l.tellOwn(Kind(key.Kind), key.ID, heldItem{Item: item}) {
			return errNotThere
		}
		return nil
	}
	return c.l.tellHere(Kind(key.Kind), key.ID, item)
}

// send tells another node.
func (c *cluster) send(node string, key placement.Key, item placement.Item, must bool) error {
	told := &message.Told{Kind: key.Kind, ID: key.ID, Active: item.Active, Message: item.Msg}
	c.sending.Lock()
	defer c.sending.Unlock()
	if must {
		c.o.Out.Must(node, told)
	} else if err := c.o.Out.Try(node, told); err != nil {
		return err
	}
	c.router.Sent(node, key, item)
	return nil
}

// refOf names the answer that is due to a command of this node.
func (c *cluster) refOf(msg any) placement.Ref {
	o := message.OriginOf(msg)
	switch {
	case o == nil:
		return placement.Ref{}
	case o.Call.Node == c.o.Self:
		return placement.Ref{Call: o.Call.ID}
	case o.Session.Node == c.o.Self:
		return placement.Ref{Session: o.Session.ID, Serial: o.Serial}
	}
	return placement.Ref{}
}

// Answered takes in that another node answers a command of this one, and reports
// whether that answer counts: the command may be told again.
func (l *Locator) Answered(from string, o *message.Origin) bool {
	c := l.cluster
	ref := placement.Ref{Session: o.Session.ID, Serial: o.Serial}
	if !o.Call.IsZero() {
		ref = placement.Ref{Call: o.Call.ID}
	}
	c.mu.RLock()
	defer c.mu.RUnlock()
	c.sending.Lock()
	defer c.sending.Unlock()
	return c.router.Answered(from, ref)
}

// View returns the view that the node acts under; the zero View when it is
// alone.
func (l *Locator) View() placement.View {
	if l.cluster == nil {
		return placement.View{}
	}
	l.cluster.mu.RLock()
	defer l.cluster.mu.RUnlock()
	return l.cluster.router.View()
}

// Owner returns the node that an id belongs to under the view; empty when this
// node is alone.
func (l *Locator) Owner(k Kind, id string) string {
	v := l.View()
	return v.Owner(byte(k), id)
}

// Told takes in what another node tells an actor. there is false when it was to
// be told only if it was there, and is not.
func (l *Locator) Told(from string, m *message.Told) (there bool) {
	c := l.cluster
	key := placement.Key{Kind: m.Kind, ID: m.ID}
	item := placement.Item{From: from, Msg: m.Message, Active: m.Active}
	if Kind(m.Kind) >= kinds {
		c.o.Log.Warn("another node tells a kind of actor that is not known", "node", from, "kind", m.Kind)
		return true
	}
	c.mu.RLock()
	if v := c.router.View(); !v.Has(from) {
		c.mu.RUnlock()
		return true // it has gone, and its sessions with it
	}
	if where, _ := c.router.Route(key); where == placement.Local {
		err := c.here(key, item, m.Active)
		c.mu.RUnlock()
		if errors.Is(err, message.ErrOverloaded) {
			c.noRoom(key, item, err)
		}
		return !errors.Is(err, errNotThere)
	}
	c.mu.RUnlock()
	if err := c.told(from, key, item); err != nil {
		c.o.Refuse(Kind(m.Kind), m.ID, m.Message, err)
	}
	return true
}

// told takes in what does not go to its actor at once.
func (c *cluster) told(from string, key placement.Key, item placement.Item) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if where, owner := c.router.Route(key); where == placement.Held && owner == c.o.Self {
		if err := c.room(key, item); err != nil {
			return err
		}
	}
	if c.router.OnTold(from, key, item) {
		c.router.Hold(key, item)
		c.wake()
	}
	return nil
}

// noRoom does with another node's item what becomes of one that its actor here
// has no room for.
func (c *cluster) noRoom(key placement.Key, item placement.Item, err error) {
	if refusable(item) {
		c.o.Refuse(Kind(key.Kind), key.ID, item.Msg, err)
		return
	}
	c.mu.Lock()
	c.router.Hold(key, item)
	c.mu.Unlock()
	c.later()
}

// Returned takes in what comes back from a node that does not own it.
func (l *Locator) Returned(m *message.Returned) {
	c := l.cluster
	key := placement.Key{Kind: m.Told.Kind, ID: m.Told.ID}
	item := placement.Item{Msg: m.Told.Message, Active: m.Told.Active, Ref: c.refOf(m.Told.Message)}
	c.mu.Lock()
	newer := c.router.OnReturned(key, item, m.Generation)
	c.mu.Unlock()
	if newer {
		c.o.Newer()
	}
	c.wake()
}

// Retell has everything told again that a node has not answered.
func (l *Locator) Retell(node string) {
	c := l.cluster
	c.mu.Lock()
	c.router.Retell(node)
	c.mu.Unlock()
	c.wake()
}

// Routing returns the counts of the router; none when the node is alone.
func (l *Locator) Routing() placement.Stats {
	c := l.cluster
	if c == nil {
		return placement.Stats{}
	}
	c.mu.RLock()
	defer c.mu.RUnlock()
	c.sending.Lock()
	defer c.sending.Unlock()
	return c.router.Stats()
}
