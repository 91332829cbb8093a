package locator

import (
	"errors"
	"fmt"
	"hash/maphash"
	"sync"
	"sync/atomic"
	"time"

	"github.com/asynkron/protoactor-go/actor"

	"github.com/corrillo/corrillo/actors/message"
	"github.com/corrillo/corrillo/actors/placement"
	"github.com/corrillo/corrillo/actors/small"
)

// Kind is a kind of located actor.
type Kind uint8

// The kinds.
const (
	User Kind = iota
	Conversation
	kinds
)

// String gives the kind's name for logs and metrics.
func (k Kind) String() string {
	if k == User {
		return "user"
	}
	return "conversation"
}

// HandOff asks an actor to finish what it has begun and to stop, because its id
// belongs to another node now. From here on nothing is sent to it but the outcomes
// of what it has begun (TellOwn).
type HandOff struct{}

// Switched tells a conversation that stays on this node of a new view: the users
// whose presence it shows may belong to other nodes than before.
type Switched struct{ Before, Now placement.View }

// Passivate asks an actor to stop if it has nothing to do. It is the last
// message before those that the locator holds back. The actor either stops
// itself (and reports Stopped when it has) or calls Resume.
type Passivate struct{}

const (
	shardCount = 64
	// maxHeld bounds the messages held back for one passivating actor.
	maxHeld = 4096
)

// Spawner starts the actor of an id.
type Spawner func(id string) *actor.PID

// Locator addresses users and conversations. The zero value is not usable;
// see New.
type Locator struct {
	root     *actor.RootContext
	seed     maphash.Seed
	spawners [kinds]Spawner
	most     [kinds]int64 // bound on actors at a time; 0: none
	shards   [shardCount]shard
	active   [kinds]atomic.Int64
	spawned  [kinds]atomic.Int64
	cluster  *cluster // nil: there are no other nodes
}

type shard struct {
	mu      sync.RWMutex
	entries [kinds]map[string]*entry
	most    [kinds]int // the peak size of entries; see small.Shrink
}

type entry struct {
	pid         *actor.PID
	used        atomic.Int64 // unix nanoseconds of the last Tell
	passivating bool
	leaving     bool // it was asked to hand off; see cluster
	held        []heldItem
}

// heldItem is a message that waits for a passivating actor.
type heldItem struct {
	placement.Item
	outcome bool // it came by TellOwn
}

// New returns a locator that spawns through root. Use Register before the
// first Tell of a kind.
func New(root *actor.RootContext) *Locator {
	l := &Locator{root: root, seed: maphash.MakeSeed()}
	for i := range l.shards {
		for k := range l.shards[i].entries {
			l.shards[i].entries[k] = map[string]*entry{}
		}
	}
	return l
}

// Register says how actors of a kind are made. It must be called before the first
// message.
func (l *Locator) Register(k Kind, s Spawner) { l.spawners[k] = s }

// Bound says how many actors of a kind there may be at a time. It must be called
// before the first message.
func (l *Locator) Bound(k Kind, most int) { l.most[k] = int64(most) }

func (l *Locator) shard(id string) *shard {
	return &l.shards[maphash.String(l.seed, id)%shardCount]
}

// Tell sends msg to the actor of that id, which is spawned if it is not running.
// Messages of one goroutine to one actor arrive in order. It never blocks. The
// error wraps message.ErrOverloaded: too much is held back for the actor, or it is
// not running and its kind is at its Bound, or too much waits for its node.
func (l *Locator) Tell(k Kind, id string, msg any) error {
	if l.tellAwake(k, id, msg) {
		return nil
	}
	if l.cluster != nil {
		return l.cluster.tell(k, id, placement.Item{Msg: msg}, false)
	}
	return l.tellHere(k, id, placement.Item{Msg: msg})
}

