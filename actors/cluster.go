package actors

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/corrillo/corrillo/actors/away"
	"github.com/corrillo/corrillo/actors/envelope"
	"github.com/corrillo/corrillo/actors/locator"
	"github.com/corrillo/corrillo/actors/message"
	"github.com/corrillo/corrillo/actors/outbox"
	"github.com/corrillo/corrillo/actors/placement"
	"github.com/corrillo/corrillo/actors/relay"
	"github.com/corrillo/corrillo/repo"
	"github.com/corrillo/corrillo/wire"
)

// ClusterOptions are what a node needs of the links to the others. All parts
// must be set.
type ClusterOptions struct {
	// Grace is how long a node that was taken out may take to notice: others take
	// over from it after that. 0: it does at once.
	Grace time.Duration
	// Send takes an item for another node, or refuses it, with ErrOverloaded when
	// it may take it later; it does not block.
	// Items for one node arrive once and in order, for as long as both live.
	Send func(node string, item []byte) error
	// Adopt takes a newer view than this node's that another one has told of.
	// Switch has been called with it, or with a later one, when it returns.
	Adopt func(placement.View)
	// Newer is told that there is a view that this node does not know of yet.
	Newer func()
	// Valid reports whether this node's lease counts as valid: what it owns is
	// not its own otherwise, whatever its view says.
	Valid func() bool
	// Status describes this node for people, as one JSON object.
	Status func() []byte
}

// ErrOverloaded says that a bound was met; retryable.
var ErrOverloaded = message.ErrOverloaded

// cluster is a System's part in a cluster.
type cluster struct {
	o       *ClusterOptions
	out     *outbox.Outbox
	carrier *away.Carrier

	switching sync.Mutex
	others    atomic.Pointer[[]string] // the other nodes, never changed

	asks   asks
	strays atomic.Int64 // items that could not be understood
}

func (s *System) joinCluster(o *ClusterOptions) *cluster {
	c := &cluster{o: o, out: outbox.New(o.Send, s.o.Log), asks: asks{waiting: map[uint64]ask{}}}
	c.carrier = away.New(away.Options{
		Send: c.out.Try, Must: c.out.Must, EventsPerSecond: s.o.EventsPerSecond, Burst: s.o.EventsBurst, Log: s.o.Log,
	})
	s.spread.Out, s.spread.Others = c.out, s.others
	s.locator.UseCluster(locator.ClusterOptions{
		Self: s.hub.Node(), Out: c.out, Interests: s.interests, Announcement: s.announcement,
		Ready: s.passLanes, Grace: o.Grace, Newer: o.Newer, NotThere: s.notThere, Log: s.o.Log,
	})
	return c
}

// tell sends another node what must reach it.
func (c *cluster) tell(node string, m any) { c.out.Must(node, m) }

// tellNode sends a node, which may be this one, what must reach it.
func (s *System) tellNode(node string, m any) {
	if node == s.hub.Node() {
		s.take(node, m)
		return
	}
	s.cluster.tell(node, m)
}

// Switch goes on to a newer view of the cluster; an older one changes nothing.
func (s *System) Switch(v placement.View) {
	s.cluster.switching.Lock()
	defer s.cluster.switching.Unlock()
	before := s.locator.View()
	if v.Generation <= before.Generation {
		return
	}
	// Before this node says that it has switched: who hears of that may have
	// people on a node that is new.
	s.cluster.remember(s.hub.Node(), &v)
	s.locator.Switch(v)
	s.o.Log.Info("the cluster has changed", "generation", v.Generation, "nodes", len(v.Nodes))
	for _, n := range before.Nodes {
		if !v.Has(n.ID) {
			s.cluster.asks.fail(n.ID)
			s.cluster.carrier.NodeLeft(n.ID)
		}
	}
}

// View returns the view that the node acts under.
func (s *System) View() placement.View { return s.locator.View() }

