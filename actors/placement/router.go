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

// Ref names a command that wants an answer: of a session of this node, by its
// serial, or a call. The zero value is nobody's.
type Ref struct{ Session, Call, Serial uint64 }

// Item is a message for the actor of a Key.
type Item struct {
	From   string // the node that told it; empty: this one
	Active bool   // only if the actor is there
	Msg    any
	Ref    Ref // of this node's own; an answer is due
}

// Where says what is to be done with an item.
type Where uint8

// The answers of Route.
const (
	Held   Where = iota // kept, until it is settled who owns it
	Local               // this node owns it
	Remote              // another node does
)

// Links carry what routers say to each other, each message once and in order,
// and in order with everything else that goes to that node. Send refuses
// nothing: it is little.
type Links interface {
	Send(node string, m any)
}

// Router is one node's part of the agreement about who owns what. It goes from
// view to view, tells the others so, and holds back what is for an id that
// moves until the node that had it has let go of it:
//
//   - Under a new view a node says Switched to every other, and routes by the
//     new view from there on. What it is told of that is not its own goes back
//     as Returned.
//   - Its own actors of what it has lost are asked to go (Leave). Once they are
//     gone it answers Settled to those who have Switched.
//   - Messages for an id that has moved wait until its old owner has Settled:
//     so they cannot overtake what came back from there. An id that this node
//     has gained waits until everyone has: no other node has its actor then.
//   - An id may go from its owner and come back. What was sent to the owner before
//     goes back all the same, all of it, and nothing is sent there until it has
//     Settled; so it is for every owner when a node has left views out.
//   - What a new owner says of an id is heard once those before it have Settled:
//     their last words may be on a slower link. So it is for who need not be
//     announced to the owner to be told, the people of a direct conversation.
//   - A node that is in no view any more is waited for no longer; what it has
//     not answered is told again to the new owner.
//
// It is not safe for concurrent use. Its methods call Links and nothing else.
type Router struct {
	self  string
	links Links
	view  View

	changes []change          // that not everyone has settled, oldest first
	held    map[Key]*queue    // what waits
	waiting Waiting           // all of it
	leaving map[Key]struct{}  // own actors that have been asked to go
	asked   map[string]uint64 // by node: the generation whose Settled it waits for
	heard   map[string]uint64 // by node: the generation that it has Switched to
	knows   map[string]uint64 // the same, of those who understand what differs from it
	// lingering are nodes that have gone and may not know it yet.
	lingering map[string]struct{}

	early map[Key][]word // what new owners have said too early

	unanswered map[Ref]sent
	order      uint64 // of the last one sent

	stats Stats
}

// change is a step from one view to a later one.
type change struct {
	old     View
	to      uint64              // generation
	waiting map[string]struct{} // those who have not settled it
}

// queue is what waits for one id.
type queue struct {
	first    []Item // came back, or is told again
	then     []Item
	announce bool   // this node has to say who listens here, before all that
	needs    uint64 // a view of that generation, at least
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
	Unsettled  int // changes that not everyone has settled
	Leaving    int // own actors that have been asked to go
	HeldIDs    int // ids whose messages wait
	Waiting    Waiting
	Unanswered int   // commands that other nodes have not answered
	Held       int64 // messages that waited, since the start
	Returned   int64 // messages that came back
	Bounced    int64 // messages that this node sent back
	Retold     int64 // messages told again after their node had gone
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

// Route says where an item for k goes now, and to which node.
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

// settled reports whether nothing stands between k and its owner any more.
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
			return false // somebody may have it who has not settled
		}
		if _, waits := c.waiting[was]; waits && (was != next || c.to > c.old.Generation+1) {
			return false // where views were left out, it may have gone and come back
		}
		next = was
	}
	return true
}

// Hold keeps an item that Route says is Held, behind what waits already.
func (r *Router) Hold(k Key, item Item) {
	q := r.queue(k)
	q.then = append(q.then, item)
	r.waiting.add(item)
	r.stats.Held++
}

// Waiting returns how much waits for all ids together.
func (r *Router) Waiting() Waiting { return r.waiting }

// Holding returns how many messages wait for k.
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

// Sent notes a command that was sent to node: it is told again if that node
// goes without an answer.
func (r *Router) Sent(node string, k Key, item Item) {
	if item.Ref == (Ref{}) {
		return
	}
	r.order++
	r.unanswered[item.Ref] = sent{node: node, key: k, item: item, order: r.order}
}

// Answered takes in that a node answers a command, and reports whether that is
// its answer: one of a node that has gone, or whose answers were lost, may come
// when the command is to be told again, or has been, and does not count then.
func (r *Router) Answered(from string, ref Ref) bool {
	if s, waits := r.unanswered[ref]; !waits || s.node != from {
		return false
	}
	delete(r.unanswered, ref)
	return true
}

// tellAgain has the commands wait, in the order in which they were sent, that
// some nodes have not answered.
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

// Retell has the commands wait that a node has not answered though it lives: its
// answers are lost. They are to be told again.
func (r *Router) Retell(node string) {
	r.tellAgain(func(other string) bool { return other == node })
}

// bounce sends back what others have told this node and what is not its own any
// more, and drops what was told by those who have gone.
func (r *Router) bounce() {
	for _, k := range slices.SortedFunc(maps.Keys(r.held), compareKeys) {
		q, own := r.held[k], r.Owner(k) == r.self
		back := func(item Item) bool {
			there := r.view.Has(item.From)
			switch {
			case item.From == "", own && there:
				return false
			case there: // else nobody waits for it
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

// OnTold takes what another node tells. local is true when the caller is to
// give it to the actor; else it waits, or has gone back.
func (r *Router) OnTold(from string, k Key, item Item) (local bool) {
	if !r.view.Has(from) {
		return false // it has gone meanwhile, and its sessions with it
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

// wasLost reports whether this node did not own k under a view after that
// generation: what was sent before it may have gone back then, so what was sent
// behind that does too.
func (r *Router) wasLost(k Key, generation uint64) bool {
	return slices.ContainsFunc(r.changes, func(c change) bool {
		return c.old.Generation > generation && c.old.Owner(k.Kind, k.ID) != r.self
	})
}

// OnReturned takes back what another node did not own. newer is true when this
// node's view is older than that node's.
func (r *Router) OnReturned(k Key, item Item, generation uint64) (newer bool) {
	delete(r.unanswered, item.Ref)
	r.stats.Returned++
	q := r.queue(k)
	if whoListens(item.Msg) {
		q.announce = true // as it is then: that one has left may be lost with a node that was told
	} else {
		q.first = append(q.first, item)
		r.waiting.add(item)
	}
	q.needs = max(q.needs, generation)
	return generation > r.view.Generation
}

// whoListens reports whether a message says who listens here.
func whoListens(msg any) bool {
	switch msg.(type) {
	case *message.Listening, *message.UserSessions:
		return true
	}
	return false
}

// Ready appends the ids whose messages need not wait any more.
func (r *Router) Ready(dst []Key) []Key {
	for k, q := range r.held {
		if q.needs <= r.view.Generation && r.settled(k, r.Owner(k)) {
			dst = append(dst, k)
		}
	}
	return dst
}

// Take takes out what waits for an id, in order, if it need not wait any more:
// then the caller says who listens here, when announce is set, and passes the
// items on. Route does not say Held for it from here on.
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

// PutBack lets items wait which could not be passed on, before everything else
// for the id.
func (r *Router) PutBack(k Key, announce bool, items []Item) {
	q := r.queue(k)
	q.announce = q.announce || announce
	q.first = append(slices.Clip(items), q.first...)
	r.waiting.add(items...)
}
