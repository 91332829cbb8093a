package placement

import (
	"cmp"
	"maps"
	"slices"

	"github.com/corrillo/corrillo/actors/message"
)

// Key names a user or a conversation.
type Key struct {
	Kind byte
	ID   string
}

func compareKeys(a, b Key) int { return cmp.Or(cmp.Compare(a.Kind, b.Kind), cmp.Compare(a.ID, b.ID)) }

// Ref identifies a command of this node that waits for an answer: a session's, by
// the session and the command's Serial, or a back end's, by its Call. The zero
// value stands for messages that nobody answers.
type Ref struct{ Session, Call, Serial uint64 }

// Item is a message for the actor of a Key.
type Item struct {
	From   string // the node that sent it; empty: this one
	Active bool   // deliver it only if the actor is running; do not start one for it
	Msg    any
	Ref    Ref // set for a command of this node that waits for an answer
}

// Where says what is to be done with an item.
type Where uint8

// The results of Route.
const (
	Held   Where = iota // to be kept (Hold) until its owner is settled
	Local               // for an actor of this node
	Remote              // for another node
)

// Links carry the messages of routers to each other: each arrives once, and in
// order with everything else that is sent to that node. Send never refuses a
// message, since there are few of them.
type Links interface {
	Send(node string, m any)
}

// Router is one node's side of the protocol by which the nodes agree on who owns
// each id. A change of the view moves ids from one owner to another; messages for
// an id that moves are held back until its old owner has let go of it:
//
//   - When a node adopts a new view it sends Switched to every other node and
//     routes by the new view from then on. A message that reaches it for an id
//     that it does not own goes back to its sender as Returned.
//   - It asks its actors of ids that it has lost to stop (Leave). When all of them
//     have stopped, it answers Settled to the nodes that have sent it Switched.
//   - Messages for an id that has moved wait until the old owner has Settled, so
//     that they cannot overtake messages that come back from there. Those for an
//     id that this node has gained wait until every node has Settled: only then is
//     it certain that no other node runs its actor.
//   - An id may leave its owner and come back to it within a few views. Messages
//     that were sent to that owner before go back all the same, every one, and no
//     more are sent until it has Settled. The same holds for every owner when this
//     node has skipped views.
//   - Messages from a new owner about an id are passed on to this node's sessions
//     only when the earlier owners have Settled, since their last messages may
//     travel on a slower link (see InTurn). This matters for those whom an owner
//     tells without knowing of their sessions: the two people of a direct
//     conversation.
//   - A node that is no longer in the view is not waited for; commands that it has
//     not answered are sent again, to the new owner.
//
// It is not safe for concurrent use. It calls nothing but Links.
type Router struct {
	self  string
	links Links
	view  View

	changes []change          // those that not every node has settled, oldest first
	held    map[Key]*queue    // messages that are held back
	waiting Waiting           // the size of held
	leaving map[Key]struct{}  // ids whose actor on this node has been asked to stop
	asked   map[string]uint64 // node -> the generation for which it waits for our Settled
	heard   map[string]uint64 // node -> the generation of its last Switched
	knows   map[string]uint64 // the same, for nodes that understand Switched.Base
	// lingering are nodes that are no longer in the view and may not have noticed.
	lingering map[string]struct{}

	early map[Key][]word // messages from new owners that are not in turn yet

	unanswered map[Ref]sent // commands that other nodes have not answered
	order      uint64       // the sent.order of the last of them

	stats Stats
}

// change is a step from one view to a later one.
type change struct {
	old     View
	to      uint64              // generation of the later view
	waiting map[string]struct{} // nodes that have not settled it
}

// queue holds the messages that wait for one id.
type queue struct {
	first    []Item // those that were returned, or are to be sent again
	then     []Item // those that were sent while the id moved
	announce bool   // the owner must be told who listens on this node, ahead of the messages
	needs    uint64 // the least generation of the view under which they may go
}

// sent is a command that another node has not answered.
type sent struct {
	node  string
	key   Key
	item  Item
	order uint64
}

// Stats counts what a Router does.
type Stats struct {
	Generation uint64
	Unsettled  int // changes of the view that not every node has settled
	Leaving    int // actors of this node that have been asked to stop
	HeldIDs    int // ids whose messages are held back
	Waiting    Waiting
	Unanswered int   // commands that other nodes have not answered
	Held       int64 // messages that were held back; this and the rest since the start
	Returned   int64 // messages that another node sent back to this one
	Bounced    int64 // messages that this node sent back to another one
	Retold     int64 // commands sent again because they were not answered: see Answered
}