// mine reports whether an id belongs to this node. A conversation that does not
// is never activated here: that would fence the node that has it.
func (s *System) mine(k locator.Kind, id string) bool {
	return s.cluster == nil || s.cluster.o.Valid() && s.locator.Owner(k, id) == s.hub.Node()
}

// moved reports whether an id belongs to another node under the view.
func (s *System) moved(k locator.Kind, id string) bool {
	return s.cluster != nil && s.locator.Owner(k, id) != s.hub.Node()
}

// others names the other nodes. The result is not changed.
func (s *System) others() []string {
	if s.cluster == nil {
		return nil
	}
	if all := s.cluster.others.Load(); all != nil {
		return *all
	}
	return nil
}

// remember notes who the other nodes are under a view.
func (c *cluster) remember(self string, v *placement.View) {
	others := make([]string, 0, len(v.Nodes))
	for i := range v.Nodes {
		if id := v.Nodes[i].ID; id != self {
			others = append(others, id)
		}
	}
	c.others.Store(&others)
}

// interests are what sessions of this node listen to.
func (s *System) interests() []placement.Key {
	conversations, users := s.hub.Interests()
	keys := make([]placement.Key, 0, len(conversations)+len(users))
	for _, id := range conversations {
		keys = append(keys, placement.Key{Kind: byte(locator.Conversation), ID: id})
	}
	for _, id := range users {
		keys = append(keys, placement.Key{Kind: byte(locator.User), ID: id})
	}
	return keys
}

// announcement says which sessions of this node listen; nil when none does.
func (s *System) announcement(k placement.Key) any {
	if locator.Kind(k.Kind) == locator.Conversation {
		if !s.hub.Interested(k.ID) {
			return nil
		}
		// Of a direct one there may be none; it looks then for what the node
		// before it has saved and not told.
		return &message.Listening{Sessions: s.hub.Listeners(k.ID)}
	}
	sessions := s.hub.Sessions(k.ID)
	if len(sessions) == 0 {
		return nil
	}
	m := &message.UserSessions{Node: s.hub.Node(), Sessions: make([]message.UserSession, len(sessions))}
	for i, state := range sessions {
		m.Sessions[i] = message.UserSession(state)
	}
	return m
}

// passLanes returns when the relay lanes have done what has come to them by now,
// but for what waits for a hole. So whoever has come or gone at the word of a
// conversation's owner is known before the next owner is told who listens.
func (s *System) passLanes() {
	passed := make(chan struct{}, len(s.relayLanes))
	for _, lane := range s.relayLanes {
		s.actors.Root.Send(lane, relay.Barrier{Passed: func() { passed <- struct{}{} }})
	}
	for range s.relayLanes {
		select {
		case <-passed:
		case <-s.stopped.Done():
			return
		}
	}
}

// hasJoined tells the owner of a conversation of a session that has joined here
// at the word of the owner before, after it had waited for a hole.
func (s *System) hasJoined(m *message.Relayed, session message.SessionRef) {
	if s.cluster == nil || session.Node != s.hub.Node() || m.Owner == s.locator.Owner(locator.Conversation, m.ConversationID) {
		return
	}
	for _, l := range s.hub.Listeners(m.ConversationID) {
		if l.Session == session {
			s.locator.Announce(locator.Conversation, m.ConversationID, &message.Listening{Sessions: []message.Listener{l}})
		}
	}
}

// whoListens has the other nodes tell a conversation which of their sessions
// have joined.
func (s *System) whoListens(conversationID string) {
	for _, node := range s.others() {
		s.cluster.tell(node, &message.WhoListens{ConversationID: conversationID})
	}
}

// notThere answers a call that was for an actor which is not there.
func (s *System) notThere(msg any) {
	o := message.OriginOf(msg)
	if o == nil || o.Call.IsZero() {
		return
	}
	s.spread.Answer("", o, &message.Relayed{Replies: []message.Reply{{Origin: *o}}})
}

