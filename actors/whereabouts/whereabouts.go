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
	// Must sends a message that must reach another node; Relay sends events for its
	// sessions. Both keep the order of all messages to one node, do not block and
	// do not call back. See outbox.Outbox.
	Must  func(node string, m any)
	Relay func(node string, m any)
	// Entries and Bytes bound the messages that are kept for other nodes, in number
	// and size. Default: 4,096 and 8 MiB.
	Entries, Bytes int
}

// pace is the least time between two questions to a node, and how long a notice
// that a user has gone may be put off when there is no other notice to send.
const pace = 50 * time.Millisecond

// chunk is the most users that one notice names.
const chunk = 8192

// entryOverhead is what a kept message takes beside its data, in bytes.
const entryOverhead = 512

// Whereabouts sends and takes in the notices, questions and answers of one node,
// and passes messages for people on by what it knows: see the package's comment.
// It is safe for concurrent use and does not block. Here and Gone may be called
// under any lock, the other methods only under locks that Must and Relay do not
// take.
type Whereabouts struct {
	o    Options
	kick chan struct{}

	// sending is held while notices and answers are sent. It is locked before own.
	sending   sync.Mutex
	followers map[string]struct{} // nodes that have asked, and so understand notices
	members   []string
	early     map[string]uint64 // node -> its question, of nodes that are no members yet

	own struct {
		sync.Mutex
		Own
	}

	// passing is held while a message is passed on, so that messages kept for a
	// node and those that come after them are sent in order.
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

// Members sets which other nodes there are. It is called after the Switched for the
// view that has them was sent to them.
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

// Here notes a user's first session on this node. Tell sends the notice of it to
// the nodes that have asked.
func (w *Whereabouts) Here(userID string) {
	w.own.Lock()
	defer w.own.Unlock()
	w.own.Here(Hash(userID))
}

// Gone notes the end of a user's last session on this node. Tell, or Run soon
// after, sends the notice of it.
func (w *Whereabouts) Gone(userID string) {
	w.own.Lock()
	defer w.own.Unlock()
	w.own.Gone(Hash(userID))
	w.wake()
}

// Tell sends the notices of what Here and Gone have noted. When it returns, they
// are on the links ahead of anything that is sent later.
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

// answer answers a node's question. Before the answer to its first one, that node
// gets notices of all users who are here. w.sending is held.
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

// Take handles a message from another node and reports whether it is one of this
// package's: a notice, a question or an answer. Those of one node must be given to
// it in the order in which they came.
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
		w.early[from] = number // that node has adopted a view that this one has not yet
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

// Pass passes m on to nodes. It calls send for each of them in turn: listens says
// whether that node is one of joined, so that it needs the part of m for listeners;
// people whether it has, or may have, some of the users that m is for. For the other
// nodes m is kept until it is certain that they have none of these users.
func (w *Whereabouts) Pass(m *message.Relayed, nodes, joined []string, send func(node string, listens, people bool)) {
	users := usersOf(m)
	listens := func(node string) bool { return slices.Contains(joined, node) }
	// A session that has joined a direct conversation is one of its two people's,
	// so its node needs the part for people, even when the notice of that user has
	// not come yet. So does the node that gets the answer to a join.
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

// At returns, for each other node that has told of sessions of some of these users,
// who they are.
func (w *Whereabouts) At(userIDs []string) map[string][]string {
	w.passing.Lock()
	defer w.passing.Unlock()
	at := map[string][]string{}
	for _, user := range userIDs {
		w.others.Nodes(Hash(user), func(node string) { at[node] = append(at[node], user) })
	}
	return at
}

// Flush sends a node all that is kept for it. It is called before the Settled by
// which this node gives up ids that it has lost, so that messages of their next
// owner cannot come ahead of those that are kept here.
func (w *Whereabouts) Flush(node string) {
	w.passing.Lock()
	defer w.passing.Unlock()
	w.replay(node, w.others.All(node))
}

// replay sends a node messages that were kept for it.
func (w *Whereabouts) replay(node string, kept []Kept[*message.Relayed]) {
	for _, k := range kept {
		if again := k.M.ForPeople(k.Listened); again != nil {
			w.o.Relay(node, again)
		}
	}
}

// fewUsers is the length up to which a list of users is searched for repeats.
const fewUsers = 16

// usersOf returns the hashes of the users who are to hear m whether or not they
// have joined. Of a direct conversation these are both people, even one who was
// removed: that user's node has to learn of the removal.
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

// weigh returns the size in bytes of the part of m that is for people, and whether
// it is worth keeping: it holds events, or it says that there are events to be
// fetched from the store.
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

// Run sends the questions and notices that are due, until ctx ends.
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

// Ask sends the questions that are due. Run calls it.
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
