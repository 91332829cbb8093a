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

// ClusterOptions are what a locator needs to find actors on other nodes. All but
// LastWords and Grace must be set.
type ClusterOptions struct {
	Self string // this node's id
	Out  *outbox.Outbox
	// LastWords is called just before a Settled goes to a node, and sends what that
	// node must have before it learns that this one has given up the ids that it
	// lost. It does not block. Nil: there is nothing to send.
	LastWords func(node string)
	// Interests lists the users and conversations that sessions of this node
	// listen to. Announcement returns the message that tells the owner of one of
	// them which sessions these are, nil when there are none. Both may be called
	// from any goroutine.
	Interests    func() []placement.Key
	Announcement func(placement.Key) any
	// Ready returns when everything that other nodes have sent so far has reached
	// this node's tables. It is called before Announcement reads them.
	Ready func()
	// Grace is how long a node that was taken out of the view may take to notice
	// it: its ids are not taken over before.
	Grace time.Duration
	// Pass gives a message from the owner of an id to the relay lanes of this node.
	// TooMuch is called first when messages have to be passed on out of turn, since
	// too many of that id were kept: see Hear. Pass must not block and must not call
	// the hub.
	Pass    func(msg any)
	TooMuch func(k Kind, id string, msg any)
	// Newer is called when another node has a view that this one has not seen.
	Newer func()
	// NotThere is called with a message of TellActive that had to wait, when its
	// actor turns out not to be running.
	NotThere func(msg any)
	// Refuse is called with a command of another node for which there was no room;
	// err wraps message.ErrOverloaded.
	Refuse func(k Kind, id string, msg any, err error)
	Log    *slog.Logger
}

// cluster is the part of a Locator that knows of other nodes: a Router, and the
// code that carries out its decisions. Its lock comes before those of the shards;
// the hub's is never taken under it.
type cluster struct {
	l *Locator
	o ClusterOptions

	// mu is held for reading while a message is sent where Route says, and for
	// writing while routes change.
	mu     sync.RWMutex
	router *placement.Router
	// settled are the Settled messages that Move has not handled yet. mu guards it.
	settled []placement.Settlement
	// sending keeps the order of commands on a link and in Router.Sent the same.
	sending sync.Mutex
	kick    chan struct{} // wakes Move
}

// UseCluster makes this the locator of a node in a cluster. It must be called
// before the first message, and Move must run from then on.
func (l *Locator) UseCluster(o ClusterOptions) {
	c := &cluster{l: l, o: o, kick: make(chan struct{}, 1)}
	c.router = placement.NewRouter(o.Self, control{&c.o})
	l.cluster = c
}

// control sends a Router's messages. It implements placement.Links.
type control struct{ o *ClusterOptions }

// Send implements placement.Links.
func (c control) Send(node string, m any) {
	if _, settled := m.(*message.Settled); settled && c.o.LastWords != nil {
		c.o.LastWords(node)
	}
	c.o.Out.Must(node, m)
}

func keyOf(k Kind, id string) placement.Key { return placement.Key{Kind: byte(k), ID: id} }

// tell sends an item to the actor of an id, on whichever node that is, or holds it
// while the id moves. With must it is not refused for want of room on a link.
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

// Announce sends the actor of an id news of sessions of this node, such as that one
// has come or gone. The actor is spawned if it is not running. Unlike Tell it never
// refuses: what finds no room is held and sent later. On a node that is alone the
// kind must have no Bound.
func (l *Locator) Announce(k Kind, id string, msg any) {
	c := l.cluster
	item := placement.Item{Msg: msg}
	if c == nil {
		for !l.tellAwake(k, id, msg) && l.tellHere(k, id, item) != nil && !l.tellOwn(k, id, heldItem{Item: item}) {
			continue // the actor stopped between two of the calls: try from the start
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

// here gives an item to the actor on this node. With must it is not refused for
// want of room; errNotThere says that it was Active and the actor is not running.
func (c *cluster) here(key placement.Key, item placement.Item, must bool) error {
	if must && item.Active {
		if !c.l.tellOwn(Kind(key.Kind), key.ID, heldItem{Item: item}) {
			return errNotThere
		}
		return nil
	}
	return c.l.tellHere(Kind(key.Kind), key.ID, item)
}

// send sends an item to another node, and notes it if it is a command of this node.
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

// refOf returns the Ref of a command that a session or a call of this node has
// made, the zero one for anything else.
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

// Answered notes that another node has answered a command of this one, and reports
// whether the answer counts: see placement.Router.Answered.
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

// Told takes in a message that another node has sent for an actor. there is false
// when it was only for a running actor (Told.Active) and that one is not running.
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
		return true // that node has left the view, and its sessions with it
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

// told takes in a message of another node that cannot go to its actor at once.
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

// noRoom deals with an item of another node for which its actor here has no room:
// it is refused if it may be, and held otherwise. There may be another view by now,
// in which that node has gone, or the actor belongs to another one.
func (c *cluster) noRoom(key placement.Key, item placement.Item, err error) {
	if refusable(item) {
		c.o.Refuse(Kind(key.Kind), key.ID, item.Msg, err)
		return
	}
	c.mu.Lock()
	if c.router.OnTold(item.From, key, item) {
		c.router.Hold(key, item)
	}
	c.mu.Unlock()
	c.later()
}

// Returned takes back a message of this node from one that does not own its id.
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

// Retell sends every command again that a node has not answered, because answers of
// it were lost.
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