// NewRouter makes the router of a node, which owns nothing before its first
// view.
func NewRouter(self string, links Links) *Router {
	return &Router{
		self: self, links: links,
		held: map[Key]*queue{}, leaving: map[Key]struct{}{}, asked: map[string]uint64{}, heard: map[string]uint64{}, knows: map[string]uint64{}, lingering: map[string]struct{}{}, early: map[Key][]word{}, unanswered: map[Ref]sent{},
	}
}

// Self returns the node's id.
func (r *Router) Self() string { return r.self }

// View returns the view that the node acts under.
func (r *Router) View() View { return r.view }

// Stats returns the counts.
func (r *Router) Stats() Stats {
	s := r.stats
	s.Generation, s.Unsettled, s.Leaving = r.view.Generation, len(r.changes), len(r.leaving)
	s.HeldIDs, s.Waiting, s.Unanswered = len(r.held), r.waiting, len(r.unanswered)
	return s
}

// Owner returns the node that owns k under the view, whether or not that is
// settled.
func (r *Router) Owner(k Key) string { return r.view.Owner(k.Kind, k.ID) }

// Route says what is to be done with an item for k now. node is the owner of k.
func (r *Router) Route(k Key) (where Where, node string) {
	owner := r.Owner(k)
	switch {
	case r.held[k] != nil || !r.settled(k, owner):
		return Held, owner
	case owner == r.self:
		return Local, owner
	}
	return Remote, owner
}

// settled reports whether messages for k may go to its owner: nothing is left to
// wait for of the changes that moved it.
func (r *Router) settled(k Key, owner string) bool {
	if owner == "" {
		return false
	}
	if len(r.leaving) > 0 {
		if _, here := r.leaving[k]; here {
			return false
		}
	}
	// From the last change to the first: k may have gone from its owner and come
	// back to it.
	next := owner
	for i := len(r.changes) - 1; i >= 0; i-- {
		c := &r.changes[i]
		was := c.old.Owner(k.Kind, k.ID)
		if was != next && owner == r.self {
			return false // another node that has not settled may still run its actor
		}
		if _, waits := c.waiting[was]; waits && (was != next || c.to > c.old.Generation+1) {
			return false // in the views that were skipped it may have gone and come back
		}
		next = was
	}
	return true
}

// Hold keeps an item for which Route returned Held, behind those that k has already.
func (r *Router) Hold(k Key, item Item) {
	q := r.queue(k)
	q.then = append(q.then, item)
	r.waiting.add(item)
	r.stats.Held++
}

// Waiting returns how much is held back for all ids together.
func (r *Router) Waiting() Waiting { return r.waiting }

// Holding returns how many messages are held back for k.
func (r *Router) Holding(k Key) int {
	if q := r.held[k]; q != nil {
		return len(q.first) + len(q.then)
	}
	return 0
}

func (r *Router) queue(k Key) *queue {
	q := r.held[k]
	if q == nil {
		q = &queue{}
		r.held[k] = q
	}
	return q
}

// Sent notes that an item was sent to node. If it is a command, it is sent again,
// to the new owner, in case that node leaves the view before it has answered.
func (r *Router) Sent(node string, k Key, item Item) {
	if item.Ref == (Ref{}) {
		return
	}
	r.order++
	r.unanswered[item.Ref] = sent{node: node, key: k, item: item, order: r.order}
}

// Answered notes that a node has answered a command, and reports whether the
// answer counts. It does not when the command is about to be sent again, or has
// been, to another node: because the first one has left, or because answers of it
// were lost (Retell).
func (r *Router) Answered(from string, ref Ref) bool {
	if s, waits := r.unanswered[ref]; !waits || s.node != from {
		return false
	}
	delete(r.unanswered, ref)
	return true
}

// tellAgain takes the commands that the nodes selected by which have not answered,
// and puts them among the held ones, to be sent again in their first order.
func (r *Router) tellAgain(which func(node string) bool) {
	var again []sent
	for ref, s := range r.unanswered {
		if which(s.node) {
			again = append(again, s)
			delete(r.unanswered, ref)
		}
	}
	slices.SortFunc(again, func(a, b sent) int { return cmp.Compare(a.order, b.order) })
	for _, s := range again {
		q := r.queue(s.key)
		q.first = append(q.first, s.item)
		r.waiting.add(s.item)
		r.stats.Retold++
	}
}