// tellAwake sends msg if the actor runs on this node and its messages are not held
// back; otherwise it returns false.
func (l *Locator) tellAwake(k Kind, id string, msg any) bool {
	s := l.shard(id)
	s.mu.RLock()
	defer s.mu.RUnlock()
	e := s.entries[k][id]
	if e == nil || e.passivating || e.leaving {
		return false
	}
	e.used.Store(time.Now().UnixNano())
	l.root.Send(e.pid, msg)
	return true
}

// tellHere sends an item to an actor of this node. If the actor is not running it
// is spawned; for an Active item the error is errNotThere instead.
func (l *Locator) tellHere(k Kind, id string, item placement.Item) error {
	s := l.shard(id)
	s.mu.Lock()
	defer s.mu.Unlock()
	e := s.entries[k][id]
	if e == nil {
		if item.Active {
			return errNotThere
		}
		if most := l.most[k]; most > 0 && l.active[k].Load() >= most {
			return fmt.Errorf("there are %d actors of kind %s: %w", most, k, message.ErrOverloaded)
		}
		e = l.spawn(s, k, id)
	}
	if e.passivating {
		if len(e.held) >= maxHeld {
			return fmt.Errorf("%s is passivating and %d messages wait: %w", k, maxHeld, message.ErrOverloaded)
		}
		e.held = append(e.held, heldItem{Item: item})
		return nil
	}
	e.used.Store(time.Now().UnixNano())
	l.root.Send(e.pid, item.Msg)
	return nil
}

// errNotThere says that an item was Active and its actor is not running.
var errNotThere = errors.New("the actor is not there")

// TellActive sends msg only if the actor is running, and reports whether it is. On
// a cluster true may also mean that it is not known yet: the message has gone to
// another node, or waits; ClusterOptions.NotThere may hear of it later. The message
// is never refused.
func (l *Locator) TellActive(k Kind, id string, msg any) bool {
	if l.cluster == nil {
		return l.TellOwn(k, id, msg)
	}
	if l.tellAwake(k, id, msg) {
		return true
	}
	return l.cluster.tell(k, id, placement.Item{Msg: msg, Active: true}, true) == nil
}

// TellOwn sends an actor of this node the outcome of something that it has begun,
// such as a save, and reports whether the actor is running. It is sent even to an
// actor that was asked to hand off, and never refused.
func (l *Locator) TellOwn(k Kind, id string, msg any) bool {
	return l.tellOwn(k, id, heldItem{Item: placement.Item{Msg: msg}, outcome: true})
}

