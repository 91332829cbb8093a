package simulation

import (
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/corrillo/corrillo/actors/rules"
	"github.com/corrillo/corrillo/wire"
)

// Options are the size of a world. Zero fields take the default in their
// comment.
type Options struct {
	Nodes         int           // at the start; default 2 to 5, by the seed
	Conversations int           // default 1 to 4
	Clients       int           // default 3 to 8
	Chaos         time.Duration // virtual time with faults; default 10 s to 40 s
	Trace         bool          // keep what has happened for Result
}

// Result is what became of a world.
type Result struct {
	Steps    int // events that happened
	Messages int // acked
	// Bounced, Retold and Fenced count rare paths, to show that they were taken: see
	// placement.Stats for the first two.
	Bounced, Retold, Fenced int64
	Views                   uint64
	Trace                   []string
}

// settleWithin is the virtual time within which nothing may wait any more once the
// faults have stopped.
const settleWithin = 90 * time.Second

// start is the time at which the virtual clock begins.
var start = time.Date(2025, 3, 1, 12, 0, 0, 0, time.UTC)

// world is a cluster, its store, its clients and the virtual time.
type world struct {
	o     Options
	rng   *rand.Rand
	now   time.Duration
	queue queue
	steps int
	calm  bool  // the faults have stopped
	err   error // the first broken promise
	trace []string

	rules         rules.Options
	nodes         []*node // all that ever were
	registry      registry
	store         *store
	clients       []*client
	conversations []string
	people        map[string][]string // of direct conversations
	refused       map[string]bool     // messages, by tempId
	result        Result
	made          int // how many messages there are, for their ids
}

// Run plays the world of a seed to its end. The error says which promise was broken
// first, and when.
func Run(seed uint64, o Options) (Result, error) {
	w := newWorld(seed, o)
	w.run(w.o.Chaos)
	w.settle()
	for _, n := range w.nodes {
		s := n.router.Stats()
		w.result.Bounced += s.Bounced
		w.result.Retold += s.Retold
	}
	w.result.Steps, w.result.Views, w.result.Fenced = w.steps, w.registry.view.Generation, w.store.fenced
	w.result.Trace = w.trace
	return w.result, w.err
}

func newWorld(seed uint64, o Options) *world {
	w := &world{store: newStore(), people: map[string][]string{}, refused: map[string]bool{}}
	w.rng = rand.New(rand.NewPCG(seed, 0x5eed)) //nolint:gosec // a seed has to play the same again
	pick := func(v *int, least, most int) {
		n := least + w.rng.IntN(most-least+1) // drawn in any case: the same seed, the same faults
		if *v == 0 {
			*v = n
		}
	}
	pick(&o.Nodes, 2, 5)
	pick(&o.Conversations, 1, 4)
	pick(&o.Clients, 3, 8)
	chaos := 10*time.Second + rand2(w, 30*time.Second)
	if o.Chaos == 0 {
		o.Chaos = chaos
	}
	w.o = o
	w.rules = rules.Options{Gather: true, Shared: true}
	for i := range o.Conversations {
		id := fmt.Sprintf("c%d-%d", seed, i)
		if w.rng.IntN(4) == 0 {
			pair := []string{"u0", fmt.Sprint("u", 1+w.rng.IntN(o.Clients-1))}
			if direct := wire.DirectID(pair[0], pair[1]); w.people[direct] == nil {
				id, w.people[direct] = direct, pair
			}
		}
		w.conversations = append(w.conversations, id)
	}
	for range o.Nodes {
		w.startNode()
	}
	for i := range o.Clients {
		w.clients = append(w.clients, newClient(w, i))
	}
	w.plan()
	return w
}

func rand2(w *world, most time.Duration) time.Duration {
	return time.Duration(w.rng.Int64N(int64(most)))
}

// lag returns a random delay below most, and far below it in most cases.
func (w *world) lag(most time.Duration) time.Duration {
	if w.rng.IntN(8) > 0 {
		most = most/32 + 1
	}
	return rand2(w, most)
}

// chance is true once in so many times while there are faults.
func (w *world) chance(in int) bool { return !w.calm && w.rng.IntN(in) == 0 }

// after schedules do to happen in d, in a node's process, or outside of all if n is
// nil.
func (w *world) after(d time.Duration, n *node, do func()) {
	w.queue.push(event{at: w.now + d, node: n, do: do})
}

func (w *world) clock() time.Time { return start.Add(w.now) }

// broken notes a promise that does not hold.
func (w *world) broken(format string, args ...any) {
	if w.err == nil {
		w.err = fmt.Errorf("at %v, step %d: "+format, append([]any{w.now, w.steps}, args...)...)
		w.note("BROKEN: %v", w.err)
	}
}

func (w *world) note(format string, args ...any) {
	if w.o.Trace {
		w.trace = append(w.trace, fmt.Sprintf("%12v ", w.now)+fmt.Sprintf(format, args...))
	}
}

// run plays what happens within d.
func (w *world) run(d time.Duration) {
	end := w.now + d
	for w.err == nil && len(w.queue.heap) > 0 && w.queue.heap[0].at <= end {
		w.step()
	}
	w.now = end
}

func (w *world) step() {
	e := w.queue.pop()
	w.now = e.at
	if e.node != nil {
		if e.node.dead {
			return
		}
		if e.node.paused {
			e.node.backlog = append(e.node.backlog, e)
			return
		}
	}
	w.steps++
	e.do()
}

// settle stops the faults and plays on until everything has come to rest.
func (w *world) settle() {
	w.calm = true
	for _, n := range w.nodes {
		n.resume()
		n.unblock()
	}
	w.run(10 * time.Second)
	for _, id := range w.conversations {
		for _, c := range w.clients { // one more message, so that everybody learns what is missing
			if c.takesPart(id) {
				c.post(id)
				break
			}
		}
	}
	var why string
	for end := w.now + settleWithin; w.now < end && w.err == nil; {
		w.run(time.Second)
		if why = w.unsettled(); why == "" {
			w.run(5 * time.Second) // nothing may come any more
			if why = w.unsettled(); why == "" {
				w.checkStore()
				w.checkOrder()
				return
			}
		}
	}
	w.broken("not at rest after %v: %s", settleWithin, why)
}
