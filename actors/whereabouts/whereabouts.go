package whereabouts

import (
	"context"
	"slices"
	"sync"
	"time"

	"github.com/corrillo/corrillo/actors/message"
)

// Options make a Whereabouts. Must and Relay are needed.
type Options struct {
	// Must sends another node what must reach it, Relay what its sessions are to
	// hear. Both keep the order of what they are given for one node, do not block
	// and do not call back.
	Must  func(node string, m any)
	Relay func(node string, m any)
	// Entries and Bytes bound what is kept for other nodes. Default: 4,096
	// messages and 8 MiB.
	Entries, Bytes int
}

// pace is the least time between two questions to a node, and between the end of
// a user's last session and the notice of it where nothing else is to be told.
const pace = 50 * time.Millisecond

// chunk is how many users one item tells of at most.
const chunk = 8192

// entryOverhead is what a message that is kept costs beside its data, in bytes.
const entryOverhead = 512

// Whereabouts is a node's part in this: see the package's comment. It is safe for
// concurrent use and does not block. Here and Gone may be called under any lock,
// the rest under none that Must or Relay need.
type Whereabouts struct {
	o    Options
	kick chan struct{}

	// sending is held while this node tells of its own. It comes before own.
	sending   sync.Mutex
	followers map[string]struct{} // those who have asked, and so know how to listen
	members   []string
	early     map[string]uint64 // questions of those who are no members yet

	own struct {
		sync.Mutex
		Own
	}

	// passing is held while something is passed on, so that what was kept for a
	// node and what comes after it go in order.
	passing sync.Mutex
	others  Others[*message.Relayed]
}

// New makes a Whereabouts. Run must run then.
func New(o Options) *Whereabouts {
	return &Whereabouts{
		o: o, kick: make(chan struct{}, 1), followers: map[string]struct{}{}, early: map[string]uint64{},
		others: Others[*message.Relayed]{Entries: o.Entries, Bytes: o.Bytes},
	}
}

// Members says who the other nodes are. It comes after they were told that this
// node has gone on to the view that says so.
func (w *Whereabouts) Members(ids []string) {
	w.passing.Lock()
	w.others.Members(ids)
	w.passing.Unlock()

	w.sending.Lock()
	defer w.sending.Unlock()
	w.members = slices.Clone(ids)
	for id := range w.followers {
		if !slices.Contains(ids, id) {
			delete(w.followers, id)
		}
	}
	for _, id := range ids {
		if number := w.early[id]; number != 0 {
			w.answer(id, number)
		}
	}
	clear(w.early)
	w.wake()
}

// Here notes a user's first session on this node. The others know of it, as far
// as they have asked, when Tell has returned.
func (w *Whereabouts) Here(userID string) {
	w.own.Lock()
	defer w.own.Unlock()
	w.own.Here(Hash(userID))
}

// Gone notes the end of a user's last session on this node.
func (w *Whereabouts) Gone(userID string) {
	w.own.Lock()
	defer w.own.Unlock()
	w.own.Gone(Hash(userID))
	w.wake()
}

// Tell has what Here and Gone have noted on the way to the others: before anything
// that is sent to them from now on.
func (w *Whereabouts) Tell() {
	w.sending.Lock()
	defer w.sending.Unlock()
	w.tell()
}

func (w *Whereabouts) tell() {
	w.own.Lock()
	if !w.own.Changed() {
		w.own.Unlock()
		return
	}
	here, gone := w.own.Changes()
	w.own.Unlock()
	if len(here)+len(gone) <= chunk {
		for id := range w.followers {
			w.o.Must(id, &message.Whereabouts{Here: here, Gone: gone})
		}
		return
	}
	for id := range w.followers {
		for some := range slices.Chunk(gone, chunk) {
			w.o.Must(id, &message.Whereabouts{Gone: some})
		}
		for some := range slices.Chunk(here, chunk) {
			w.o.Must(id, &message.Whereabouts{Here: some})
		}
	}
}

// answer answers a question. The first one of a node has it told of everyone.
func (w *Whereabouts) answer(node string, number uint64) {
	w.tell()
	if _, follows := w.followers[node]; !follows {
		w.followers[node] = struct{}{}
		w.own.Lock()
		all := w.own.All()
		w.own.Unlock()
		for some := range slices.Chunk(all, chunk) {
			w.o.Must(node, &message.Whereabouts{Here: some})
		}
	}
	w.o.Must(node, &message.WhereaboutsAnswered{Ask: number})
}

// Take does what a message from another node says, and reports whether it is one
// of this package's. What comes from one node is to be taken in order.
func (w *Whereabouts) Take(from string, m any) bool {
	switch m := m.(type) {
	case *message.Whereabouts:
		w.onTold(from, m)
	case *message.WhereaboutsAsked:
		w.onAsked(from, m.Ask)
	case *message.WhereaboutsAnswered:
		w.onAnswered(from, m.Ask)
	default:
		return false
	}
	return true
}