// Receive takes an item that another node has sent, in the order in which it
// was sent. It does not block.
func (s *System) Receive(from string, item []byte) {
	m, err := envelope.Decode(item)
	if err != nil {
		if s.cluster.strays.Add(1) == 1 {
			s.o.Log.Error("another node says what this one does not understand; it is left out", "node", from, "err", err)
		}
		return
	}
	s.take(from, m)
}

func (s *System) take(from string, m any) {
	switch m := m.(type) {
	case *message.Told:
		if !s.locator.Told(from, m) {
			s.notThere(m.Message)
		}
	case *message.Returned:
		s.locator.Returned(m)
	case *message.Switched:
		if v := placement.ViewOf(m); v.Generation > s.View().Generation {
			s.cluster.o.Adopt(v)
		}
		s.locator.Switched(from, m.Generation)
	case *message.Settled:
		s.locator.Settled(from, m.Generation)
	case *message.Relayed:
		s.onRelayed(m)
	case *message.GateOpened:
		s.locator.Answered(&m.Reply.Origin)
		s.actors.Root.Send(s.relayLane(m.ConversationID), m)
	case *message.AnswersLost:
		s.o.Log.Error("what another node had to say was too much for the link: this node's clients have to catch up", "node", from)
		s.locator.Retell(from)
		s.hub.FinishAll(wire.CloseInternal)
	case *message.WhoListens:
		if sessions := s.hub.Listeners(m.ConversationID); len(sessions) > 0 {
			s.locator.Announce(locator.Conversation, m.ConversationID, &message.Listening{Sessions: sessions})
		}
	case *message.EndUser:
		s.hub.Revoke(m.UserID, m.Reason)
	case *message.EndSession:
		if m.Session.Node == s.hub.Node() {
			s.hub.FinishID(m.Session.ID, m.Reason)
		}
	case *message.ConnOpened:
		s.cluster.carrier.Accept(from, m, s.resumeCarried)
	default:
		if !s.cluster.carrier.Take(from, m) {
			s.onQuestion(from, m)
		}
	}
}

// resumeCarried is resume for a client at another node.
func (s *System) resumeCarried(conn wire.Conn, hello wire.Hello, identity *wire.Identity) wire.Session {
	if s.draining.Load() {
		return nil
	}
	return s.resume(conn, hello, identity)
}

// elsewhere is the other node that a pid names, "" when it names none.
func (s *System) elsewhere(pid string) string {
	if s.cluster == nil {
		return ""
	}
	node, _, found := strings.Cut(pid, ".")
	if v := s.locator.View(); !found || node == s.hub.Node() || !v.Has(node) {
		return ""
	}
	return node
}

// onRelayed gives the relay lane what another node's conversation tells.
func (s *System) onRelayed(m *message.Relayed) {
	for i := range m.Deliver {
		s.answered(m.Deliver[i].Acks)
	}
	for i := range m.Join {
		if !m.Join[i].Gated {
			s.locator.Answered(&m.Join[i].Origin)
		}
	}
	s.answered(m.Replies)
	s.actors.Root.Send(s.relayLane(m.ConversationID), m)
}

func (s *System) answered(replies []message.Reply) {
	for i := range replies {
		s.locator.Answered(&replies[i].Origin)
	}
}

// onQuestion takes what nodes ask each other and answer.
func (s *System) onQuestion(from string, m any) {
	c := s.cluster
	switch m := m.(type) {
	case *message.PresenceAsked:
		c.tell(from, &message.PresenceAnswered{Ask: m.Ask, Users: s.directory.Known(m.UserIDs)})
	case *message.PresenceAnswered:
		c.asks.answer(m.Ask, m)
	case *message.StatusAsked:
		c.tell(from, &message.StatusAnswered{Ask: m.Ask, Data: c.o.Status()})
	case *message.StatusAnswered:
		c.asks.answer(m.Ask, m)
	default:
		s.unknown.Add(1)
	}
}