func (l *Locator) tellOwn(k Kind, id string, item heldItem) bool {
	s := l.shard(id)
	s.mu.RLock()
	e := s.entries[k][id]
	there := e != nil
	if there && !e.passivating {
		l.root.Send(e.pid, item.Msg)
		s.mu.RUnlock()
		return true
	}
	s.mu.RUnlock()
	if !there {
		return false
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	switch e = s.entries[k][id]; {
	case e == nil:
		return false
	case e.passivating:
		// Without a bound: the actor may wait for this very message, and the
		// senders of such messages have bounds of their own.
		e.held = append(e.held, item)
	default:
		l.root.Send(e.pid, item.Msg)
	}
	return true
}

// spawn runs under the shard's lock.
func (l *Locator) spawn(s *shard, k Kind, id string) *entry {
	pid := l.spawners[k](id)
	e := &entry{pid: pid}
	e.used.Store(time.Now().UnixNano())
	s.entries[k][id] = e
	l.active[k].Add(1)
	l.spawned[k].Add(1)
	return e
}

// Passivate asks the actor to stop if it is idle; from now on its messages
// are held back until it has stopped or resumed.
func (l *Locator) Passivate(k Kind, id string) {
	s := l.shard(id)
	s.mu.Lock()
	defer s.mu.Unlock()
	if e := s.entries[k][id]; e != nil && !e.passivating && !e.leaving {
		e.passivating = true
		l.root.Send(e.pid, Passivate{})
	}
}

// Resume is called by an actor that was asked to passivate and has work to
// do. What was held back follows.
func (l *Locator) Resume(k Kind, id string) {
	s := l.shard(id)
	s.mu.Lock()
	defer s.mu.Unlock()
	e := s.entries[k][id]
	if e == nil || !e.passivating {
		return
	}
	e.passivating = false
	e.used.Store(time.Now().UnixNano())
	for _, item := range e.held {
		l.root.Send(e.pid, item.Msg)
	}
	e.held = nil
	if e.leaving {
		l.root.Send(e.pid, HandOff{})
	}
}

// Stopped is called by an actor when it handles actor.Stopped: no message in its
// mailbox will be processed any more. If messages were held back, a new actor gets
// them. self is the actor's own PID.
func (l *Locator) Stopped(k Kind, id string, self *actor.PID) {
	if l.cluster != nil {
		l.cluster.stopped(k, id, self)
		return
	}
	l.stopped(k, id, self)
}

// stopped takes the actor out of the table. It reports false, and does nothing,
// when the table has another actor of that id.
func (l *Locator) stopped(k Kind, id string, self *actor.PID) bool {
	s := l.shard(id)
	s.mu.Lock()
	defer s.mu.Unlock()
	e := s.entries[k][id]
	if e == nil || e.pid.Id != self.Id {
		return false
	}
	delete(s.entries[k], id)
	l.active[k].Add(-1)
	if len(e.held) == 0 || e.leaving {
		return true
	}
	next := l.spawn(s, k, id)
	for _, item := range e.held {
		l.root.Send(next.pid, item.Msg)
	}
	return true
}

// PassivateIdle asks every actor of a kind whose last message is older than before
// to stop if it can. It returns how many were asked.
func (l *Locator) PassivateIdle(k Kind, before time.Time) int {
	limit := before.UnixNano()
	asked := 0
	for i := range l.shards {
		s := &l.shards[i]
		s.mu.RLock()
		var idle []string
		for id, e := range s.entries[k] {
			if !e.passivating && !e.leaving && e.used.Load() < limit {
				idle = append(idle, id)
			}
		}
		s.mu.RUnlock()
		for _, id := range idle {
			l.Passivate(k, id)
		}
		asked += len(idle)
	}
	return asked
}

// Shrink gives back memory that the tables took when there were more actors. It is
// meant to be called now and then.
func (l *Locator) Shrink() {
	for i := range l.shards {
		s := &l.shards[i]
		s.mu.Lock()
		for k := range s.entries {
			s.entries[k] = small.Shrink(s.entries[k], &s.most[k])
		}
		s.mu.Unlock()
	}
}

// Peak is how many actors the tables have room for: the most that there were at a
// call of Shrink since they were last made smaller.
func (l *Locator) Peak() (n int) {
	for i := range l.shards {
		s := &l.shards[i]
		s.mu.RLock()
		for _, most := range s.most {
			n += most
		}
		s.mu.RUnlock()
	}
	return n
}

// StopAll stops every actor of a kind, whatever it has to do. It does not wait
// for them: Stats shows when they are gone.
func (l *Locator) StopAll(k Kind) {
	l.Each(k, func(_ string, pid *actor.PID) { l.root.Stop(pid) })
}

// Each calls f with the id and the mailbox of every active actor of a kind.
func (l *Locator) Each(k Kind, f func(id string, pid *actor.PID)) {
	for i := range l.shards {
		s := &l.shards[i]
		s.mu.RLock()
		for id, e := range s.entries[k] {
			f(id, e.pid)
		}
		s.mu.RUnlock()
	}
}

// Stats counts actors of each kind.
type Stats struct {
	Users, Conversations               int64 // active now
	UsersSpawned, ConversationsSpawned int64 // since the start
}

// Stats returns the counts.
func (l *Locator) Stats() Stats {
	return Stats{
		Users: l.active[User].Load(), Conversations: l.active[Conversation].Load(),
		UsersSpawned: l.spawned[User].Load(), ConversationsSpawned: l.spawned[Conversation].Load(),
	}
}