func (w *Whereabouts) onTold(from string, m *message.Whereabouts) {
	w.passing.Lock()
	defer w.passing.Unlock()
	w.others.Gone(from, m.Gone)
	w.replay(from, w.others.Here(from, m.Here))
}

func (w *Whereabouts) onAsked(from string, number uint64) {
	w.sending.Lock()
	defer w.sending.Unlock()
	if !slices.Contains(w.members, from) {
		w.early[from] = number // it has gone on to a view that this node is about to
		return
	}
	w.answer(from, number)
}

func (w *Whereabouts) onAnswered(from string, number uint64) {
	w.passing.Lock()
	defer w.passing.Unlock()
	if w.others.Answered(from, number) {
		w.wake()
	}
}

// Pass passes m on to those of the nodes that have to do with it: to each with what
// goes to its listeners, if it is one of joined, and with what is for people, if
// some of them are or may be there. send is called for each node in turn. m is
// kept for as long as it may be for more of them.
func (w *Whereabouts) Pass(m *message.Relayed, nodes, joined []string, send func(node string, listens, people bool)) {
	users := usersOf(m)
	listens := func(node string) bool { return slices.Contains(joined, node) }
	// Who has joined a direct conversation is one of its people. That nothing else
	// was heard of those may be late; a join's answer goes with what it counts.
	direct := func(node string) bool {
		return m.People != nil && (listens(node) ||
			slices.ContainsFunc(m.Join, func(s message.Subscription) bool { return s.Origin.Node() == node }))
	}
	w.passing.Lock()
	defer w.passing.Unlock()
	for _, node := range nodes {
		send(node, listens(node), direct(node) || w.others.Has(node, users))
	}
	size, worth := weigh(m)
	if !worth {
		return
	}
	w.others.Keep(m, size, users, direct, listens)
	for {
		node, kept, over := w.others.Overfull()
		if !over {
			break
		}
		w.replay(node, kept)
	}
	if w.others.log.len() > 0 {
		w.wake()
	}
}

// Flush sends a node all that is kept for it: before it is told that this node has
// given up what is not its own any more, so that the next owner's word does not
// come to it ahead of this one's.
func (w *Whereabouts) Flush(node string) {
	w.passing.Lock()
	defer w.passing.Unlock()
	w.replay(node, w.others.All(node))
}

// replay sends a node what was kept for it.
func (w *Whereabouts) replay(node string, kept []Kept[*message.Relayed]) {
	for _, k := range kept {
		if again := k.M.ForPeople(k.Listened); again != nil {
			w.o.Relay(node, again)
		}
	}
}

// fewUsers is how many are looked through for one that is named twice.
const fewUsers = 16

// usersOf names those who are to hear m without having joined. Of a direct
// conversation it is both, also one who was removed: that node has to know that
// it hears no more.
func usersOf(m *message.Relayed) []uint64 {
	var ids []string
	add := func(more []string) {
		for _, id := range more {
			if len(ids) > fewUsers || !slices.Contains(ids, id) {
				ids = append(ids, id)
			}
		}
	}
	add(m.People)
	add(m.Pair)
	for i := range m.Deliver {
		add(m.Deliver[i].Users)
	}
	users := make([]uint64, len(ids))
	for i, id := range ids {
		users[i] = Hash(id)
	}
	return users
}

// weigh returns how much of m is for people, in bytes, and whether anything is
// that they would miss: also that there is something to look for.
func weigh(m *message.Relayed) (size int, worth bool) {
	size, worth = entryOverhead, m.People != nil && m.FromSeq != 0 && (m.FromSeq < m.LastSeq || m.FromRev+1 < m.NextRev)
	for i := range m.Deliver {
		if d := &m.Deliver[i]; len(d.Users) > 0 {
			size += entryOverhead + len(d.Data)
			worth = true
		}
	}
	return size, worth
}

func (w *Whereabouts) wake() {
	select {
	case w.kick <- struct{}{}:
	default:
	}
}

// Run asks the others and tells them who has gone, when there is something to ask
// or to tell, until ctx ends.
func (w *Whereabouts) Run(ctx context.Context) {
	for {
		select {
		case <-ctx.Done():
			return
		case <-w.kick:
		}
		w.Tell()
		w.Ask()
		select {
		case <-ctx.Done():
			return
		case <-time.After(pace):
		}
	}
}

// Ask sends the questions that are due: Run does it.
func (w *Whereabouts) Ask() {
	w.passing.Lock()
	defer w.passing.Unlock()
	for _, ask := range w.others.Asks() {
		w.o.Must(ask.Node, &message.WhereaboutsAsked{Ask: ask.Number})
	}
}

// Stats returns the counts.
func (w *Whereabouts) Stats() Stats {
	w.passing.Lock()
	defer w.passing.Unlock()
	return w.others.Stats()
}