// Retell takes in that answers of a living node were lost: every command that it
// has not answered is held, to be sent again.
func (r *Router) Retell(node string) {
	r.tellAgain(func(other string) bool { return other == node })
}

// bounce goes over the held messages that other nodes have sent: it sends back
// those for ids that this node no longer owns, and drops those of senders that
// have left the view.
func (r *Router) bounce() {
	for _, k := range slices.SortedFunc(maps.Keys(r.held), compareKeys) {
		q, own := r.held[k], r.Owner(k) == r.self
		back := func(item Item) bool {
			there := r.view.Has(item.From)
			switch {
			case item.From == "", own && there:
				return false
			case there: // otherwise there is nobody to send it back to
				r.sendBack(item.From, k, item)
			}
			r.waiting.sub(item)
			return true
		}
		q.first = slices.DeleteFunc(q.first, back)
		q.then = slices.DeleteFunc(q.then, back)
	}
}

func (r *Router) sendBack(node string, k Key, item Item) {
	r.stats.Bounced++
	r.links.Send(node, &message.Returned{
		Generation: r.view.Generation, Told: message.Told{Kind: k.Kind, ID: k.ID, Active: item.Active, Message: item.Msg},
	})
}

// OnTold takes in an item that another node has sent for the actor of k. local is
// true when the caller is to give it to the actor now; otherwise it is held, was
// sent back, or was dropped since its sender has left the view.
func (r *Router) OnTold(from string, k Key, item Item) (local bool) {
	if !r.view.Has(from) {
		return false // that node has left meanwhile, and its sessions with it
	}
	item.From = from
	if r.Owner(k) != r.self || r.wasLost(k, r.heard[from]) {
		r.sendBack(from, k, item)
		return false
	}
	if where, _ := r.Route(k); where == Held {
		r.Hold(k, item)
		return false
	}
	return true
}

// wasLost reports whether there was a view, later than that generation, under
// which this node did not own k. A message that was sent under that generation
// then goes back even if k is this node's again: one that was sent before it may
// have gone back already, and must not be overtaken.
func (r *Router) wasLost(k Key, generation uint64) bool {
	return slices.ContainsFunc(r.changes, func(c change) bool {
		return c.old.Generation > generation && c.old.Owner(k.Kind, k.ID) != r.self
	})
}

// OnReturned takes back an item that was sent to a node which, under its view of
// that generation, does not own k. It is held until this node has a view at least
// as new. newer is true when the view that it has is older.
func (r *Router) OnReturned(k Key, item Item, generation uint64) (newer bool) {
	delete(r.unanswered, item.Ref)
	r.stats.Returned++
	q := r.queue(k)
	if whoListens(item.Msg) {
		// The list is made anew when it is sent: that a session has left may have
		// been told to a node that is gone.
		q.announce = true
	} else {
		q.first = append(q.first, item)
		r.waiting.add(item)
	}
	q.needs = max(q.needs, generation)
	return generation > r.view.Generation
}

// whoListens reports whether a message lists the sessions of this node that listen.
func whoListens(msg any) bool {
	switch msg.(type) {
	case *message.Listening, *message.UserSessions:
		return true
	}
	return false
}

// Ready appends the ids whose held messages can go: see Take.
func (r *Router) Ready(dst []Key) []Key {
	for k, q := range r.held {
		if q.needs <= r.view.Generation && r.settled(k, r.Owner(k)) {
			dst = append(dst, k)
		}
	}
	return dst
}

// Take removes the items that are held for an id, in order; ok is false when there
// are none or they have to wait still. The caller then tells the owner who listens
// on this node, if announce is set, and passes the items on. From here on Route
// does not return Held for the id.
func (r *Router) Take(k Key) (announce bool, items []Item, ok bool) {
	q := r.held[k]
	if q == nil || q.needs > r.view.Generation || !r.settled(k, r.Owner(k)) {
		return false, nil, false
	}
	delete(r.held, k)
	items = append(q.first, q.then...)
	r.waiting.sub(items...)
	return q.announce, items, true
}

// PutBack holds items again that Take has returned and that could not be passed on,
// in front of everything else for the id.
func (r *Router) PutBack(k Key, announce bool, items []Item) {
	q := r.queue(k)
	q.announce = q.announce || announce
	q.first = append(slices.Clip(items), q.first...)
	r.waiting.add(items...)
}