// known is what the cluster knows of users now. Those who are left out are
// away.
func (s *System) known(ctx context.Context, userIDs []string) (map[string]wire.PresenceStatus, error) {
	if s.cluster == nil {
		return s.directory.Known(userIDs), nil
	}
	byNode := map[string][]string{}
	for _, id := range userIDs {
		node := s.locator.Owner(locator.User, id)
		byNode[node] = append(byNode[node], id)
	}
	known := s.directory.Known(byNode[s.hub.Node()])
	delete(byNode, s.hub.Node())
	for node, ids := range byNode {
		answer, err := s.cluster.ask(ctx, node, func(n uint64) any { return &message.PresenceAsked{Ask: n, UserIDs: ids} })
		if err != nil {
			return nil, err
		}
		if a, ok := answer.(*message.PresenceAnswered); ok {
			for id, status := range a.Users {
				known[id] = status
			}
		}
	}
	return known, nil
}

// Statuses returns what each other node says of itself, by its id: a JSON
// object, or why there is none.
func (s *System) Statuses(ctx context.Context) map[string]Status {
	var mu sync.Mutex
	var wg sync.WaitGroup
	all := map[string]Status{}
	for _, node := range s.others() {
		wg.Go(func() {
			answer, err := s.cluster.ask(ctx, node, func(n uint64) any { return &message.StatusAsked{Ask: n} })
			mu.Lock()
			defer mu.Unlock()
			if a, ok := answer.(*message.StatusAnswered); ok {
				all[node] = Status{Data: a.Data}
			} else {
				all[node] = Status{Err: err}
			}
		})
	}
	wg.Wait()
	return all
}

// Status is what a node says of itself.
type Status struct {
	Data []byte // one JSON object
	Err  error  // set when there is no answer
}

// askFor bounds how long one node waits for another's answer.
const askFor = 2 * time.Second

// ask puts a question to another node and waits for the answer. The error wraps
// repo.ErrUnavailable.
func (c *cluster) ask(ctx context.Context, node string, make func(n uint64) any) (any, error) {
	ctx, cancel := context.WithTimeout(ctx, askFor)
	defer cancel()
	n, answer := c.asks.begin(node)
	defer c.asks.end(n)
	if err := c.out.Try(node, make(n)); err != nil {
		return nil, fmt.Errorf("%w: node %s: %w", repo.ErrUnavailable, node, err)
	}
	select {
	case a := <-answer:
		if a == nil {
			return nil, fmt.Errorf("%w: node %s: %w", repo.ErrUnavailable, node, errNodeLeft)
		}
		return a, nil
	case <-ctx.Done():
		return nil, fmt.Errorf("%w: node %s did not answer", repo.ErrUnavailable, node)
	}
}

var errNodeLeft = errors.New("it has left the cluster")

// asks are the questions to other nodes that wait for an answer.
type asks struct {
	mu      sync.Mutex
	last    uint64
	waiting map[uint64]ask
}

type ask struct {
	node   string
	answer chan any // of one; nil: there will be none
}

func (a *asks) begin(node string) (n uint64, answer chan any) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.last++
	answer = make(chan any, 1)
	a.waiting[a.last] = ask{node: node, answer: answer}
	return a.last, answer
}

func (a *asks) end(n uint64) {
	a.mu.Lock()
	defer a.mu.Unlock()
	delete(a.waiting, n)
}

func (a *asks) answer(n uint64, m any) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if w, ok := a.waiting[n]; ok {
		delete(a.waiting, n)
		w.answer <- m
	}
}

// fail ends what a node is asked that has left.
func (a *asks) fail(node string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	for n, w := range a.waiting {
		if w.node == node {
			delete(a.waiting, n)
			w.answer <- nil
		}
	}
}

// Routing returns the counts of what moves between nodes.
func (s *System) Routing() placement.Stats { return s.locator.Routing() }

// HandedOff returns when this node has given up everything that is not its own
// under its view, or when ctx ends.
func (s *System) HandedOff(ctx context.Context) error {
	return s.await(ctx, func() bool {
		r := s.locator.Routing()
		return r.Leaving+r.HeldIDs == 0
	})
}
